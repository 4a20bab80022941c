#pragma once

// Derivatives and vmap of an operation with a kernel of its own, by way of the
// same function written with other operations.

#include "mlx/core/graph/op.h"

namespace mlx::core {

/// The first results of an operation, from its inputs and attributes.
using Formula = Arrays (*)(Inputs inputs, const Attrs& attrs, Stream stream);

Arrays vjp_of_formula(Formula formula, const VjpArgs& args);
Arrays jvp_of_formula(Formula formula, const JvpArgs& args);
Mapped vmap_of_formula(Formula formula, const VmapArgs& args);

/// The same as columns of an Op.
template <Formula formula>
Arrays vjp_by(const VjpArgs& args) {
  return vjp_of_formula(formula, args);
}
template <Formula formula>
Arrays jvp_by(const JvpArgs& args) {
  return jvp_of_formula(formula, args);
}
template <Formula formula>
Mapped vmap_by(const VmapArgs& args) {
  return vmap_of_formula(formula, args);
}

/// The vjp of what does not change with small changes of the inputs, like indices
/// and codes: zeros.
Arrays vjp_zeros(const VjpArgs& args);

}  // namespace mlx::core
