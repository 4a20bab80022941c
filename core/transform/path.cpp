#include "mlx/core/transform/path.h"

#include <algorithm>

#include "mlx/core/ops/elementwise_ops.h"
#include "mlx/core/transform/custom.h"

namespace mlx::core::detail {
namespace {

// Depth first with an explicit stack: graphs may be millions deep. Node::mark
// is the index in `visited_`; it is read only here, before any rule or user
// code runs that could start an evaluation with marks of its own.
class Search {
 public:
  Search(Path& path, Inputs primals, Follow follow) : path_(path), follow_(follow) {
    for (const array& primal : primals) {
      oldest_ = std::min(oldest_, primal.node()->sequence);
      visit(primal.node());
      visited_.back().slot = path_.slots++;
    }
  }

  void search_from(Node* output) {
    if (is_dead_end(output)) {
      return;
    }
    enter(first_result(output));
    while (!stack_.empty()) {
      Frame& top = stack_.back();
      if (top.next_input == inputs_followed(top.node)) {
        leave(top.node);
        stack_.pop_back();
        continue;
      }
      Node* input = top.node->inputs[top.next_input++].node();
      if (!is_dead_end(input)) {
        enter(first_result(input));
      }
    }
  }

  Slot slot_of(Node* node) const {
    const Node* first = first_result(node);
    if (!is_visited(first) || visited_[first->mark].slot == kNoSlot) {
      return kNoSlot;
    }
    return visited_[first->mark].slot + node->sibling_position;
  }

 private:
  struct Visit {
    const Node* node;
    Slot slot;
  };
  struct Frame {
    Node* node;
    size_t next_input;
  };

  bool is_visited(const Node* node) const {
    return node->mark < visited_.size() && visited_[node->mark].node == node;
  }

  size_t inputs_followed(const Node* node) const {
    return follow_ == Follow::values ? inputs_for_vmap(*node) : node->inputs.size();
  }

  // What is older than the primals cannot depend on them; a truth value has no
  // derivative. A visited primal is not asked: it has its slot.
  bool is_dead_end(const Node* node) const {
    return node->op == nullptr || node->sequence < oldest_ ||
           (follow_ == Follow::derivatives &&
            (node->op == &kStopGradient || (node->dtype == bool_ && node->group == nullptr)));
  }

  void visit(Node* node) {
    node->mark = static_cast<uint32_t>(visited_.size());
    visited_.push_back({node, kNoSlot});
  }

  void enter(Node* node) {
    if (!is_visited(node)) {
      visit(node);
      stack_.push_back({node, 0});
    }
  }

  // All inputs have been visited, so it is known which have slots.
  void leave(Node* node) {
    const auto first_edge = static_cast<uint32_t>(path_.edges.size());
    bool depends = false;
    for (size_t i = 0; i < node->inputs.size(); ++i) {
      path_.edges.push_back(i < inputs_followed(node) ? slot_of(node->inputs[i].node()) : kNoSlot);
      depends |= path_.edges.back() != kNoSlot;
    }
    if (!depends) {
      path_.edges.resize(first_edge);
      return;
    }
    const Step step{node, path_.slots, first_edge};
    visited_[node->mark].slot = path_.slots;
    path_.slots += static_cast<Slot>(result_count(step));
    path_.steps.push_back(step);
  }

  Path& path_;
  const Follow follow_;
  uint64_t oldest_ = UINT64_MAX;
  std::vector<Visit> visited_;
  std::vector<Frame> stack_;
};

// Ranks that differentiate the same collectives must do so in one order, that
// of the program, whatever the rest of their graphs looks like. Inputs are made
// before their consumers, so this order is as good as the search's.
void keep_program_order(Path& path) {
  const bool ordered = std::any_of(path.steps.begin(), path.steps.end(),
                                   [](const Step& step) { return step.node->op->ordered; });
  if (ordered) {
    std::stable_sort(path.steps.begin(), path.steps.end(), [](const Step& a, const Step& b) {
      return a.node->sequence < b.node->sequence;
    });
  }
}

}  // namespace

Path find_path(Inputs primals, Inputs outputs, Follow follow) {
  Path path;
  Search search(path, primals, follow);
  for (const array& out : outputs) {
    search.search_from(out.node());
    path.outputs.push_back(search.slot_of(out.node()));
  }
  keep_program_order(path);
  return path;
}

void get_results(const Step& step, Arrays& results) {
  results.clear();
  const size_t count = result_count(step);
  for (size_t i = 0; i < count; ++i) {
    Node* node = step.node->group == nullptr ? step.node : step.node->group->nodes[i];
    Node::retain(node);
    results.push_back(array(node));
  }
}

}  // namespace mlx::core::detail
