// Every operation under vmap against a loop over the mapped axis: alone, in a
// second vmap, and with derivatives inside and outside.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/transform/derivative_rows.h"
#include "core/transform/ops_of.h"
#include "core/transform/vmap_rows.h"
#include "mlx/core/ops/conv_ops.h"
#include "mlx/core/ops/elementwise_ops.h"
#include "mlx/core/ops/fft_ops.h"
#include "mlx/core/ops/indexing_ops.h"
#include "mlx/core/ops/linalg_ops.h"
#include "mlx/core/ops/matmul_ops.h"
#include "mlx/core/ops/reduce_ops.h"
#include "mlx/core/ops/shape_ops.h"
#include "mlx/core/ops/sort_ops.h"
#include "mlx/core/random_ops.h"

namespace mlx::core {
namespace {

using Fun = std::function<Arrays(const Arrays&)>;
using Axes = std::vector<int>;

int dimensions(const array& x) { return static_cast<int>(x.ndim()); }

void expect_equal(const array& got, const array& expected, const std::string& what,
                  double tolerance) {
  ASSERT_EQ(got.shape(), expected.shape()) << what;
  ASSERT_EQ(got.dtype(), expected.dtype()) << what;
  const std::vector<double> a = values(got);
  const std::vector<double> b = values(expected);
  double scale = 1;
  for (double v : b) {
    if (std::isfinite(v)) scale = std::max(scale, std::abs(v));
  }
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(b[i]) ? std::isnan(a[i]) : a[i] == b[i]) {
      continue;
    }
    ASSERT_NEAR(a[i], b[i], tolerance * scale) << what << ", element " << i;
  }
}

// Some functions of float64 pass through single precision too, and sizes decide about the order of
// its sums.
constexpr double kTolerance = 4e-6;

array element(const array& whole, ShapeElem i, int axis) {
  return take(whole, static_cast<int>(i), axis);
}

// The arguments of one pass of the loop.
Arrays elements(const Arrays& inputs, const Axes& axes, ShapeElem i) {
  Arrays one;
  for (size_t k = 0; k < inputs.size(); ++k) {
    one.push_back(axes[k] < 0 ? inputs[k] : element(inputs[k], i, axes[k]));
  }
  return one;
}

ShapeElem size_of(const Arrays& inputs, const Axes& axes) {
  for (size_t k = 0; k < inputs.size(); ++k) {
    if (axes[k] >= 0) {
      return inputs[k].shape(axes[k]);
    }
  }
  return 0;
}

// What vmap promises, by a loop. The mapped axis has elements.
Fun looped(const Fun& fun, const Axes& in_axes, const Axes& out_axes = {}) {
  return [=](const Arrays& inputs) {
    std::vector<Arrays> results;
    for (ShapeElem i = 0; i < size_of(inputs, in_axes); ++i) {
      results.push_back(fun(elements(inputs, in_axes, i)));
    }
    Arrays stacked;
    for (size_t k = 0; k < results[0].size(); ++k) {
      Arrays column;
      for (const Arrays& result : results) {
        column.push_back(result[k]);
      }
      stacked.push_back(stack(column, out_axes.empty() ? 0 : out_axes[k]));
    }
    return stacked;
  };
}

void expect_same(const Fun& got, const Fun& expected, const Arrays& inputs,
                 const std::string& what) {
  const Arrays a = got(inputs);
  const Arrays b = expected(inputs);
  ASSERT_EQ(a.size(), b.size()) << what;
  for (size_t k = 0; k < a.size(); ++k) {
    expect_equal(a[k], b[k], what + ", output " + std::to_string(k), kTolerance);
  }
}

// ---- the rows

// Inputs near those of the derivative's row, for each of `mapped` elements.
Arrays wholes_of(const DerivativeRow& row, ShapeElem mapped) {
  Arrays wholes;
  for (const array& input : row.inputs) {
    Arrays copies;
    for (ShapeElem i = 0; i < mapped; ++i) {
      copies.push_back(input * array(1.0 + 1e-3 * static_cast<double>(i), float64));
    }
    wholes.push_back(stack(copies));
  }
  return wholes;
}

std::vector<VmapRow> all_rows() {
  std::vector<VmapRow> rows = vmap_rows();
  for (const DerivativeRow& row : all_derivative_rows()) {
    rows.push_back({"Differentiable" + row.name, wholes_of(row, kMapped),
                    [fun = row.fun](const Arrays& x) { return Arrays{fun(x)}; }});
  }
  return rows;
}

// The same elements in other places of memory.
array laid_out(const array& x, int layout) {
  switch (layout) {
    case 0:
      return x;
    case 1:
      return contiguous(x);
    default: {  // reversed in memory
      std::vector<int> axes(x.ndim());
      for (int i = 0; i < dimensions(x); ++i) {
        axes[static_cast<size_t>(i)] = i;
      }
      return flip(contiguous(flip(x, axes)), axes);
    }
  }
}

