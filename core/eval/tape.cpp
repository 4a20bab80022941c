#include "mlx/core/eval/tape.h"

#include <algorithm>

#include "mlx/core/base/error.h"

namespace mlx::core {
namespace {

bool must_run(const Node* node) {
  return node->status.load(std::memory_order_acquire) == array::unscheduled;
}

struct Frame {
  Node* node;
  size_t next_input;
};

// Depth-first walk with an explicit stack: graphs may be millions deep.
class Walk {
 public:
  explicit Walk(Tape& tape) : tape_(tape) {}

  void discover_from(Node* root) {
    if (!must_run(root)) {
      return;
    }
    discover(representative(root));
    while (!stack_.empty()) {
      Frame& top = stack_.back();
      if (top.next_input == top.node->inputs.size()) {
        tape_.order.push_back(top.node->mark);
        stack_.pop_back();
        continue;
      }
      Node* input = top.node->inputs[top.next_input++].node();
      if (must_run(input)) {
        discover(representative(input));
        ++tape_.entries[representative(input)->mark].uses;
      }
    }
  }

 private:
  void discover(Node* node) {
    if (tape_.contains(node)) {
      return;
    }
    if (node->op == nullptr) {
      throw_invalid("[eval] An array of shape ", node->shape,
                    " stands for an argument of a function that is being traced (compile, vmap) "
                    "and has no value: return what depends on it instead of evaluating it. To look "
                    "at values, call disable_compile() or set MLX_DISABLE_COMPILE=1.");
    }
    node->mark = static_cast<uint32_t>(tape_.entries.size());
    tape_.entries.push_back({node});
    stack_.push_back({node, 0});
  }

  Tape& tape_;
  std::vector<Frame> stack_;
};

// The same walk over entries that are known, from other roots.
void reorder(Tape& tape, std::span<const uint32_t> roots) {
  std::vector<bool> seen(tape.entries.size(), false);
  std::vector<Frame> stack;
  tape.order.clear();
  for (uint32_t root : roots) {
    if (seen[root]) {
      continue;
    }
    seen[root] = true;
    stack.push_back({tape.entries[root].node, 0});
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next_input == top.node->inputs.size()) {
        tape.order.push_back(top.node->mark);
        stack.pop_back();
        continue;
      }
      Node* input = top.node->inputs[top.next_input++].node();
      if (!must_run(input)) {
        continue;
      }
      input = representative(input);
      if (!seen[input->mark]) {
        seen[input->mark] = true;
        stack.push_back({input, 0});
      }
    }
  }
}

void ordered_first(Tape& tape) {
  std::vector<uint32_t> roots;
  for (uint32_t i = 0; i < tape.entries.size(); ++i) {
    if (tape.entries[i].node->op->ordered) {
      roots.push_back(i);
    }
  }
  if (roots.empty()) {
    return;
  }
  std::sort(roots.begin(), roots.end(), [&](uint32_t a, uint32_t b) {
    return tape.entries[a].node->sequence < tape.entries[b].node->sequence;
  });
  const std::vector<uint32_t> rest = tape.order;
  roots.insert(roots.end(), rest.begin(), rest.end());
  reorder(tape, roots);
}

}  // namespace

TapeEntry& Tape::entry(const Node* node) {
  return entries[representative(const_cast<Node*>(node))->mark];
}

bool Tape::contains(const Node* node) const {
  return node->mark < entries.size() && entries[node->mark].node == node;
}

bool Tape::is_retained(const TapeEntry& entry) const {
  return entry.node->references.load(std::memory_order_acquire) > entry.uses;
}

Tape collect(std::span<const array> outputs) {
  Tape tape;
  Walk walk(tape);
  for (const array& out : outputs) {
    walk.discover_from(out.node());
  }
  ordered_first(tape);
  return tape;
}

}  // namespace mlx::core
