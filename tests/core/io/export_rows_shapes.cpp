#include "export_rows.h"
#include "mlx/core/random.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {
using Arrays = std::vector<array>;
}

void add_shape_rows(ExportRows& rows) {
  const array x = numbers({4, 6}), c = numbers({2, 3, 4}), i = integers({2}, 2);
  rows.push_back({"transpose",
                  FUN(transpose(in[0]), transpose(in[1], {2, 0, 1}), moveaxis(in[1], 0, 2)),
                  {x, c}});
  rows.push_back({"reshape",
                  FUN(reshape(in[0], {3, 8}), flatten(in[0]), flatten(in[1], 0, 1),
                      unflatten(in[0], 1, {2, 3})),
                  {x, c}});
  rows.push_back(
      {"axes", FUN(expand_dims(in[0], {0, 2}), squeeze(expand_dims(in[0], {0, 3}), 0)), {x}});
  rows.push_back({"broadcast",
                  FUN(broadcast_to(in[0], {2, 4, 6}), tile(in[0], {2, 1}), repeat(in[0], 2, 1)),
                  {x}});
  rows.push_back(
      {"as_strided",
       FUN(as_strided(in[0], {2, 3}, {6, 1}, 1), as_strided(transpose(in[0]), {2, 3}, {5, 2}, 3)),
       {x}});
  rows.push_back({"view", FUN(view(in[0], int32), view(in[0], int16)), {x}});
  rows.push_back(
      {"slice",
       FUN(slice(in[0], {1, 0}, {3, 6}, {1, 2}), slice(in[0], {3, 5}, {0, -7}, {-2, -1}),
           flip(in[0]), slice(in[0], {2, 0}, {2, 6}), slice(in[0], {0, 5}, {4, 1}, {1, -3})),
       {x}});
  rows.push_back({"slice_update",
                  FUN(slice_update(in[0], in[1], {1, 0}, {3, 6}, {1, 2}),
                      slice_update_add(in[0], in[1], {1, 0}, {3, 6}, {1, 2}),
                      slice_update_max(in[0], in[1], {3, 5}, {1, -7}, {-1, -2}),
                      slice_update_prod(in[0], array(2), {0, 1}, {4, 2})),
                  {x, numbers({2, 3})}});
  rows.push_back(
      {"dynamic slice",
       FUN(slice(in[0], in[1], {0, 1}, {2, 2}), slice_update(in[0], in[2], in[1], {0, 1})),
       {x, array({1, 3}), numbers({2, 2})}});
  rows.push_back(
      {"join",
       FUN(concatenate({in[0], in[1]}, 0), stack({in[0], in[0]}, 1), concatenate({in[0], in[1]})),
       {x, integers({1, 6}, 9)}});
  rows.push_back({"split",
                  FUN(split(in[0], {1, 3}, 1)[0], split(in[0], {1, 3}, 1)[2], split(in[0], 2)[1],
                      roll(in[0], 2, 0)),
                  {x}});
  rows.push_back({"pad",
                  FUN(pad(in[0], {{1, 1}, {0, 2}}), pad(in[0], 2, array(7)),
                      pad(in[0], 1, array(0), "edge"), pad(in[0], 1, array(0), "reflect")),
                  {x}});
  rows.push_back({"depends", FUN(depends({in[0] * 2, in[0]}, {in[1]})[0]), {x, c}});
  rows.push_back(
      {"diagonals",
       FUN(diag(in[0]), diagonal(in[1], 1), trace(in[0]), tril(in[0]), triu(in[0], 1), diff(in[0])),
       {x, c}});
  rows.push_back({"creation",
                  FUN(in[0] + arange(6), in[0] + arange(1, 13, 2),
                      in[0] + arange(0.0, 0.6, 0.1, float32), in[0] + full({4, 6}, array(2.5f)),
                      zeros_like(in[0]), eye(3), tri(3, 4, 1, float32), linspace(0, 1, 6)),
                  {x}});
  rows.push_back({"meshgrid", FUN(meshgrid({in[0], in[0]})[0], outer(in[0], in[0])), {i}});
}

void add_indexing_rows(ExportRows& rows) {
  const array x = numbers({4, 6}), c = numbers({3, 4, 5}), i = array({1, 3, 0});
  const array along = integers({4, 2}, 6);
  rows.push_back(
      {"take",
       FUN(take(in[0], in[1], 0), take(in[0], in[1], 1), take(in[0], in[1]), take(in[0], 2, 1)),
       {x, i}});
  rows.push_back({"take with axes",
                  FUN(take(in[0], in[1], 1), take(in[0], in[1], 2)),
                  {c, reshape(array({1, 0, 2, 3}), {2, 2})}});
  rows.push_back(
      {"gather",
       FUN(gather(in[0], {in[1], in[1]}, {0, 1}, {1, 1, 5}), gather(in[0], in[1], 1, {2, 1, 3})),
       {c, array({0, 2})}});
  rows.push_back({"along axis",
                  FUN(take_along_axis(in[0], in[1], 1),
                      put_along_axis(in[0], slice(in[1], {0, 0}, {4, 1}), array(9.0f), 1),
                      scatter_add_axis(in[0], in[1], array(1.5f), 1)),
                  {x, along}});
  rows.push_back({"scatter",
                  FUN(scatter(in[0], in[1], in[2], 0), scatter_add(in[0], in[1], in[2], 0),
                      scatter_prod(in[0], in[1], in[2], 0), scatter_max(in[0], in[1], in[2], 0),
                      scatter_min(in[0], in[1], in[2], 0)),
                  {x, array({1, 3}), numbers({2, 1, 6})}});
  rows.push_back(
      {"masked_scatter", FUN(masked_scatter(in[0], in[0] > array(0), in[1])), {x, numbers({24})}});
  rows.push_back(
      {"random",
       FUN(random::uniform({3, 4}, float32, in[0]), random::normal({5}, float32, in[0]),
           random::split(in[0], 3), random::randint(array(0), array(9), {4}, int32, in[0])),
       {random::key(7)}});
  rows.push_back({"keys of a batch",
                  [](const Arrays& in) -> Arrays {
                    const auto draw = [](const Arrays& k) -> Arrays {
                      return {random::uniform({3}, float32, k[0])};
                    };
                    return vmap(draw)(in);
                  },
                  {random::split(random::key(3), 4)}});
}

}  // namespace mlx::core
