// Functions with derivatives of the caller's own, and checkpoint.
//
// The function runs as it is; one node on top then has its arguments and its
// results as inputs, shares the results' data and carries the rules. The
// results enter through stop_gradient, so that a derivative takes the rule and
// not the function's inside.

#include "mlx/core/transform/custom.h"

#include <algorithm>
#include <memory>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/transform/derivative.h"
#include "mlx/core/transform/tracer.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

using VjpFn = std::function<Arrays(const Arrays&, const Arrays&, const Arrays&)>;
using JvpFn = std::function<Arrays(const Arrays&, const Arrays&, const std::vector<int>&)>;

using VmapFn =
    std::function<std::pair<Arrays, std::vector<int>>(const Arrays&, const std::vector<int>&)>;

struct Custom {
  ArraysFn fun;
  std::optional<VjpFn> vjp;
  std::optional<JvpFn> jvp;
  std::optional<VmapFn> vmap;
};

struct CustomCall {
  std::shared_ptr<const Custom> custom;
  size_t arguments;
  bool operator==(const CustomCall&) const = default;
};

// The cotangents of fun's arguments, by differentiating fun itself.
Arrays pull_back_through(const ArraysFn& fun, const Arrays& primals, const Arrays& cotangents) {
  return detail::differentiate_backward(fun, primals, [&](const Arrays&) { return cotangents; })
      .second;
}

Arrays arguments_of(Inputs inputs, const CustomCall& call) {
  return {inputs.begin(), inputs.begin() + static_cast<ptrdiff_t>(call.arguments)};
}

std::vector<Type> infer(Inputs in, const Attrs& attrs) {
  std::vector<Type> types;
  for (const array& result : in.subspan(attrs.get<CustomCall>().arguments)) {
    types.push_back({result.shape(), result.dtype()});
  }
  return types;
}

Arrays vjp_custom(const VjpArgs& args) {
  const auto& call = args.attrs.get<CustomCall>();
  const Arrays primals = arguments_of(args.inputs, call);
  const Arrays cotangents(args.cotangents.begin(), args.cotangents.end());
  const Arrays pulled =
      call.custom->vjp
          ? (*call.custom->vjp)(primals, cotangents, {args.outputs.begin(), args.outputs.end()})
          : pull_back_through(call.custom->fun, primals, cotangents);
  require(pulled.size() == primals.size(), "[custom_function] Cotangents from the vjp: got ",
          pulled.size(), " arrays, expected ", primals.size(), ".");
  Arrays wanted;
  for (int argnum : args.argnums) {
    wanted.push_back(pulled[static_cast<size_t>(argnum)]);
  }
  return wanted;
}

Arrays jvp_custom(const JvpArgs& args) {
  const auto& call = args.attrs.get<CustomCall>();
  const Arrays primals = arguments_of(args.inputs, call);
  const Arrays tangents(args.tangents.begin(), args.tangents.end());
  const std::vector<int> argnums(args.argnums.begin(), args.argnums.end());
  if (call.custom->jvp) {
    return (*call.custom->jvp)(primals, tangents, argnums);
  }
  Arrays moving;
  for (int argnum : argnums) {
    moving.push_back(primals[static_cast<size_t>(argnum)]);
  }
  const auto of_moving = [&](const Arrays& tracers) {
    Arrays all = primals;
    for (size_t i = 0; i < argnums.size(); ++i) {
      all[static_cast<size_t>(argnums[i])] = tracers[i];
    }
    return call.custom->fun(all);
  };
  return jvp(of_moving, moving, tangents).second;
}

void run(const KernelArgs& args) {
  const size_t arguments = args.attrs.get<CustomCall>().arguments;
  for (size_t i = 0; i < args.outputs.size(); ++i) {
    args.outputs[i].copy_shared_buffer(args.inputs[arguments + i]);
  }
}

Mapped vmap_custom(const VmapArgs& args);

constexpr Op kCustom{.name = "Custom",
                     .infer_all = infer,
                     .vjp = vjp_custom,
                     .jvp = jvp_custom,
                     .vmap = vmap_custom,
                     .run = run};

// The node over the arguments and what the function made of them.
Arrays with_rules(const std::shared_ptr<const Custom>& custom, const Arrays& arguments,
                  const Arrays& results) {
  const Stream stream = detail::stream_of(results[0]);
  Arrays inputs = arguments;
  for (const array& result : results) {
    inputs.push_back(stop_gradient(result, detail::stream_of(result)));
  }
  return make_nodes(kCustom, std::move(inputs), Attrs(CustomCall{custom, arguments.size()}),
                    stream);
}

Arrays call_custom(const std::shared_ptr<const Custom>& custom, const Arrays& arguments) {
  Arrays results = custom->fun(arguments);
  const auto is_tracer = [](const array& x) { return x.is_tracer(); };
  const bool is_traced = std::any_of(arguments.begin(), arguments.end(), is_tracer) ||
                         std::any_of(results.begin(), results.end(), is_tracer);
  if (!is_traced || results.empty()) {
    return results;
  }
  return with_rules(custom, arguments, results);
}

// ---- vmap: a custom function of the whole inputs, with every rule mapped.
// Its results have the mapped axis in front.

using Axes = std::vector<int>;

template <typename T>
void append_to(std::vector<T>& list, const std::vector<T>& more) {
  list.insert(list.end(), more.begin(), more.end());
}