// Inputs and where they are mapped: those whose bit of `mask` is set, at an
// axis that `turn` chooses; of the others the first element.
struct Arrangement {
  Arrays inputs;
  Axes axes;
};

Arrangement arrange(const Arrays& wholes, unsigned mask, int turn) {
  Arrangement out;
  for (size_t k = 0; k < wholes.size(); ++k) {
    if ((mask >> k & 1) == 0) {
      out.inputs.push_back(element(wholes[k], 0, 0));
      out.axes.push_back(-1);
      continue;
    }
    const int axis = (turn + static_cast<int>(k)) % dimensions(wholes[k]);
    out.inputs.push_back(laid_out(moveaxis(wholes[k], 0, axis), turn % 3));
    out.axes.push_back(axis);
  }
  return out;
}

int turns_of(const Arrays& wholes) {
  int turns = 3;
  for (const array& x : wholes) {
    turns = std::max(turns, dimensions(x));
  }
  return turns;
}

Axes out_axes_of(const Arrays& outputs, int turn) {
  Axes axes;
  for (const array& out : outputs) {
    axes.push_back(turn % (dimensions(out) + 1));
  }
  return axes;
}

class Vmap : public testing::TestWithParam<VmapRow> {};

TEST_P(Vmap, AgreesWithALoop) {
  const auto& [name, wholes, fun] = GetParam();
  for (unsigned mask = 1; mask < 1u << wholes.size(); ++mask) {
    for (int turn = 0; turn < turns_of(wholes); ++turn) {
      const auto [inputs, axes] = arrange(wholes, mask, turn);
      const Axes out_axes = out_axes_of(fun(elements(inputs, axes, 0)), turn);
      expect_same(vmap(fun, axes, out_axes), looped(fun, axes, out_axes), inputs,
                  "mask " + std::to_string(mask) + ", turn " + std::to_string(turn));
    }
  }
}

TEST_P(Vmap, OfOneAndOfNoElements) {
  const auto& [name, wholes, fun] = GetParam();
  const Arrays one_element = elements(wholes, Axes(wholes.size(), 0), 0);
  Arrays one;
  Arrays none;
  for (const array& whole : wholes) {
    const auto first = [&](ShapeElem count) {
      Shape stop = whole.shape();
      stop[0] = count;
      return slice(whole, Shape(whole.ndim(), 0), stop);
    };
    one.push_back(first(1));
    none.push_back(first(0));
  }
  expect_same(vmap(fun), looped(fun, Axes(wholes.size(), 0)), one, "one element");
  const Arrays of_none = vmap(fun)(none);
  const Arrays like = fun(one_element);
  for (size_t k = 0; k < like.size(); ++k) {
    Shape shape = like[k].shape();
    shape.insert(shape.begin(), 0);
    EXPECT_EQ(of_none[k].shape(), shape);
    EXPECT_EQ(of_none[k].dtype(), like[k].dtype());
    EXPECT_TRUE(values(of_none[k]).empty());
  }
}

// [2, 3, ...]: the second element of the first axis has the third's inputs in another order.
array doubled(const array& whole) { return stack({whole, flip(whole, 0)}); }

TEST_P(Vmap, NestsInItself) {
  const auto& [name, wholes, fun] = GetParam();
  Arrays inputs;
  Axes last_axes;
  for (const array& whole : wholes) {
    inputs.push_back(moveaxis(doubled(whole), 0, -1));
    last_axes.push_back(dimensions(whole));
  }
  const Axes first(inputs.size(), 0);
  expect_same(vmap(vmap(fun), last_axes), looped(looped(fun, first), last_axes), inputs,
              "all in both");
  if (inputs.size() < 2) {
    return;
  }
  // The inner one maps the first input, the outer one all others.
  Axes inner(inputs.size(), -1);
  Axes outer(inputs.size(), 0);
  inner[0] = 0;
  outer[0] = -1;
  expect_same(vmap(vmap(fun, inner), outer), looped(looped(fun, inner), outer), wholes,
              "different inputs");
}

INSTANTIATE_TEST_SUITE_P(Rows, Vmap, testing::ValuesIn(all_rows()),
                         [](const auto& info) { return info.param.name; });

// ---- with derivatives

class VmapDerivative : public testing::TestWithParam<DerivativeRow> {
 protected:
  // Scalar functions with a gradient in every element: the cotangent of the
  // operation is a constant, or depends on its inputs.
  static array linear(const Arrays& x) {
    const array y = GetParam().fun(x);
    return sum(y * spread(y.shape(), 0.5, 1.5, 9));
  }
  static array squared(const Arrays& x) {
    const array y = GetParam().fun(x);
    return sum(y * y * spread(y.shape(), 0.5, 1.5, 9));
  }
  static std::vector<int> all_argnums(size_t count) {
    std::vector<int> argnums(count);
    for (size_t i = 0; i < count; ++i) {
      argnums[i] = static_cast<int>(i);
    }
    return argnums;
  }
};

