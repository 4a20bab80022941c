#include "export_rows.h"

#include <cmath>
#include <numeric>

namespace mlx::core {

// Numbers without a pattern, in [low, high).
array numbers(const Shape& shape, double low, double high, Dtype dtype) {
  const auto count = std::accumulate(shape.begin(), shape.end(), ShapeElem{1}, std::multiplies<>());
  std::vector<float> values;
  for (ShapeElem i = 0; i < count; ++i) {
    const double x = static_cast<double>((i * 37 + 11) % 101) / 101;
    values.push_back(static_cast<float>(low + (high - low) * x));
  }
  return astype(array(values.begin(), shape), dtype);
}

array integers(const Shape& shape, int below, Dtype dtype) {
  return astype(numbers(shape, 0, below), dtype);
}

array complexes(const Shape& shape) {
  return add(numbers(shape), multiply(numbers(shape, -1, 3), array(complex64_t(0, 1))));
}

void add_elementwise_rows(ExportRows& rows) {
  const array x = numbers({3, 5}), y = numbers({5}, 0.3, 1.9);
  const array i = integers({3, 5}, 20), j = integers({3, 1}, 5);
  const array special({1.5f, -0.0f, INFINITY, -INFINITY, NAN, -2.5f});
#define UNARY(name, input) rows.push_back({#name, FUN(name(in[0])), {input}})
  UNARY(abs, x);
  UNARY(negative, x);
  UNARY(sign, x);
  UNARY(square, x);
  UNARY(reciprocal, x);
  UNARY(exp, x);
  UNARY(expm1, x);
  UNARY(sin, x);
  UNARY(cos, x);
  UNARY(tan, x);
  UNARY(arctan, x);
  UNARY(sinh, x);
  UNARY(cosh, x);
  UNARY(tanh, x);
  UNARY(arcsinh, x);
  UNARY(sigmoid, x);
  UNARY(erf, x);
  UNARY(floor, x);
  UNARY(ceil, x);
  UNARY(trunc, x);
  UNARY(degrees, x);
  UNARY(sqrt, y);
  UNARY(rsqrt, y);
  UNARY(log, y);
  UNARY(log2, y);
  UNARY(log10, y);
  UNARY(log1p, y);
  UNARY(arcsin, numbers({7}, -1, 1));
  UNARY(arccos, numbers({7}, -1, 1));
  UNARY(arccosh, numbers({7}, 1, 3));
  UNARY(arctanh, numbers({7}, -0.9, 0.9));
  UNARY(erfinv, numbers({7}, -0.9, 0.9));
  UNARY(isnan, special);
  UNARY(isinf, special);
  UNARY(isfinite, special);
  UNARY(isposinf, special);
  UNARY(isneginf, special);
  UNARY(nan_to_num, special);
  UNARY(logical_not, i);
  UNARY(bitwise_invert, i);
  UNARY(real, complexes({4}));
  UNARY(imag, complexes({4}));
  UNARY(conjugate, complexes({4}));
#undef UNARY
  rows.push_back({"round", FUN(round(in[0]), round(in[0], 1)), {x}});
  rows.push_back({"trunc special", FUN(trunc(in[0]), floor(in[0])), {special}});
  rows.push_back({"abs complex", FUN(abs(in[0]), isnan(in[0]), square(in[0])), {complexes({4})}});
  rows.push_back({"isinf complex", FUN(isinf(in[0]), isfinite(in[0])), {complexes({4})}});
  rows.push_back({"exp of integers", FUN(exp(in[0]), reciprocal(in[0])), {integers({4}, 3)}});
  rows.push_back({"invert bool", FUN(bitwise_invert(in[0])), {array({true, false})}});
#define BINARY(name, a, b) rows.push_back({#name, FUN(name(in[0], in[1])), {a, b}})
  BINARY(add, x, y);
  BINARY(subtract, x, y);
  BINARY(multiply, x, y);
  BINARY(divide, x, y);
  BINARY(floor_divide, x, y);
  BINARY(remainder, x, y);
  BINARY(power, y, x);
  BINARY(maximum, x, y);
  BINARY(minimum, x, y);
  BINARY(arctan2, x, y);
  BINARY(logaddexp, x, y);
  BINARY(equal, i, j);
  BINARY(not_equal, i, j);
  BINARY(greater, x, y);
  BINARY(greater_equal, i, j);
  BINARY(less, x, y);
  BINARY(less_equal, i, j);
  BINARY(logical_and, i, x);
  BINARY(logical_or, i, x);
  BINARY(bitwise_and, i, j);
  BINARY(bitwise_or, i, j);
  BINARY(bitwise_xor, i, j);
  BINARY(left_shift, i, j);
  BINARY(right_shift, i, j);
  BINARY(array_equal, x, x);
  BINARY(isclose, x, y);
  BINARY(allclose, x, x);
#undef BINARY
  rows.push_back({"divmod", FUN(divmod(in[0], in[1])[0], divmod(in[0], in[1])[1]), {x, y}});
  rows.push_back(
      {"mixed dtypes", FUN(in[0] + in[1], in[0] * in[1] + array(2)), {i, astype(y, float16)}});
  rows.push_back({"where",
                  FUN(where(in[0], in[1], in[2])),
                  {greater(integers({3, 1}, 4), array(1)), x, array(7)}});
  rows.push_back({"astype",
                  FUN(astype(in[0], int32), astype(in[0], bfloat16), astype(in[0], bool_),
                      astype(in[0], complex64)),
                  {x}});
  rows.push_back({"clip", FUN(clip(in[0], array(-1), in[1])), {x, y}});
  rows.push_back(
      {"stop_gradient", FUN(stop_gradient(in[0]) * 2, copy(in[0]), contiguous(in[0])), {x}});
  rows.push_back({"scalars", FUN((1 - in[0]) / 3, in[0] + array(1.5f), in[0] * array(1.5f)), {x}});
  for (const Dtype dtype : {float16, bfloat16, int8, uint64}) {
    rows.push_back({std::string("arithmetic ") + dtype_name(dtype),
                    FUN(in[0] * in[1] + in[0] - in[1], maximum(in[0], in[1])),
                    {integers({9}, 9, dtype), integers({9}, 7, dtype)}});
  }
}

void add_reduction_rows(ExportRows& rows) {
  const array x = numbers({4, 6}), c = numbers({2, 3, 4}), i = integers({3, 5}, 9, int8);
#define REDUCE(name)                                                     \
  rows.push_back({#name,                                                 \
                  FUN(name(in[0], 1), name(in[0], 0, true), name(in[0]), \
                      name(in[1], std::vector<int>{0, 2})),              \
                  {x, c}})
  REDUCE(sum);
  REDUCE(prod);
  REDUCE(max);
  REDUCE(min);
  REDUCE(all);
  REDUCE(any);
  REDUCE(mean);
  REDUCE(var);
  REDUCE(logsumexp);
  REDUCE(median);
#undef REDUCE
  rows.push_back(
      {"sum of int8", FUN(sum(in[0], 0), prod(in[0], 1), max(in[0], 1), mean(in[0], 0)), {i}});
  rows.push_back({"softmax",
                  FUN(softmax(in[0], -1), softmax(in[0], 0), softmax(in[0]),
                      softmax(astype(in[0], float16), -1)),
                  {x}});
  rows.push_back({"argmax", FUN(argmax(in[0], 1), argmin(in[0], 0, true), argmax(in[0])), {x}});
  rows.push_back({"scans",
                  FUN(cumsum(in[0], 1), cumprod(in[0], 0, true, false), cummax(in[0], 1, true),
                      cummin(in[0], 1, false, false)),
                  {x}});
  rows.push_back({"logcumsumexp", FUN(logcumsumexp(in[0], 1, true, true)), {x}});
  rows.push_back(
      {"cumsum of int8", FUN(cumsum(in[0], 1), cumsum(greater(in[0], array(3)), 0)), {i}});
  rows.push_back({"sort",
                  FUN(sort(in[0], 0), argsort(in[0], 1), sort(in[0]),
                      searchsorted(sort(flatten(in[0])), in[1])),
                  {x, c}});
  rows.push_back(
      {"partition",
       FUN(sum(slice(partition(in[0], 2, 1), {0, 0}, {4, 3}), 1), sort(topk(in[0], 2, 1), 1)),
       {x}});
}

ExportRows export_rows() {
  ExportRows rows;
  add_elementwise_rows(rows);
  add_reduction_rows(rows);
  add_shape_rows(rows);
  add_indexing_rows(rows);
  add_product_rows(rows);
  add_linalg_rows(rows);
  add_layer_rows(rows);
  return rows;
}

}  // namespace mlx::core
