#pragma once

// What the library knows about one operation, as constant data.

#include <span>
#include <string_view>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/graph/attrs.h"
#include "mlx/core/stream.h"

namespace mlx::core {

struct TileProgram;

using Inputs = std::span<const array>;
using Arrays = std::vector<array>;

/// Shape and dtype of one result.
struct Type {
  Shape shape;
  Dtype dtype;
};

/// What a vjp rule gets. It returns one cotangent for each of `argnums`, with
/// that input's shape and dtype (make_zeros where none flows).
struct VjpArgs {
  Inputs inputs;
  Inputs cotangents;  // one for each output
  std::span<const int> argnums;
  Inputs outputs;
  const Attrs& attrs;
  Stream stream;
};

/// What a jvp rule gets. It returns one tangent for each output.
struct JvpArgs {
  Inputs inputs;
  Inputs tangents;  // one for each of argnums
  std::span<const int> argnums;
  Inputs outputs;
  const Attrs& attrs;
  Stream stream;
};

/// What a vmap rule gets: for each input the axis that is mapped, or -1 if it
/// is not. At least one is.
struct VmapArgs {
  Inputs inputs;
  std::span<const int> axes;
  const Attrs& attrs;
  Stream stream;
};

/// The outputs over all of the mapped axis, and where it is in each.
struct Mapped {
  Arrays outputs;
  std::vector<int> axes;
};

/// What a kernel gets. The inputs are evaluated; the kernel gives each output
/// its data (set_data or copy_shared_buffer).
struct KernelArgs {
  std::span<array> inputs;
  std::span<array> outputs;
  const Attrs& attrs;
  /// An element-wise group's program; for a reduction the program that makes
  /// its operand from the inputs, or null when the operand is inputs[0].
  const TileProgram* program;
  /// The shape that the program runs over.
  const Shape* shape;
  Stream stream;
  /// What Turns::reserve returned; 0 for an op without turns.
  uint64_t turn = 0;
};

/// For ops whose runs must follow the program's order on whatever streams they
/// are (the collectives of one group).
struct Turns {
  /// Called in that order, on the evaluating thread. Not 0.
  uint64_t (*reserve)(const Attrs&);
  /// The task has failed, perhaps before its kernel could take the turn.
  void (*forgo)(const Attrs&, uint64_t turn);
};

/// Errors: an exception becomes the error of the outputs.
using Kernel = void (*)(const KernelArgs&);

/// The element-wise side of an op: a row of elementwise.def.
struct ElementwiseRow {
  uint16_t opcode;
  int arity;
  /// The dtype that operand `index` is cast to before the instruction.
  Dtype (*operand)(Inputs inputs, int index);
};

struct Op {
  std::string_view name;
  /// Shape and dtype of the one result; throws on inputs that the op cannot
  /// take. Null if infer_all is there.
  Type (*infer)(Inputs, const Attrs&) = nullptr;
  /// The same for an op with several results.
  std::vector<Type> (*infer_all)(Inputs, const Attrs&) = nullptr;
  /// Null: not differentiable.
  Arrays (*vjp)(const VjpArgs&) = nullptr;
  /// Null: derived from vjp, which is linear in its cotangents.
  Arrays (*jvp)(const JvpArgs&) = nullptr;
  /// Null: element-wise ops follow from their row; all others are refused.
  Mapped (*vmap)(const VmapArgs&) = nullptr;
  /// For ops that bring their own kernel for every device: views, collectives, custom ops.
  Kernel run = nullptr;
  /// Not null: an element-wise op, run by tile programs.
  const ElementwiseRow* row = nullptr;
  /// A reduction that can take a tile program as its producer.
  bool fuses_producer = false;
  /// Runs in the order in which the program created the nodes (collectives).
  bool ordered = false;
  /// Whether the node holds for these sizes of inputs only, since sizes are in
  /// its attributes or were checked before it was made: shapeless compilation
  /// cannot repeat it on others. Null: infer covers all that depends on sizes.
  bool (*holds_sizes)(const Attrs&) = nullptr;
  /// Null: runs as soon as its stream comes to it.
  const Turns* turns = nullptr;
};

/// For Op::holds_sizes.
inline constexpr bool (*kAlways)(const Attrs&) = [](const Attrs&) { return true; };

/// A new node with one result. Shape and dtype come from op.infer.
array make_node(const Op& op, std::vector<array> inputs, Attrs attrs, Stream stream);

/// A new node with several results, which know each other as siblings.
Arrays make_nodes(const Op& op, std::vector<array> inputs, Attrs attrs, Stream stream);

}  // namespace mlx::core
