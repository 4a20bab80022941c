// Forward mode: tangents from the primals to the outputs.

#include "mlx/core/base/error.h"
#include "mlx/core/graph/trace.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/transform/derivative.h"
#include "mlx/core/transform/path.h"
#include "mlx/core/transform/tracer.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace detail {
namespace {

class ForwardPass {
 public:
  ForwardPass(Inputs primals, Inputs outputs, Inputs tangents)
      : path_(find_path(primals, outputs)), tangents_(tangents.begin(), tangents.end()) {
    tangents_.resize(static_cast<size_t>(path_.slots), no_array());
  }

  void run() {
    for (const Step& step : path_.steps) {
      push_through(step);
    }
  }

  array tangent_of_output(size_t index, const array& output) const {
    const Slot slot = path_.outputs[index];
    return slot == kNoSlot ? zeros_like(output, stream_of(output))
                           : tangents_[static_cast<size_t>(slot)];
  }

 private:
  void push_through(const Step& step) {
    const std::span<const Slot> inputs = path_.inputs_of(step);
    argnums_.clear();
    arriving_.clear();
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] != kNoSlot) {
        argnums_.push_back(static_cast<int>(i));
        arriving_.push_back(tangents_[static_cast<size_t>(inputs[i])]);
      }
    }
    get_results(step, results_);
    const Arrays pushed = match(apply_rule(*step.node), results_, "[jvp] Tangents of a rule");
    for (size_t i = 0; i < pushed.size(); ++i) {
      tangents_[static_cast<size_t>(step.slot) + i] = pushed[i];
    }
  }

  Arrays apply_rule(const Node& node) const {
    if (node.op->jvp != nullptr) {
      return node.op->jvp({.inputs = node.inputs,
                           .tangents = arriving_,
                           .argnums = argnums_,
                           .outputs = results_,
                           .attrs = node.attrs,
                           .stream = node.stream});
    }
    require(node.op->vjp != nullptr, "[jvp] ", node.op->name,
            " has no derivative; wrap its input or output in stop_gradient if none is wanted.");
    return transpose_vjp(node);
  }

  // The vjp is linear in its cotangents, u = Jᵀ v, so pulling t back through
  // it gives J t. Where v is does not matter.
  Arrays transpose_vjp(const Node& node) const {
    Arrays seeds;
    for (const array& out : results_) {
      seeds.push_back(make_tracer(zeros_like(out, node.stream)));
    }
    const Arrays pulled = node.op->vjp({.inputs = node.inputs,
                                        .cotangents = seeds,
                                        .argnums = argnums_,
                                        .outputs = results_,
                                        .attrs = node.attrs,
                                        .stream = node.stream});
    return pull_back(seeds, pulled, match(arriving_, pulled, "[jvp] Tangents of a rule's inputs"));
  }

  const Path path_;
  /// By slot.
  Arrays tangents_;
  // Of the current step; members so that they keep their memory.
  Arrays arriving_;
  Arrays results_;
  std::vector<int> argnums_;
};

}  // namespace

Arrays push_forward(Inputs primals, Inputs outputs, Inputs tangents) {
  ForwardPass pass(primals, outputs, tangents);
  pass.run();
  Arrays pushed;
  for (size_t i = 0; i < outputs.size(); ++i) {
    pushed.push_back(pass.tangent_of_output(i, outputs[i]));
  }
  return pushed;
}

}  // namespace detail

std::pair<std::vector<array>, std::vector<array>> jvp(const ArraysFn& fun,
                                                      const std::vector<array>& primals,
                                                      const std::vector<array>& tangents) {
  std::pair<Arrays, Arrays> result;
  auto& [outputs, pushed] = result;
  const Arrays matched = detail::match(tangents, primals, "[jvp] Tangents");
  {
    TraceScope scope;
    const Arrays tracers = detail::make_tracers(primals);
    outputs = fun(tracers);
    pushed = detail::push_forward(tracers, outputs, matched);
  }
  detail::release_graphs(outputs);
  return result;
}

std::pair<array, array> jvp(const std::function<array(const array&)>& fun, const array& primal,
                            const array& tangent) {
  auto [outputs, pushed] =
      jvp([&](const Arrays& in) { return Arrays{fun(in[0])}; }, {primal}, {tangent});
  return {outputs[0], pushed[0]};
}

}  // namespace mlx::core
