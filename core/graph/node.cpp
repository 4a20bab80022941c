#include "mlx/core/graph/node.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/trace.h"

namespace mlx::core {

thread_local int TraceScope::depth = 0;
thread_local bool ShapelessScope::active_ = false;

namespace {

// Nodes whose last reference went while another node was being destroyed. They
// wait here instead of on the stack: a graph may be millions of nodes deep.
thread_local std::vector<Node*>* pending_nodes = nullptr;

void destroy(Node* first) {
  if (pending_nodes != nullptr) {
    pending_nodes->push_back(first);
    return;
  }
  std::vector<Node*> pending{first};
  pending_nodes = &pending;
  while (!pending.empty()) {
    Node* node = pending.back();
    pending.pop_back();
    for (array& sibling : node->siblings) {
      sibling.forget();
    }
    delete node;
  }
  pending_nodes = nullptr;
}

void destroy_group(SiblingGroup* group) {
  for (Node* node : group->nodes) {
    destroy(node);
  }
  delete group;
}

}  // namespace

void Node::retain(Node* node) noexcept {
  if (node->references.fetch_add(1, std::memory_order_relaxed) == 0 && node->group != nullptr) {
    node->group->alive.fetch_add(1, std::memory_order_relaxed);
  }
}

void Node::release(Node* node) noexcept {
  if (node->references.fetch_sub(1, std::memory_order_acq_rel) != 1) {
    return;
  }
  if (node->group == nullptr) {
    destroy(node);
  } else if (node->group->alive.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    destroy_group(node->group);
  }
}

array make_array(Shape shape, Dtype dtype) {
  auto* node = new Node(std::move(shape), dtype);
  node->references.store(1, std::memory_order_relaxed);
  array out(node);
  node->size = element_count(node->shape);
  return out;
}

size_t element_count(const Shape& shape) {
  // A zero does not excuse the other sizes: an empty array has strides too.
  int64_t count = 1;
  bool is_empty = false;
  for (ShapeElem n : shape) {
    require(n >= 0, "[array] Negative size in shape ", shape, ".");
    is_empty |= n == 0;
    require(!__builtin_mul_overflow(count, std::max<ShapeElem>(n, 1), &count) &&
                count < std::numeric_limits<int64_t>::max() / 16,
            "[array] Shape ", shape, " has too many elements.");
  }
  return is_empty ? 0 : static_cast<size_t>(count);
}

Strides row_major(const Shape& shape) {
  Strides strides(shape.size());
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

size_t strided_span(const Shape& shape, const Strides& strides) {
  int64_t span = 1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) {
      return 0;
    }
    span += std::abs(strides[i]) * (shape[i] - 1);
  }
  return static_cast<size_t>(span);
}

array::Flags layout_flags(const Shape& shape, const Strides& strides, size_t data_size) {
  bool row = true;
  bool col = true;
  int64_t row_step = 1;
  int64_t col_step = 1;
  bool overlaps = false;
  for (size_t i = shape.size(); i-- > 0;) {
    overlaps |= shape[i] != 1 && strides[i] <= 0;
    row &= shape[i] == 1 || strides[i] == row_step;
    row_step *= shape[i];
  }
  for (size_t i = 0; i < shape.size(); ++i) {
    col &= shape[i] == 1 || strides[i] == col_step;
    col_step *= shape[i];
  }
  const size_t size = static_cast<size_t>(row_step);
  if (size <= 1) {
    row = col = true;
  }
  array::Flags flags;
  flags.contiguous = (data_size == size && !overlaps) || size <= 1;
  flags.row_contiguous = row;
  flags.col_contiguous = col;
  return flags;
}

void append(std::string& out, const Shape& shape) {
  out += '(';
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) {
      out += ',';
    }
    append(out, shape[i]);
  }
  out += ')';
}

void share_strided(array& out, const array& in, const Strides& strides, int64_t offset) {
  const size_t span = strided_span(out.shape(), strides);
  out.copy_shared_buffer(in, strides, layout_flags(out.shape(), strides, span), span, offset);
}

}  // namespace mlx::core