// The `count` arrays of `all` from `first` on.
Arrays part_of(const Arrays& all, size_t first, size_t count) {
  const auto begin = all.begin() + static_cast<ptrdiff_t>(first);
  return {begin, begin + static_cast<ptrdiff_t>(count)};
}

ArraysFn mapped_fun(const Custom& custom, const Axes& axes, ShapeElem size) {
  if (!custom.vmap) {
    return vmap(custom.fun, axes);
  }
  return [rule = *custom.vmap, axes, size](const Arrays& arguments) {
    auto [outputs, out_axes] = rule(arguments, axes);
    require(outputs.size() == out_axes.size(), "[custom_function] The vmap rule: got ",
            out_axes.size(), " axes for ", outputs.size(), " outputs.");
    for (size_t i = 0; i < outputs.size(); ++i) {
      const Stream s = detail::stream_of(outputs[i]);
      outputs[i] =
          out_axes[i] < 0 ? repeated(outputs[i], size, s) : moveaxis(outputs[i], out_axes[i], 0, s);
    }
    return outputs;
  };
}

VjpFn mapped_vjp(const VjpFn& rule, const Axes& axes) {
  return [rule, axes](const Arrays& primals, const Arrays& cotangents, const Arrays& outputs) {
    const size_t results = outputs.size();
    Arrays all = primals;
    append_to(all, cotangents);
    append_to(all, outputs);
    Axes all_axes = axes;
    all_axes.resize(all.size(), 0);
    const auto of_one = [&](const Arrays& one) {
      return rule(part_of(one, 0, axes.size()), part_of(one, axes.size(), results),
                  part_of(one, axes.size() + results, results));
    };
    Arrays pulled = vmap(of_one, all_axes)(all);
    for (size_t i = 0; i < std::min(pulled.size(), axes.size()); ++i) {
      const Stream s = detail::stream_of(pulled[i]);
      // What all mapped elements share gets cotangents from all.
      pulled[i] = axes[i] < 0 ? sum(pulled[i], 0, false, s) : moveaxis(pulled[i], 0, axes[i], s);
    }
    return pulled;
  };
}

JvpFn mapped_jvp(const JvpFn& rule, const Axes& axes) {
  return [rule, axes](const Arrays& primals, const Arrays& tangents, const Axes& argnums) {
    Arrays all = primals;
    append_to(all, tangents);
    Axes all_axes = axes;
    for (int argnum : argnums) {
      all_axes.push_back(axes[static_cast<size_t>(argnum)]);
    }
    const auto of_one = [&](const Arrays& one) {
      return rule(part_of(one, 0, axes.size()), part_of(one, axes.size(), tangents.size()),
                  argnums);
    };
    return vmap(of_one, all_axes)(all);
  };
}

Mapped vmap_custom(const VmapArgs& args) {
  const auto& call = args.attrs.get<CustomCall>();
  const Custom& custom = *call.custom;
  const Arrays arguments = arguments_of(args.inputs, call);
  const Axes axes(args.axes.begin(), args.axes.begin() + static_cast<ptrdiff_t>(call.arguments));
  auto whole = std::make_shared<Custom>();
  whole->fun = mapped_fun(custom, axes, mapped_size(args));
  if (custom.vjp) {
    whole->vjp = mapped_vjp(*custom.vjp, axes);
  }
  if (custom.jvp) {
    whole->jvp = mapped_jvp(*custom.jvp, axes);
  }
  if (custom.vmap) {
    return mapped_in_front(with_rules(whole, arguments, whole->fun(arguments)));
  }
  Arrays results;
  for (size_t i = call.arguments; i < args.inputs.size(); ++i) {
    results.push_back(repeated_in_front(args, i));
  }
  return mapped_in_front(with_rules(whole, arguments, results));
}

}  // namespace

const array* detail::result_behind_custom(const Node& node) {
  if (node.op != &kCustom) {
    return nullptr;
  }
  return &node.inputs[node.attrs.get<CustomCall>().arguments + node.sibling_position];
}

size_t detail::inputs_for_vmap(const Node& node) {
  const bool has_rule = node.op == &kCustom && node.attrs.get<CustomCall>().custom->vmap;
  return has_rule ? node.attrs.get<CustomCall>().arguments : node.inputs.size();
}

ArraysFn custom_function(ArraysFn fun, std::optional<VjpFn> fun_vjp, std::optional<JvpFn> fun_jvp,
                         std::optional<VmapFn> fun_vmap) {
  if (!fun_vjp && !fun_jvp && !fun_vmap) {
    return fun;
  }
  auto custom = std::make_shared<const Custom>(
      Custom{std::move(fun), std::move(fun_vjp), std::move(fun_jvp), std::move(fun_vmap)});
  return [custom](const Arrays& arguments) { return call_custom(custom, arguments); };
}

ArraysFn custom_vjp(ArraysFn fun, VjpFn fun_vjp) {
  return custom_function(std::move(fun), std::move(fun_vjp), std::nullopt);
}

ArraysFn checkpoint(ArraysFn fun) {
  // The arguments of the second run wait for the cotangents: else evaluation
  // could do it early, and keep what this is there to forget.
  auto recompute = [fun](const Arrays& primals, const Arrays& cotangents, const Arrays&) {
    return pull_back_through(fun, depends(primals, cotangents), cotangents);
  };
  return custom_vjp(std::move(fun), std::move(recompute));
}

}  // namespace mlx::core