TEST_P(VmapDerivative, OfAGradient) {
  const Arrays wholes = wholes_of(GetParam(), kMapped);
  for (unsigned mask = 1; mask < 1u << wholes.size(); ++mask) {
    const auto [inputs, axes] = arrange(wholes, mask, 1);
    for (const auto scalar : {linear, squared}) {
      const Fun gradient = grad(scalar, all_argnums(wholes.size()));
      expect_same(vmap(gradient, axes), looped(gradient, axes), inputs,
                  "mask " + std::to_string(mask));
    }
  }
}

TEST_P(VmapDerivative, InsideAGradient) {
  const Arrays wholes = wholes_of(GetParam(), kMapped);
  const auto total = [](const Fun& mapped) {
    return grad(
        [mapped](const Arrays& x) {
          const array y = mapped(x)[0];
          return sum(y * spread(y.shape(), 0.5, 1.5, 4));
        },
        all_argnums(GetParam().inputs.size()));
  };
  const Fun fun = [](const Arrays& x) { return Arrays{GetParam().fun(x)}; };
  for (unsigned mask = 1; mask < 1u << wholes.size(); ++mask) {
    const auto [inputs, axes] = arrange(wholes, mask, 1);
    expect_same(total(vmap(fun, axes)), total(looped(fun, axes)), inputs,
                "mask " + std::to_string(mask));
  }
}

TEST_P(VmapDerivative, WithATangentInsideAndOutside) {
  const Arrays wholes = wholes_of(GetParam(), kMapped);
  Arrays inputs = wholes;
  for (size_t i = 0; i < wholes.size(); ++i) {
    inputs.push_back(spread(wholes[i].shape(), -1, 1, static_cast<int>(i)));
  }
  const Fun fun = [](const Arrays& x) { return Arrays{GetParam().fun(x)}; };
  const auto tangent_of = [](const Fun& f) {
    return [f](const Arrays& both) {
      const auto half = static_cast<ptrdiff_t>(both.size() / 2);
      return jvp(f, {both.begin(), both.begin() + half}, {both.begin() + half, both.end()}).second;
    };
  };
  const Fun expected = looped(tangent_of(fun), Axes(inputs.size(), 0));
  expect_same(vmap(tangent_of(fun)), expected, inputs, "inside");
  expect_same(tangent_of(vmap(fun)), expected, inputs, "outside");
}

INSTANTIATE_TEST_SUITE_P(Rows, VmapDerivative, testing::ValuesIn(all_derivative_rows()),
                         [](const auto& info) { return info.param.name; });

// ---- completeness

TEST(VmapRows, CoverEveryOperation) {
  std::vector<const Op*> ops{
      &kTranspose,
      &kReshape,
      &kBroadcast,
      &kSlice,
      &kAsStrided,
      &kCopy,
      &kView,
      &kContiguous,
      &kSliceUpdate,
      &kDynamicSlice,
      &kConcatenate,
      &kDynamicSliceUpdate,
      &kDepends,
      &kTake,
      &kGather,
      &kScatter,
      &kTakeAlong,
      &kScatterAlong,
      &kMatmul,
      &kAddmm,
      &kGatherMm,
      &kBlockMaskedMm,
      &kSegmentedMm,
      &kSegmentedMmLeft,
      &kHadamard,
      &kConvolution,
      &kSort,
      &kArgSort,
      &kSearchSorted,
      &kArgReduce,
      &kSoftmax,
      &kScan,
      &kDecayingSum,
      &kSvd,
      &kFft,
      &kQr,
      &kEigh,
      &kInverse,
      &kTriangularInverse,
      &kPseudoInverse,
      &kCholesky,
      &kLu,
      &kSolve,
      &kSolveTriangular,
      &kDeterminant,
      &kEig,
      &kStopGradient,
      &kRandomBits,
      &kAsType,
  };
  for (const Op& op : kReduce) {
    ops.push_back(&op);
  }
  std::set<const Op*> covered;
  for (const VmapRow& row : all_rows()) {
    std::set<std::uintptr_t> seen;
    for (const array& out : row.fun(elements(row.wholes, Axes(row.wholes.size(), 0), 0))) {
      collect_ops(out, covered, seen);
    }
  }
  for (const Op* op : ops) {
    EXPECT_TRUE(covered.contains(op)) << op->name << " has no row in the test of vmap";
  }
}

}  // namespace
}  // namespace mlx::core
