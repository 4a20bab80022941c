#pragma once

// Sums of products, in Einstein's notation.

#include <string>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// The order in which einsum() contracts its operands: in each step the
/// operands at two positions are replaced by their product, which goes to the end of the list
/// (the last step may name one or two). The second is a text for people: the number of letters of
/// the largest product (scaling) and of additions and multiplications, all at once and in this
/// order.
///
/// The order is the cheapest one for up to 8 operands, beyond that greedy.
/// Errors: as einsum, of what depends on subscripts and shapes.
std::pair<std::vector<std::vector<int>>, std::string> einsum_path(
    const std::string& subscripts, const std::vector<array>& operands);

/// Sums of products of the operands: "ij,jk->ik" is the product of matrices.
///
/// Each operand has a letter for each of its axes; "..." stands for any number of
/// axes, which broadcast. A letter that occurs twice in an operand takes its diagonal.
/// Letters that are not in the result are summed over. Without "->" the result has the
/// axes of "...", then the letters that occur once, in order. Spaces do not count.
///
/// Shapes: axes with the same letter have the same size, or 1.
/// Dtypes: promoted; where two operands are contracted it is a matmul and needs inexact dtypes.
/// Errors: std::invalid_argument for subscripts that make no sense or do not fit the operands.
/// Grad:   all operands.
array einsum(const std::string& subscripts, const std::vector<array>& operands,
             StreamOrDevice s = {});

}  // namespace mlx::core
