#include "core/transform/derivative_rows.h"

namespace mlx::core {
namespace {

DerivativeRow gathering(const char* name, const std::function<array(const array&)>& op) {
  return {name, {spread({4, 3}, -1, 1)}, [op](const Arrays& x) { return op(square(x[0])); }};
}

// A [4, 3] array and updates for its rows 2, 0 and 2 again.
DerivativeRow scattering(const char* name,
                         const std::function<array(const array&, const array&)>& op,
                         bool smooth = true) {
  return {name,
          {spread({4, 3}, 0.5, 2), spread({3, 1, 3}, 0.5, 2, 1)},
          [op](const Arrays& x) { return op(x[0], x[1]); },
          smooth};
}

array rows() { return array({2, 0, 2}); }
array other_indices() { return array({2, 0, 3}); }

}  // namespace

DerivativeRows indexing_rows() {
  return {
      gathering("TakeRows",
                [](const array& x) {
                  return take(x, array({2, 0, 2, -1}), 0);
                }),
      gathering("TakeColumns",
                [](const array& x) {
                  return take(x, array({2, 0, 2, 1}, {2, 2}), 1);
                }),
      gathering("TakeOne", [](const array& x) { return take(x, 1, 0); }),
      gathering("TakeFlat",
                [](const array& x) {
                  return take(x, array({11, 0, 3}));
                }),
      gathering("Gather",
                [](const array& x) {
                  return gather(x, {array({3, 0, 3}), array({1, 2, 1})}, {0, 1}, {1, 1});
                }),
      gathering("GatherSlices",
                [](const array& x) {
                  return gather(x, array({0, 2, 0}), 0, {2, 3});
                }),
      gathering("TakeAlongAxis",
                [](const array& x) {
                  return take_along_axis(x, array({0, 0, 2, 1, 2, 2, 0, 1}, {4, 2}), 1);
                }),
      {"PutAlongAxis",
       {spread({4, 3}, 0.5, 2), spread({4, 1}, 0.5, 2, 1)},
       [](const Arrays& x) {
         return put_along_axis(square(x[0]), array({0, 2, 1, 0}, {4, 1}), square(x[1]), 1);
       }},
      {"ScatterAddAxis",
       {spread({4, 3}, 0.5, 2), spread({4, 2}, 0.5, 2, 1)},
       [](const Arrays& x) {
         return scatter_add_axis(square(x[0]), array({0, 0, 2, 1, 2, 2, 0, 1}, {4, 2}),
                                 square(x[1]), 1);
       }},
      scattering("Scatter",
                 [](const array& x, const array& u) {
                   return scatter(square(x), other_indices(), square(u), 0);
                 }),
      scattering("ScatterAdd",
                 [](const array& x, const array& u) {
                   return scatter_add(square(x), rows(), square(u), 0);
                 }),
      scattering(
          "ScatterProd",
          [](const array& x, const array& u) { return scatter_prod(x, other_indices(), u, 0); }),
      scattering(
          "ScatterMax", [](const array& x, const array& u) { return scatter_max(x, rows(), u, 0); },
          false),
      scattering(
          "ScatterMin", [](const array& x, const array& u) { return scatter_min(x, rows(), u, 0); },
          false),
      {"MaskedScatter",
       {spread({4}, -1, 1), spread({3}, -1, 1, 1)},
       [](const Arrays& x) {
         return masked_scatter(square(x[0]), array({true, false, true, false}), square(x[1]));
       }},
  };
}

}  // namespace mlx::core
