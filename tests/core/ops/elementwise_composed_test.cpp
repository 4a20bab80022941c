// Functions composed of rows, fusion and derivatives of complex operands.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/elements.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/elementwise_ops.h"
#include "mlx/core/transforms.h"

using namespace mlx::core;
using namespace mlx::test;

namespace {

using Numbers = std::vector<double>;

TEST(Clip, BoundsOneSideOrBothAndPromotes) {
  const array a = make({1, 5, 9}, int32);
  EXPECT_EQ(values(clip(a, array(2), array(7))), (Numbers{2, 5, 7}));
  EXPECT_EQ(values(clip(a, array(2))), (Numbers{2, 5, 9}));
  EXPECT_EQ(values(clip(a, std::nullopt, array(7.5f))), (Numbers{1, 5, 7.5}));
  EXPECT_EQ(clip(a, std::nullopt, array(7.5f)).dtype(), float32);
}

TEST(NanToNum, ReplacesWhatIsNotFinite) {
  const array a = make({kNan, kInf, -kInf, 1.5}, float32);
  const double largest = std::numeric_limits<float>::max();
  EXPECT_EQ(values(nan_to_num(a)), (Numbers{0, largest, -largest, 1.5}));
  EXPECT_EQ(values(nan_to_num(a, 1, 2.0f, 3.0f)), (Numbers{1, 2, 3, 1.5}));
  EXPECT_EQ(values(nan_to_num(make({kInf}, float16))), Numbers{65504});
}

TEST(IsClose, InfinitiesAndNan) {
  const array a = make({1, 1, kInf, -kInf, kInf, kNan, 1, 0}, float32);
  const array b = make({1 + 5e-6, 1.1, kInf, kInf, 1, kNan, kInf, 5e-9}, float32);
  EXPECT_EQ(values(isclose(a, b)), (Numbers{1, 0, 1, 0, 0, 0, 0, 1}));
  EXPECT_EQ(values(isclose(a, b, 1e-5, 1e-8, true)), (Numbers{1, 0, 1, 0, 0, 1, 0, 1}));
  EXPECT_EQ(values(isclose(make({1, 2}, uint8), make({2, 2}, uint8))), (Numbers{0, 1}));
  // Neither differences nor magnitudes of integers wrap around.
  EXPECT_EQ(values(isclose(make({-19312, -32768}, int16), make({32767, -32768}, int16))),
            (Numbers{0, 1}));
  EXPECT_EQ(values(isclose(make({0}, int8), make({-128}, int8), 1)), Numbers{1});
  EXPECT_EQ(values(isclose(make({3}, float16), make({100000}, int32), 0.1)), Numbers{0});
}

TEST(DivMod, IntegersRoundDown) {
  for (Dtype dtype : {int8, int16, int32, int64, float32, float64}) {
    const std::vector<array> out =
        divmod(make({-7, 7, -7, 7, -128, 6}, dtype), make({2, -2, -2, 2, 3, 3}, dtype));
    EXPECT_EQ(values(out[0]), (Numbers{-4, -4, 3, 3, -43, 2})) << dtype_name(dtype);
    EXPECT_EQ(values(out[1]), (Numbers{1, -1, -1, 1, 1, 0})) << dtype_name(dtype);
  }
  const std::vector<array> by_zero = divmod(make({5}, int32), make({0}, int32));
  EXPECT_EQ(values(by_zero[0]), Numbers{0});
  EXPECT_EQ(values(by_zero[1]), Numbers{0});
}

TEST(Round, ToDecimals) {
  EXPECT_EQ(values(round(make({12345, 15}, int32), -1)), (Numbers{12340, 20}));
  const Numbers got = values(round(make({1.25, 1.375, -2.5}, float32), 1));
  const Numbers expected = {1.2, 1.4, -2.5};
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], expected[i], 1e-6);
  }
  EXPECT_EQ(values(round(make({0.5, 1.5, 2.5}, float32))), (Numbers{0, 2, 2}));
}

TEST(Degrees, AndBack) {
  EXPECT_NEAR(values(degrees(make({M_PI}, float64)))[0], 180, 1e-12);
  EXPECT_NEAR(values(radians(make({180}, int32)))[0], M_PI, 1e-6);
}

TEST(StopGradient, SharesItsInputsMemory) {
  array a = make({1, 2, 3}, float32);
  array b = stop_gradient(a);
  b.eval();
  EXPECT_EQ(a.data<void>(), b.data<void>());
}

TEST(Imag, OfARealArrayIsZero) { EXPECT_EQ(values(imag(make({1, 2}, float16))), (Numbers{0, 0})); }

// Float16 keeps more precision between fused operations: the difference is a
// rounding, and float32 has none.
TEST(Fusion, GivesTheSameNumbers) {
  const array x = make({-3, -0.5, 0, 0.25, 1, 8, 100}, float32);
  const array half = array(0.5f);
  const array fused = x * half * (array(1.0f) + erf(x * half)) - tanh(x);
  array a = x * half;
  a.eval();
  array b = erf(a);
  b.eval();
  array c = array(1.0f) + b;
  c.eval();
  array d = a * c;
  d.eval();
  array e = tanh(x);
  e.eval();
  EXPECT_EQ(values(fused), values(d - e));
}

