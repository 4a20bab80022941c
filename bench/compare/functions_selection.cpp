#include "functions.h"
#include "mlx/core/ops.h"

namespace mlx::bench {
namespace {

using namespace core;

}  // namespace

Functions selection_functions() {
  return {
      {"sort", [](const Arrays& in) { return Arrays{sort(in[0], -1)}; }},
      {"sort_0", [](const Arrays& in) { return Arrays{sort(in[0], 0)}; }},
      {"argsort", [](const Arrays& in) { return Arrays{argsort(in[0], -1)}; }},
      {"topk", [](const Arrays& in) { return Arrays{topk(in[0], 100, -1)}; }},
      {"searchsorted", [](const Arrays& in) { return Arrays{searchsorted(sort(in[0]), in[1])}; }},
      {"take", [](const Arrays& in) { return Arrays{take(in[0], in[1], 0)}; }},
      {"take_columns", [](const Arrays& in) { return Arrays{take(in[0], in[1], 1)}; }},
      {"take_along_axis_0",
       [](const Arrays& in) { return Arrays{take_along_axis(in[0], in[1], 0)}; }},
      {"take_along_axis_1",
       [](const Arrays& in) { return Arrays{take_along_axis(in[0], in[1], 1)}; }},
      {"put_along_axis_1",
       [](const Arrays& in) { return Arrays{put_along_axis(in[0], in[1], in[2], 1)}; }},
      {"scatter",
       [](const Arrays& in) { return Arrays{scatter(in[0], in[1], expand_dims(in[2], 1), 0)}; }},
      {"scatter_add",
       [](const Arrays& in) {
         return Arrays{scatter_add(in[0], in[1], expand_dims(in[2], 1), 0)};
       }},
      {"masked_scatter",
       [](const Arrays& in) { return Arrays{masked_scatter(in[0], in[1], in[2])}; }},
      {"concatenate", [](const Arrays& in) { return Arrays{concatenate(in, 0)}; }},
      {"concatenate_1", [](const Arrays& in) { return Arrays{concatenate(in, 1)}; }},
      {"stack", [](const Arrays& in) { return Arrays{stack(in, -1)}; }},
      {"pad", [](const Arrays& in) { return Arrays{pad(in[0], 1)}; }},
      {"transpose_copy", [](const Arrays& in) { return Arrays{contiguous(transpose(in[0]))}; }},
      {"roll", [](const Arrays& in) { return Arrays{roll(in[0], 100, 1)}; }},
      {"repeat", [](const Arrays& in) { return Arrays{repeat(in[0], 4, 1)}; }},
      {"tile",
       [](const Arrays& in) {
         return Arrays{tile(in[0], {2, 2})};
       }},
      {"tril", [](const Arrays& in) { return Arrays{tril(in[0])}; }},
  };
}

}  // namespace mlx::bench
