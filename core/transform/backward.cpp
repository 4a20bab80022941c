// Reverse mode: cotangents from the outputs to the primals.

#include "mlx/core/base/error.h"
#include "mlx/core/graph/trace.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/elementwise_ops.h"
#include "mlx/core/transform/derivative.h"
#include "mlx/core/transform/path.h"
#include "mlx/core/transform/tracer.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace detail {
namespace {

class BackwardPass {
 public:
  BackwardPass(Inputs primals, Inputs outputs)
      : path_(find_path(primals, outputs)), sums_(static_cast<size_t>(path_.slots), no_array()) {}

  void seed(Inputs cotangents, Inputs outputs) {
    for (size_t i = 0; i < cotangents.size(); ++i) {
      if (path_.outputs[i] != kNoSlot && exists(cotangents[i])) {
        accumulate(path_.outputs[i], cotangents[i], stream_of(outputs[i]));
      }
    }
  }

  void run() {
    for (size_t i = path_.steps.size(); i-- > 0;) {
      const Step& step = path_.steps[i];
      if (take_cotangents(step)) {
        pull_through(step);
      }
    }
  }

  array cotangent_of_primal(size_t index, const array& primal) {
    return exists(sums_[index]) ? sums_[index] : zeros_like(primal, stream_of(primal));
  }

 private:
  void accumulate(Slot slot, const array& cotangent, Stream stream) {
    array& sum = sums_[static_cast<size_t>(slot)];
    if (exists(sum)) {
      sum = add(sum, cotangent, stream);
    } else {
      sum = cotangent;
    }
  }

  // Moves the cotangents of the step's results out of their slots. False if none arrived.
  bool take_cotangents(const Step& step) {
    const size_t count = result_count(step);
    bool any = false;
    cotangents_.clear();
    for (size_t i = 0; i < count; ++i) {
      array& sum = sums_[static_cast<size_t>(step.slot) + i];
      any |= exists(sum);
      cotangents_.push_back(std::move(sum));
    }
    if (!any) {
      return false;
    }
    get_results(step, results_);
    for (size_t i = 0; i < count; ++i) {
      if (!exists(cotangents_[i])) {
        cotangents_[i] = zeros_like(results_[i], step.node->stream);
      }
    }
    return true;
  }

  void pull_through(const Step& step) {
    const Node& node = *step.node;
    require(node.op->vjp != nullptr, "[vjp] ", node.op->name,
            " has no derivative; wrap its input or output in stop_gradient if none is wanted.");
    const std::span<const Slot> inputs = path_.inputs_of(step);
    argnums_.clear();
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] != kNoSlot) {
        argnums_.push_back(static_cast<int>(i));
      }
    }
    const Arrays pulled = node.op->vjp({.inputs = node.inputs,
                                        .cotangents = cotangents_,
                                        .argnums = argnums_,
                                        .outputs = results_,
                                        .attrs = node.attrs,
                                        .stream = node.stream});
    require(pulled.size() == argnums_.size(), "[vjp] ", node.op->name, "'s rule: got ",
            pulled.size(), " cotangents, expected ", argnums_.size(), ".");
    for (size_t i = 0; i < pulled.size(); ++i) {
      const auto arg = static_cast<size_t>(argnums_[i]);
      const array& input = node.inputs[arg];
      require(pulled[i].shape() == input.shape(), "[vjp] ", node.op->name,
              "'s rule, cotangent of input ", arg, ": got shape ", pulled[i].shape(), ", expected ",
              input.shape(), ".");
      const bool same = pulled[i].dtype() == input.dtype();
      accumulate(inputs[arg], same ? pulled[i] : astype(pulled[i], input.dtype(), node.stream),
                 node.stream);
    }
  }

  const Path path_;
  /// By slot: the sum of the cotangents that arrived so far.
  Arrays sums_;
  // Of the current step; members so that they keep their memory.
  Arrays cotangents_;
  Arrays results_;
  std::vector<int> argnums_;
};

// One cotangent for each output; none for what stop_gradient made.
Arrays pair_cotangents(const Arrays& outputs, const Arrays& cotangents) {
  const auto is_stopped = [](const array& out) { return out.node()->op == &kStopGradient; };
  Arrays wanted;
  for (const array& out : outputs) {
    if (!is_stopped(out)) {
      wanted.push_back(out);
    }
  }
  const Arrays matched = match(cotangents, wanted, "[vjp] Cotangents");
  Arrays paired;
  size_t next = 0;
  for (const array& out : outputs) {
    paired.push_back(is_stopped(out) ? no_array() : matched[next++]);
  }
  return paired;
}

}  // namespace

Arrays pull_back(Inputs primals, Inputs outputs, Inputs cotangents) {
  BackwardPass pass(primals, outputs);
  pass.seed(cotangents, outputs);
  pass.run();
  Arrays pulled;
  for (size_t i = 0; i < primals.size(); ++i) {
    pulled.push_back(pass.cotangent_of_primal(i, primals[i]));
  }
  return pulled;
}

Arrays match(Inputs values, Inputs like, std::string_view message) {
  require(values.size() == like.size(), message, ": got ", values.size(), " arrays, expected ",
          like.size(), ".");
  Arrays matched;
  for (size_t i = 0; i < like.size(); ++i) {
    require(values[i].shape() == like[i].shape(), message, ": number ", i, " has shape ",
            values[i].shape(), ", expected ", like[i].shape(), ".");
    const bool same = values[i].dtype() == like[i].dtype();
    matched.push_back(same ? values[i] : astype(values[i], like[i].dtype(), stream_of(like[i])));
  }
  return matched;
}

std::pair<Arrays, Arrays> differentiate_backward(
    const ArraysFn& fun, const Arrays& primals,
    const std::function<Arrays(const Arrays&)>& cotangents_for) {
  std::pair<Arrays, Arrays> result;
  auto& [outputs, pulled] = result;
  {
    TraceScope scope;
    const Arrays tracers = make_tracers(primals);
    outputs = fun(tracers);
    pulled = pull_back(tracers, outputs, cotangents_for(outputs));
  }
  release_graphs(outputs);
  return result;
}

}  // namespace detail

std::pair<std::vector<array>, std::vector<array>> vjp(const ArraysFn& fun,
                                                      const std::vector<array>& primals,
                                                      const std::vector<array>& cotangents) {
  return detail::differentiate_backward(fun, primals, [&](const Arrays& outputs) {
    return detail::pair_cotangents(outputs, cotangents);
  });
}

std::pair<array, array> vjp(const std::function<array(const array&)>& fun, const array& primal,
                            const array& cotangent) {
  auto [outputs, pulled] =
      vjp([&](const Arrays& in) { return Arrays{fun(in[0])}; }, {primal}, {cotangent});
  return {outputs[0], pulled[0]};
}

}  // namespace mlx::core
