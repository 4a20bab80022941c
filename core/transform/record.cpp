// Recording: run the function on placeholders, then list what it built.

#include "mlx/core/transform/record.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/build.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/graph/trace.h"
#include "mlx/core/ops/elementwise_ops.h"
#include "mlx/core/transform/custom.h"
#include "mlx/core/transform/tracer.h"

namespace mlx::core::detail {
namespace {

size_t result_count(const Node* node) {
  return node->group == nullptr ? 1 : node->group->nodes.size();
}

const Node* result(const Node* node, size_t i) {
  return node->group == nullptr ? node : node->group->nodes[i];
}

// Dtype, rank and bytes of a scalar that has a value; empty for all else.
std::string value_key(const array& x) {
  if (x.size() != 1 || x.status() != array::available) {
    return {};
  }
  std::string key{static_cast<char>(x.dtype().val()), static_cast<char>(x.ndim())};
  key.append(x.data<char>(), x.itemsize());
  return key;
}

class Recorder {
 public:
  // `begin`: what has a smaller sequence existed before the function ran.
  Recorder(Inputs inputs, Inputs placeholders, uint64_t begin, bool simplify)
      : inputs_(inputs), begin_(begin), simplify_(simplify) {
    for (const array& placeholder : placeholders) {
      slots_.emplace(placeholder.node(), static_cast<Recording::Slot>(slots_.size()));
      recording_.inputs.push_back({placeholder.shape(), placeholder.dtype()});
    }
  }

  Recording list(Inputs outputs) {
    for (const array& out : outputs) {
      find(out);
    }
    for (size_t i = 0; i < found_.size(); ++i) {
      for (const array& in : found_[i]->inputs) {
        find(in);
      }
    }
    std::sort(found_.begin(), found_.end(),
              [](const Node* a, const Node* b) { return a->sequence < b->sequence; });
    for (const Node* node : found_) {
      add(node);
    }
    for (const array& out : outputs) {
      recording_.outputs.push_back(slot_of(out));
    }
    return std::move(recording_);
  }

 private:
  bool is_constant(const Node* node) const {
    return node->op == nullptr || node->sequence < begin_ ||
           node->status.load(std::memory_order_acquire) != array::unscheduled;
  }

  // The array that `x` is the same as. Derivatives inside the function have
  // been taken, and a recording is not differentiated.
  const array& behind(const array& x) const {
    const array* at = &x;
    while (simplify_ && at->node()->sequence >= begin_) {
      const Node& node = *at->node();
      if (node.op == &kTracer || node.op == &kStopGradient) {
        at = &node.inputs[0];
      } else if (const array* result = result_behind_custom(node)) {
        at = result;
      } else {
        break;
      }
    }
    return *at;
  }

  Recording::Slot slot_of(const array& x) const { return slots_.at(behind(x).node()); }

  void find(const array& x) {
    const array& at = behind(x);
    if (slots_.contains(at.node())) {
      return;
    }
    if (is_constant(at.node())) {
      add_constant(at);
    } else if (const Node* node = first_result(at.node()); seen_.insert(node).second) {
      found_.push_back(node);
    }
  }

  void add_constant(const array& x) {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      require(x.node() != inputs_[i].node(), "[compile] Input ", i,
              " is also captured by the function, where it would stay a constant: use the "
              "argument instead.");
    }
    const auto slot =
        static_cast<Recording::Slot>(recording_.inputs.size() + recording_.constants.size());
    const std::string key = simplify_ ? value_key(x) : std::string();
    const auto known = key.empty() ? values_.end() : values_.find(key);
    if (known != values_.end()) {
      slots_.emplace(x.node(), known->second);
      return;
    }
    slots_.emplace(x.node(), slot);
    recording_.constants.push_back(x);
    if (!key.empty()) {
      values_.emplace(key, slot);
    }
  }

