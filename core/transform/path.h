#pragma once

// The path of a transform: the operations between primals and outputs.

#include <cstdint>
#include <span>
#include <vector>

#include "mlx/core/graph/node.h"

namespace mlx::core::detail {

/// Every array on a path has a slot: a number under which a transform keeps
/// what belongs to it. Arrays that do not depend on the primals, and for a
/// derivative what lies behind stop_gradient, have none.
using Slot = int32_t;
inline constexpr Slot kNoSlot = -1;

/// One operation through which outputs depend on primals.
struct Step {
  /// Its first result.
  Node* node;
  /// Slot of the first result; siblings follow.
  Slot slot;
  /// Where the slots of its inputs begin in Path::edges.
  uint32_t first_edge;
};

struct Path {
  /// Inputs before their consumers.
  std::vector<Step> steps;
  std::vector<Slot> edges;
  /// The slots of the outputs. The primals' are 0, 1, ...
  std::vector<Slot> outputs;
  Slot slots = 0;

  std::span<const Slot> inputs_of(const Step& step) const {
    return {edges.data() + step.first_edge, step.node->inputs.size()};
  }
};

/// What leads from an input of an operation to its result.
enum class Follow : uint8_t {
  derivatives,  // not through stop_gradient, nor through truth values
  values,
};

/// The path from tracers that were made one after the other to arrays that
/// were computed from them afterwards. The outputs must outlive it.
Path find_path(Inputs primals, Inputs outputs, Follow follow = Follow::derivatives);

/// Number of results of the operation.
inline size_t result_count(const Step& step) {
  return step.node->group == nullptr ? 1 : step.node->group->nodes.size();
}

/// Handles to the results of the operation, in `results`.
void get_results(const Step& step, Arrays& results);

/// A handle to no node: the place of a cotangent that does not exist (yet).
inline array no_array() { return array(static_cast<Node*>(nullptr)); }
inline bool exists(const array& x) { return x.node() != nullptr; }

}  // namespace mlx::core::detail
