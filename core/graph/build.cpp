// Making nodes: an op, its inputs and its attributes become arrays.

#include "mlx/core/graph/build.h"

#include <algorithm>

#include "mlx/core/graph/node.h"

namespace mlx::core {

uint64_t next_sequence() {
  static std::atomic<uint64_t> counter{0};
  return counter.fetch_add(1, std::memory_order_relaxed);
}

array build_node(const Op& op, Type type, std::vector<array> inputs, Attrs attrs, Stream stream) {
  array out = make_array(std::move(type.shape), type.dtype);
  Node* node = out.node();
  node->op = &op;
  node->attrs = std::move(attrs);
  node->stream = stream;
  node->tracer =
      std::any_of(inputs.begin(), inputs.end(), [](const array& x) { return x.node()->tracer; });
  node->inputs = std::move(inputs);
  node->sequence = next_sequence();
  return out;
}

array make_node(const Op& op, std::vector<array> inputs, Attrs attrs, Stream stream) {
  Type type = op.infer(inputs, attrs);
  return build_node(op, std::move(type), std::move(inputs), std::move(attrs), stream);
}

Arrays make_nodes(const Op& op, std::vector<array> inputs, Attrs attrs, Stream stream) {
  if (op.infer_all == nullptr) {
    return {make_node(op, std::move(inputs), std::move(attrs), stream)};
  }
  Arrays outputs;
  for (Type& type : op.infer_all(inputs, attrs)) {
    outputs.push_back(build_node(op, std::move(type), inputs, attrs, stream));
  }
  link_siblings(outputs);
  return outputs;
}

void link_siblings(const Arrays& outputs) {
  if (outputs.size() < 2) {
    return;
  }
  auto* group = new SiblingGroup;
  group->alive.store(static_cast<uint32_t>(outputs.size()), std::memory_order_relaxed);
  for (const array& out : outputs) {
    group->nodes.push_back(out.node());
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    Node* node = outputs[i].node();
    node->group = group;
    node->sibling_position = static_cast<uint16_t>(i);
    for (size_t k = 0; k < outputs.size(); ++k) {
      if (k != i) {
        node->siblings.emplace_back(array(outputs[k].node()));  // borrowed
      }
    }
  }
}

}  // namespace mlx::core