  // Inputs have been added before: they were made before.
  void add(const Node* node) {
    operands_.clear();
    for (const array& in : node->inputs) {
      operands_.push_back(slot_of(in));
    }
    const bool may_merge = simplify_ && !node->op->ordered;
    const size_t hash = may_merge ? hash_of(node) : 0;
    if (may_merge) {
      const auto [begin, end] = added_.equal_range(hash);
      const auto same =
          std::find_if(begin, end, [&](const auto& entry) { return is_same(entry.second, node); });
      if (same != end) {
        give_slots(node, same->second.first_result);
        return;
      }
    }
    const auto first = static_cast<Recording::Slot>(
        recording_.inputs.size() + recording_.constants.size() + recording_.results.size());
    if (may_merge) {
      added_.emplace(hash, Added{recording_.steps.size(), recording_.operands.size(), first});
    }
    add_step(node);
    give_slots(node, first);
  }

  void add_step(const Node* node) {
    const size_t results = result_count(node);
    recording_.steps.push_back({node->op, node->attrs, node->stream,
                                static_cast<uint32_t>(operands_.size()),
                                static_cast<uint32_t>(results)});
    recording_.operands.insert(recording_.operands.end(), operands_.begin(), operands_.end());
    for (size_t i = 0; i < results; ++i) {
      recording_.results.push_back({result(node, i)->shape, result(node, i)->dtype});
    }
    const bool holds = node->op->holds_sizes != nullptr && node->op->holds_sizes(node->attrs);
    if (holds && recording_.holds_sizes == nullptr) {
      recording_.holds_sizes = node->op;
    }
  }

  void give_slots(const Node* node, Recording::Slot first) {
    for (size_t i = 0; i < result_count(node); ++i) {
      slots_.emplace(result(node, i), first + static_cast<Recording::Slot>(i));
    }
  }

  // Of the op and operands; attributes have no hash.
  size_t hash_of(const Node* node) const {
    size_t hash = std::hash<const void*>()(node->op);
    for (Recording::Slot slot : operands_) {
      hash = (hash ^ slot) * 0x9E3779B97F4A7C15u;
    }
    return hash;
  }

  struct Added {
    size_t step;
    size_t first_operand;
    Recording::Slot first_result;
  };

  bool is_same(const Added& added, const Node* node) const {
    const Recording::Step& step = recording_.steps[added.step];
    const auto operands = recording_.operands.begin() + static_cast<ptrdiff_t>(added.first_operand);
    return step.op == node->op && step.stream == node->stream &&
           step.operands == operands_.size() &&
           std::equal(operands_.begin(), operands_.end(), operands) && step.attrs == node->attrs;
  }

  const Inputs inputs_;
  const uint64_t begin_;
  const bool simplify_;
  Recording recording_;
  std::unordered_map<const Node*, Recording::Slot> slots_;
  /// Scalar constants by value.
  std::unordered_map<std::string, Recording::Slot> values_;
  std::unordered_set<const Node*> seen_;
  /// Operations to record, each by its first result.
  std::vector<const Node*> found_;
  std::unordered_multimap<size_t, Added> added_;
  /// Of the node that is being added.
  std::vector<Recording::Slot> operands_;
};

// An array that has a type and nothing else: to evaluate it is an error.
array make_placeholder(const array& like) {
  array placeholder = make_array(like.shape(), like.dtype());
  placeholder.set_tracer(true);
  return placeholder;
}

}  // namespace

Recording record(const std::function<Arrays(const Arrays&)>& fun, const Arrays& inputs,
                 RecordOptions options) {
  Recording recording;
  {
    TraceScope scope;
    ShapelessScope shapeless(options.shapeless);
    Arrays placeholders;
    for (const array& in : inputs) {
      placeholders.push_back(make_placeholder(in));
    }
    const uint64_t begin = next_sequence();
    const Arrays outputs = fun(placeholders);
    recording = Recorder(inputs, placeholders, begin, options.simplify).list(outputs);
  }
  release_graphs(recording.constants);
  return recording;
}

}  // namespace mlx::core::detail
