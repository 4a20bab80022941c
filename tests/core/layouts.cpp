#include "core/layouts.h"

#include <algorithm>

#include "mlx/core/ops/shape.h"

namespace mlx::test {

using namespace mlx::core;

int64_t count_of(const Shape& shape) {
  int64_t count = 1;
  for (ShapeElem n : shape) {
    count *= n;
  }
  return count;
}

Shape unravel(int64_t position, const Shape& shape) {
  Shape index(shape.size());
  for (size_t d = shape.size(); d-- > 0;) {
    index[d] = position % shape[d];
    position /= shape[d];
  }
  return index;
}

int64_t ravel(const Shape& index, const Shape& shape) {
  int64_t position = 0;
  for (size_t d = 0; d < shape.size(); ++d) {
    position = position * shape[d] + index[d];
  }
  return position;
}

std::vector<double> counting(const Shape& shape, Dtype dtype) {
  std::vector<double> out(static_cast<size_t>(count_of(shape)));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<double>(dtype == bool_ ? i % 3 % 2 : i % 100);
  }
  return out;
}

std::vector<Layout> layouts(const std::vector<double>& values, const Shape& shape, Dtype dtype) {
  std::vector<Layout> out{{"plain", make(values, shape, dtype)}};
  if (shape.empty() || values.empty()) {
    return out;
  }
  const Shape reversed(shape.rbegin(), shape.rend());
  Shape doubled = shape;
  for (ShapeElem& n : doubled) {
    n *= 2;
  }
  std::vector<double> transposed(values.size());
  std::vector<double> backwards(values.rbegin(), values.rend());
  std::vector<double> spread(static_cast<size_t>(count_of(doubled)), 1);
  for (size_t i = 0; i < values.size(); ++i) {
    Shape index = unravel(static_cast<int64_t>(i), shape);
    const Shape mirrored(index.rbegin(), index.rend());
    transposed[static_cast<size_t>(ravel(mirrored, reversed))] = values[i];
    for (ShapeElem& at : index) {
      at = 2 * at + 1;
    }
    spread[static_cast<size_t>(ravel(index, doubled))] = values[i];
  }
  out.push_back({"transposed", transpose(make(transposed, reversed, dtype))});
  out.push_back({"gaps", slice(make(spread, doubled, dtype), Shape(shape.size(), 1), doubled,
                               Shape(shape.size(), 2))});
  out.push_back({"reversed", flip(make(backwards, shape, dtype))});
  return out;
}

}  // namespace mlx::test
