#include "mlx/core/einsum.h"

#include <algorithm>
#include <cstdio>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/einsum_path.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

/// An array whose axes have labels.
struct Operand {
  array a;
  Labels labels;
};

int position(const Labels& labels, Label label) {
  const auto at = std::find(labels.begin(), labels.end(), label);
  return at == labels.end() ? -1 : static_cast<int>(at - labels.begin());
}
bool contains(const Labels& labels, Label label) { return position(labels, label) >= 0; }

// Each label once.
Operand without_repeats(Operand x, Stream s) {
  for (size_t d = 0; d < x.labels.size(); ++d) {
    const Label label = x.labels[d];
    const int first = position(x.labels, label);
    if (first == static_cast<int>(d)) continue;
    x.a = diagonal(x.a, 0, first, static_cast<int>(d), s);
    x.labels.erase(x.labels.begin() + static_cast<std::ptrdiff_t>(d));
    x.labels.erase(x.labels.begin() + first);
    x.labels.push_back(label);
    return without_repeats(std::move(x), s);
  }
  return x;
}

// Summed over the labels that are not in `kept`.
Operand summed(Operand x, const Labels& kept, Stream s) {
  std::vector<int> axes;
  Labels left;
  for (size_t d = 0; d < x.labels.size(); ++d) {
    if (contains(kept, x.labels[d])) {
      left.push_back(x.labels[d]);
    } else {
      axes.push_back(static_cast<int>(d));
    }
  }
  if (axes.empty()) return x;
  return {sum(x.a, axes, false, s), std::move(left)};
}

// Axes in the order of `labels`; those that x lacks have size 1.
array arranged(const Operand& x, const Labels& labels, Stream s) {
  std::vector<int> order, missing;
  for (size_t i = 0; i < labels.size(); ++i) {
    const int at = position(x.labels, labels[i]);
    if (at >= 0) {
      order.push_back(at);
    } else {
      missing.push_back(static_cast<int>(i));
    }
  }
  const array out = transpose(x.a, order, s);
  return missing.empty() ? out : expand_dims(out, missing, s);
}

// Two operands, the labels of each in three groups, as a product of matrices.
Operand product(const Einsum& e, const Operand& a, const Operand& b, const Labels& result,
                Stream s) {
  Labels batch, left, right, inner;
  for (const Label label : a.labels) {
    const bool kept = contains(result, label);
    (contains(b.labels, label) ? (kept ? batch : inner) : left).push_back(label);
  }
  for (const Label label : b.labels) {
    if (!contains(a.labels, label)) right.push_back(label);
  }
  if (inner.empty()) return {multiply(arranged(a, result, s), arranged(b, result, s), s), result};

  const auto size_of = [&](const Labels& labels) {
    ShapeElem size = 1;
    for (const Label label : labels) size *= e.sizes.at(label);
    return size;
  };
  // An axis of one element stands for all of them.
  const auto matrix = [&](const Operand& x, const Labels& rows, const Labels& columns) {
    Labels order = batch;
    order.insert(order.end(), rows.begin(), rows.end());
    order.insert(order.end(), columns.begin(), columns.end());
    Shape full;
    for (const Label label : order) full.push_back(e.sizes.at(label));
    Shape shape(full.begin(), full.begin() + static_cast<std::ptrdiff_t>(batch.size()));
    shape.push_back(size_of(rows));
    shape.push_back(size_of(columns));
    return reshape(broadcast_to(arranged(x, order, s), full, s), shape, s);
  };
  const array y = matmul(matrix(a, left, inner), matrix(b, inner, right), s);
  Operand out{y, batch};
  out.labels.insert(out.labels.end(), left.begin(), left.end());
  out.labels.insert(out.labels.end(), right.begin(), right.end());
  Shape shape;
  for (const Label label : out.labels) shape.push_back(e.sizes.at(label));
  out.a = reshape(y, shape, s);
  return out;
}

std::string count_text(double count) {
  char text[64];
  std::snprintf(text, sizeof text, "%.0f", count);
  return text;
}

}  // namespace

std::pair<std::vector<std::vector<int>>, std::string> einsum_path(
    const std::string& subscripts, const std::vector<array>& operands) {
  const Einsum e = parse_einsum("einsum_path", subscripts, operands);
  auto order = contraction_order(e);
  const Cost at_once = cost_of_all(e), in_order = cost_of_order(e, order);
  std::string text = concat("  Complete contraction:  ", subscripts,          //
                            "\n         Naive scaling:  ", at_once.scaling,   //
                            "\n     Optimized scaling:  ", in_order.scaling,  //
                            "\n      Naive FLOP count:  ", count_text(at_once.operations),
                            "\n  Optimized FLOP count:  ", count_text(in_order.operations), "\n");
  return {std::move(order), std::move(text)};
}

array einsum(const std::string& subscripts, const std::vector<array>& operands, StreamOrDevice s) {
  const Einsum e = parse_einsum("einsum", subscripts, operands);
  const Stream stream = to_stream(std::move(s));
  std::vector<Operand> list;
  for (size_t i = 0; i < operands.size(); ++i) {
    list.push_back(without_repeats({operands[i], e.inputs[i]}, stream));
  }
  for (const auto& step : contraction_order(e)) {
    std::vector<Operand> chosen;
    for (auto at = step.rbegin(); at != step.rend(); ++at) {
      chosen.insert(chosen.begin(), list[static_cast<size_t>(*at)]);
      list.erase(list.begin() + *at);
    }
    std::vector<Labels> labels, others;
    for (const Operand& x : list) others.push_back(x.labels);
    for (const Operand& x : chosen) labels.push_back(x.labels);
    const Labels result = contracted_labels(labels, others, e.output);
    if (chosen.size() == 1) {
      list.push_back(summed(chosen[0], result, stream));
      continue;
    }
    // What only one of the two has is summed before.
    const auto alone = [&](size_t i) {
      Labels kept = result;
      kept.insert(kept.end(), labels[1 - i].begin(), labels[1 - i].end());
      return summed(chosen[i], kept, stream);
    };
    list.push_back(product(e, alone(0), alone(1), result, stream));
  }
  const array out = arranged(list[0], e.output, stream);
  Shape shape;
  for (const Label label : e.output) shape.push_back(e.sizes.at(label));
  return broadcast_to(out, shape, stream);
}

}  // namespace mlx::core