TEST(Fusion, SharedOperandsAndKeptIntermediates) {
  const array x = make({1, 2, 3}, int32);
  const array kept = x + x;
  const array out = kept * kept - x;
  EXPECT_EQ(values(out), (Numbers{3, 14, 33}));
  EXPECT_EQ(values(kept), (Numbers{2, 4, 6}));
  EXPECT_EQ(values(x), (Numbers{1, 2, 3}));
}

// ---- derivatives of complex operands, by MLX's convention: the cotangent of
// x for a real loss is d/d(re) + i d/d(im).

array loss_of(Opcode opcode, const std::vector<array>& x) {
  const array y = make_node(elementwise_op(opcode), x, {}, to_stream({}));
  const array weight = array(std::complex<float>(0.6f, -0.8f));
  return real(conjugate(weight) * y);
}

std::complex<double> numeric(Opcode opcode, std::vector<std::complex<double>> x, size_t which) {
  constexpr double kStep = 1e-2;
  const auto at = [&](std::complex<double> offset) {
    std::vector<array> shifted;
    for (size_t i = 0; i < x.size(); ++i) {
      shifted.push_back(array(std::complex<float>(i == which ? x[i] + offset : x[i])));
    }
    return values(loss_of(opcode, shifted))[0];
  };
  const std::complex<double> i(0, 1);
  return {(at(kStep) - at(-kStep)) / (2 * kStep), (at(kStep * i) - at(-kStep * i)) / (2 * kStep)};
}

TEST(ElementwiseGrad, ComplexOperandsFollowMlxConvention) {
  for (int op = 0; op < kOpcodes; ++op) {
    const auto opcode = static_cast<Opcode>(op);
    const Domain domain = domain_of(opcode);
    const bool smooth = domain == Domain::Inexact || domain == Domain::Ring ||
                        domain == Domain::Signed || domain == Domain::Magnitude ||
                        domain == Domain::Complex || domain == Domain::Part ||
                        opcode == Opcode::power;
    if (!smooth) {
      continue;
    }
    const std::vector<std::complex<double>> at = {{0.6, 0.4}, {1.3, -0.7}};
    std::vector<array> x;
    for (int i = 0; i < kElementwise[op].row->arity; ++i) {
      x.push_back(array(std::complex<float>(at[static_cast<size_t>(i)])));
    }
    const array y = make_node(elementwise_op(opcode), x, {}, to_stream({}));
    const array weight = array(std::complex<float>(0.6f, -0.8f));
    const array cotangent = y.dtype() == complex64 ? weight : array(0.6f);
    const std::vector<int> argnums = x.size() == 1 ? std::vector<int>{0} : std::vector<int>{0, 1};
    const Attrs attrs;
    const Arrays got = elementwise_vjp(
        opcode, {x, std::span(&cotangent, 1), argnums, std::span(&y, 1), attrs, to_stream({})});
    for (size_t i = 0; i < x.size(); ++i) {
      const std::complex<double> expected =
          numeric(opcode, {at.begin(), at.begin() + static_cast<std::ptrdiff_t>(x.size())}, i);
      const std::complex<double> value = complex_values(got[i])[0];
      EXPECT_LE(std::abs(value - expected), 2e-3 * (1 + std::abs(expected)))
          << kElementwise[op].name << " input " << i << ": got " << value << ", expected "
          << expected;
    }
  }
}

TEST(ElementwiseGrad, SumsBackOverBroadcastAxesAndCasts) {
  const array a = make({1, 2, 3}, {3}, float16);
  const array b = make({1, 2, 3, 4, 5, 6}, {2, 3}, float32);
  const array y = a * b;
  const array g = make({1, 1, 1, 1, 1, 1}, {2, 3}, float32);
  const std::vector<array> in = {a, b};
  const std::vector<int> argnums = {0, 1};
  const Attrs attrs;
  const Arrays got = elementwise_vjp(
      Opcode::multiply, {in, std::span(&g, 1), argnums, std::span(&y, 1), attrs, to_stream({})});
  EXPECT_EQ(got[0].dtype(), float16);
  EXPECT_EQ(got[0].shape(), a.shape());
  EXPECT_EQ(values(got[0]), (Numbers{5, 7, 9}));
  EXPECT_EQ(values(got[1]), (Numbers{1, 2, 3, 1, 2, 3}));
}

TEST(ElementwiseGrad, PowerIsFiniteWhereItsDerivativeIs) {
  const array a = make({0, 2, 0}, float32);
  const array b = make({2, 0, 0}, float32);
  const array y = power(a, b);
  const array g = make({1, 1, 1}, float32);
  const std::vector<array> in = {a, b};
  const std::vector<int> argnums = {0, 1};
  const Attrs attrs;
  const Arrays got = elementwise_vjp(
      Opcode::power, {in, std::span(&g, 1), argnums, std::span(&y, 1), attrs, to_stream({})});
  EXPECT_EQ(values(got[0]), (Numbers{0, 0, 0}));
  const Numbers by_exponent = values(got[1]);
  EXPECT_EQ(by_exponent[0], 0);
  EXPECT_NEAR(by_exponent[1], std::log(2.0), 1e-6);
  EXPECT_EQ(by_exponent[2], 0);
}

}  // namespace
