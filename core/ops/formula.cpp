#include "mlx/core/ops/formula.h"

#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

using Function = std::function<Arrays(const Arrays&)>;

// The formula as a function of the inputs `argnums`.
Function function_of(Formula formula, Inputs inputs, std::span<const int> argnums,
                     const Attrs& attrs, Stream stream) {
  return [=](const Arrays& x) {
    Arrays all(inputs.begin(), inputs.end());
    for (size_t i = 0; i < argnums.size(); ++i) {
      all[static_cast<size_t>(argnums[i])] = x[i];
    }
    return formula(all, attrs, stream);
  };
}

Arrays chosen(Inputs inputs, std::span<const int> argnums) {
  Arrays out;
  for (const int i : argnums) {
    out.push_back(inputs[static_cast<size_t>(i)]);
  }
  return out;
}

}  // namespace

Arrays vjp_of_formula(Formula formula, const VjpArgs& args) {
  const Function f = function_of(formula, args.inputs, args.argnums, args.attrs, args.stream);
  return vjp(f, chosen(args.inputs, args.argnums),
             Arrays(args.cotangents.begin(), args.cotangents.end()))
      .second;
}

Arrays jvp_of_formula(Formula formula, const JvpArgs& args) {
  const Function f = function_of(formula, args.inputs, args.argnums, args.attrs, args.stream);
  return jvp(f, chosen(args.inputs, args.argnums),
             Arrays(args.tangents.begin(), args.tangents.end()))
      .second;
}

Mapped vmap_of_formula(Formula formula, const VmapArgs& args) {
  const Function f = [&](const Arrays& x) { return formula(x, args.attrs, args.stream); };
  return mapped_in_front(vmap(f, std::vector<int>(args.axes.begin(), args.axes.end()))(
      Arrays(args.inputs.begin(), args.inputs.end())));
}

Arrays vjp_zeros(const VjpArgs& args) {
  Arrays out;
  for (const int i : args.argnums) {
    out.push_back(zeros_like(args.inputs[static_cast<size_t>(i)], args.stream));
  }
  return out;
}

}  // namespace mlx::core
