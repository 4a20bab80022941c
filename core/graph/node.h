#pragma once

// The node behind an array handle. Only graph, transform and eval look inside.

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/graph/attrs.h"
#include "mlx/core/graph/op.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// The outputs of one multi-output operation live and die together: none is
/// destroyed while a handle to any of them exists.
struct SiblingGroup {
  std::atomic<uint32_t> alive{0};
  std::vector<Node*> nodes;
};

struct Node {
  Node(Shape shape, Dtype dtype) : dtype(dtype), shape(std::move(shape)) {}

  std::atomic<uint32_t> references{0};
  std::atomic<uint8_t> status{array::unscheduled};
  bool tracer = false;
  array::Flags flags{};
  Dtype dtype;
  uint16_t sibling_position = 0;
  /// Used by one evaluation or one transform at a time, for marks of its own.
  uint32_t mark = 0;

  Shape shape;
  Strides strides;
  size_t size = 0;
  size_t data_size = 0;
  int64_t offset = 0;  // bytes

  const Op* op = nullptr;
  Attrs attrs;
  Stream stream{0, Device(Device::cpu)};
  std::vector<array> inputs;
  SiblingGroup* group = nullptr;
  /// Borrowed handles: they do not count as references.
  std::vector<array> siblings;

  std::shared_ptr<array::Data> data;
  Event event;
  std::shared_ptr<Primitive> primitive;
  /// Position in the order of creation.
  uint64_t sequence = 0;

  static void retain(Node* node) noexcept;
  static void release(Node* node) noexcept;
};

/// A leaf or a result without an operation yet, with one handle.
array make_array(Shape shape, Dtype dtype);

/// Makes the outputs of one operation siblings of each other.
void link_siblings(const Arrays& outputs);

/// Number of elements. Errors: std::invalid_argument on a negative size.
size_t element_count(const Shape& shape);

/// Row-major strides in elements.
Strides row_major(const Shape& shape);

/// Elements of memory from the first to the last that the strides reach, 0 if there are none.
size_t strided_span(const Shape& shape, const Strides& strides);

/// Flags of a view with these strides that spans `data_size` elements.
array::Flags layout_flags(const Shape& shape, const Strides& strides, size_t data_size);

/// Makes `out`, which has its shape, a view of `in`'s memory with these strides
/// in elements, `offset` elements behind in's first.
void share_strided(array& out, const array& in, const Strides& strides, int64_t offset = 0);

/// The first result of the operation that `node` is a result of.
inline Node* first_result(Node* node) {
  return node->group == nullptr ? node : node->group->nodes[0];
}
inline const Node* first_result(const Node* node) {
  return node->group == nullptr ? node : node->group->nodes[0];
}

}  // namespace mlx::core
