// Fourier transforms against their definition in extended precision.

#include "mlx/core/fft.h"

#include <gtest/gtest.h>

#include <atomic>
#include <complex>
#include <limits>
#include <numbers>
#include <random>
#include <thread>

#include "error_of.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

using Wide = std::complex<long double>;
using Numbers = std::vector<complex64_t>;

Numbers noise(size_t count, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Numbers out(count);
  for (auto& x : out) {
    const float re = normal(random);
    x = complex64_t(re, normal(random));
  }
  return out;
}

array as_array(const Numbers& x, const Shape& shape) { return array(x.data(), shape); }

Numbers numbers(const array& a) {
  array x = contiguous(astype(a, complex64));
  x.eval();
  return {x.data<complex64_t>(), x.data<complex64_t>() + x.size()};
}

// exp(2 pi i k / n) for every k.
std::vector<Wide> roots(size_t n, int sign) {
  std::vector<Wide> out(n);
  for (size_t k = 0; k < n; ++k) {
    const auto angle = 2 * std::numbers::pi_v<long double> * static_cast<long double>(k) /
                       static_cast<long double>(n) * static_cast<long double>(sign);
    out[k] = Wide(std::cos(angle), std::sin(angle));
  }
  return out;
}

// Element k of the transform of elements that are `step` apart.
Wide dft(const complex64_t* x, const std::vector<Wide>& roots, size_t step, size_t k) {
  long double re = 0, im = 0;
  for (size_t j = 0, at = 0; j < roots.size(); ++j) {
    const long double a = x[j * step].real(), b = x[j * step].imag();
    re += a * roots[at].real() - b * roots[at].imag();
    im += a * roots[at].imag() + b * roots[at].real();
    at = (at + k) % roots.size();
  }
  return {re, im};
}

// The transform of [outer, n, inner] along the middle.
Numbers expected(const Numbers& x, size_t outer, size_t n, size_t inner, int sign) {
  const std::vector<Wide> w = roots(n, sign);
  Numbers out(x.size());
  for (size_t o = 0; o < outer; ++o) {
    for (size_t i = 0; i < inner; ++i) {
      for (size_t k = 0; k < n; ++k) {
        const Wide y = dft(&x[o * n * inner + i], w, inner, k);
        out[(o * n + k) * inner + i] =
            complex64_t(static_cast<float>(y.real()), static_cast<float>(y.imag()));
      }
    }
  }
  return out;
}

// Relative to the root mean square of what is expected.
double error(const Numbers& got, const Numbers& want) {
  EXPECT_EQ(got.size(), want.size());
  double difference = 0, size = 1e-30;
  for (size_t i = 0; i < want.size(); ++i) {
    difference += std::norm(std::complex<double>(got[i]) - std::complex<double>(want[i]));
    size += std::norm(std::complex<double>(want[i]));
  }
  return std::sqrt(difference / size);
}
constexpr double kTolerance = 6e-7;

Numbers real_parts(Numbers x) {
  for (auto& v : x) v = v.real();
  return x;
}

Numbers first_half(const Numbers& x, size_t n) {
  Numbers out;
  for (size_t i = 0; i < x.size(); ++i) {
    if (i % n <= n / 2) out.push_back(x[i]);
  }
  return out;
}

// Powers, all small radices, primes with and without a pass of their own, chirps.
const std::vector<size_t> kLengths = {1,  2,  3,  4,  5,  6,   7,   8,   9,   11,  12,  13,  15,
                                      16, 17, 19, 23, 25, 27,  29,  30,  31,  32,  35,  37,  41,
                                      49, 60, 64, 74, 77, 100, 121, 127, 128, 169, 210, 243, 251};

TEST(Fft, IsTheDefinitionForEveryLengthAndNumberOfRows) {
  for (const size_t n : kLengths) {
    for (const size_t rows : {1, 3, 17}) {
      const Numbers x = noise(rows * n);
      const array a = as_array(x, {static_cast<int>(rows), static_cast<int>(n)});
      EXPECT_LT(error(numbers(fft::fft(a)), expected(x, rows, n, 1, -1)), kTolerance)
          << n << " x " << rows;
      EXPECT_LT(
          error(numbers(fft::ifft(a) * array(static_cast<float>(n))), expected(x, rows, n, 1, 1)),
          kTolerance)
          << n << " x " << rows;
    }
  }
}

TEST(Fft, IsTheDefinitionForLongRows) {
  for (const size_t n : {256, 289, 300, 480, 509, 1000, 1009, 1024, 2018, 2187, 3600}) {
    for (const size_t rows : {1, 8}) {
      const Numbers x = noise(rows * n);
      const array a = as_array(x, {static_cast<int>(rows), static_cast<int>(n)});
      EXPECT_LT(error(numbers(fft::fft(a)), expected(x, rows, n, 1, -1)), kTolerance)
          << n << " x " << rows;
    }
  }
}

// Longer than lanes can be: a few elements of the result.
TEST(Fft, IsTheDefinitionForVeryLongRows) {
  for (const size_t n :
       {size_t{1} << 17, size_t{3} * 5 * 7 * 11 * 13 * 2, size_t{65537}, size_t{40961} * 2}) {
    const Numbers x = noise(n);
    const std::vector<Wide> w = roots(n, -1);
    const Numbers y = numbers(fft::fft(as_array(x, {static_cast<int>(n)})));
    for (const size_t k : {size_t{0}, size_t{1}, n / 3, n / 2, n - 1}) {
      const Wide want = dft(x.data(), w, 1, k);
      const auto off = std::abs(Wide(y[k].real(), y[k].imag()) - want);
      EXPECT_LT(off, 2e-6L * std::sqrt(static_cast<long double>(n))) << n << ", element " << k;
    }
    EXPECT_LT(error(numbers(fft::ifft(fft::fft(as_array(x, {static_cast<int>(n)})))), x),
              kTolerance)
        << n;
  }
}

TEST(Fft, TransformsAnyAxis) {
  struct Case {
    size_t outer, n, inner;
  };
  for (const auto& [outer, n, inner] : {Case{3, 8, 5}, Case{1, 12, 40}, Case{40, 7, 3},
                                        Case{2, 300, 2}, Case{5, 37, 17}, Case{1, 1, 4}}) {
    const Numbers x = noise(outer * n * inner);
    const array a =
        as_array(x, {static_cast<int>(outer), static_cast<int>(n), static_cast<int>(inner)});
    EXPECT_LT(error(numbers(fft::fft(a, 1)), expected(x, outer, n, inner, -1)), kTolerance)
        << outer << " " << n << " " << inner;
  }
}

TEST(Fft, TakesAnyLayout) {
  const Numbers x = noise(6 * 8);
  const array a = as_array(x, {6, 8});
  const Numbers want = expected(x, 6, 8, 1, -1);
  const array turned = transpose(contiguous(transpose(a)));
  EXPECT_LT(error(numbers(fft::fft(turned)), want), kTolerance);
  const array reversed =
      slice(contiguous(slice(a, {5, 7}, {-7, -9}, {-1, -1})), {5, 7}, {-7, -9}, {-1, -1});
  EXPECT_LT(error(numbers(fft::fft(reversed)), want), kTolerance);
  EXPECT_LT(error(numbers(fft::fft(broadcast_to(slice(a, {0, 0}, {1, 8}), {3, 8}))),
                  [&] {
                    Numbers rows;
                    for (int i = 0; i < 3; ++i)
                      rows.insert(rows.end(), want.begin(), want.begin() + 8);
                    return rows;
                  }()),
            kTolerance);
}

TEST(Fft, RealTransformsAreHalves) {
  for (const size_t n : {1, 2, 3, 4, 5, 8, 12, 15, 37, 64, 127, 300, 1009}) {
    for (const size_t rows : {1, 2, 17, 40}) {
      const Numbers x = real_parts(noise(rows * n));
      const array a =
          astype(real(as_array(x, {static_cast<int>(rows), static_cast<int>(n)})), float32);
      const Numbers want = first_half(expected(x, rows, n, 1, -1), n);
      const array y = fft::rfft(a);
      EXPECT_EQ(y.dtype(), complex64);
      EXPECT_LT(error(numbers(y), want), kTolerance) << n << " x " << rows;
      const array back = fft::irfft(y, static_cast<int>(n), 1);
      EXPECT_EQ(back.dtype(), float32);
      EXPECT_LT(error(numbers(back), x), kTolerance) << n << " x " << rows;
    }
  }
}

TEST(Fft, OfSeveralAxesIsOneAfterTheOther) {
  const Shape shape{5, 6, 7};
  const array a = as_array(noise(5 * 6 * 7), shape);
  const Numbers all = numbers(fft::fft(fft::fft(fft::fft(a, 0), 1), 2));
  EXPECT_LT(error(numbers(fft::fftn(a)), all), kTolerance);
  EXPECT_LT(error(numbers(fft::fftn(a, {1, -1, 0})), all), kTolerance);
  EXPECT_LT(error(numbers(fft::ifftn(fft::fftn(a))), numbers(a)), kTolerance);
  EXPECT_LT(error(numbers(fft::fft2(a)), numbers(fft::fft(fft::fft(a, 1), 2))), kTolerance);
  EXPECT_LT(
      error(numbers(fft::ifft2(a, {2, 3}, {0, 1})), numbers(fft::ifft(fft::ifft(a, 2, 0), 3, 1))),
      kTolerance);
  const array r = astype(real(a), float32);
  EXPECT_LT(error(numbers(fft::rfftn(r, {0, 1})), numbers(fft::fft(fft::rfft(r, 1), 0))),
            kTolerance);
  EXPECT_LT(error(numbers(fft::irfftn(fft::rfftn(r), shape, {0, 1, 2})), numbers(r)), kTolerance);
  EXPECT_LT(error(numbers(fft::irfft2(fft::rfft2(r, {0, 1}), {0, 1})), numbers(r)), kTolerance);
  EXPECT_LT(error(numbers(fft::irfftn(a)), numbers(fft::irfft(fft::ifft(fft::ifft(a, 0), 1), 2))),
            kTolerance);
}

TEST(Fft, CutsOffAndFillsUp) {
  const Numbers x = noise(5);
  const array a = as_array(x, {5});
  EXPECT_LT(error(numbers(fft::fft(a, 3, 0)), expected({x[0], x[1], x[2]}, 1, 3, 1, -1)),
            kTolerance);
  EXPECT_LT(error(numbers(fft::fft(a, 7, 0)),
                  expected({x[0], x[1], x[2], x[3], x[4], 0, 0}, 1, 7, 1, -1)),
            kTolerance);
  EXPECT_EQ(fft::irfft(a).shape(), Shape{8});
  EXPECT_EQ(fft::irfft(a, 3, 0).shape(), Shape{3});
  EXPECT_EQ(fft::rfft(real(a), 9, 0).shape(), Shape{5});
}

TEST(Fft, ScalesAsToldTo) {
  const array a = as_array(noise(4 * 6), {4, 6});
  const Numbers forward = numbers(fft::fftn(a)), back = numbers(fft::ifftn(a));
  using fft::FFTNorm;
  const auto times = [](Numbers x, float factor) {
    for (auto& v : x) v *= factor;
    return x;
  };
  EXPECT_LT(error(numbers(fft::fftn(a, FFTNorm::Forward)), times(forward, 1 / 24.0f)), kTolerance);
  EXPECT_LT(error(numbers(fft::fftn(a, FFTNorm::Ortho)), times(forward, 1 / std::sqrt(24.0f))),
            kTolerance);
  EXPECT_LT(error(numbers(fft::ifftn(a, FFTNorm::Forward)), times(back, 24)), kTolerance);
  EXPECT_LT(error(numbers(fft::ifftn(a, FFTNorm::Ortho)), times(back, std::sqrt(24.0f))),
            kTolerance);
  const array half = fft::rfftn(real(a), FFTNorm::Ortho);
  EXPECT_LT(error(numbers(fft::irfftn(half, FFTNorm::Ortho)), numbers(real(a))), kTolerance);
}

TEST(Fft, TakesEveryDtype) {
  for (const Dtype dtype : {bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64,
                            float16, float32, float64, bfloat16, complex64}) {
    const array a = astype(array({1.0f, 0.0f, 3.0f, 2.0f, 0.0f}), dtype);
    const Numbers x = numbers(a);
    const array y = fft::fft(a);
    EXPECT_EQ(y.dtype(), complex64) << dtype;
    EXPECT_LT(error(numbers(y), expected(x, 1, 5, 1, -1)), kTolerance) << dtype;
    EXPECT_LT(error(numbers(fft::rfft(a)), first_half(expected(x, 1, 5, 1, -1), 5)), kTolerance)
        << dtype;
    EXPECT_EQ(fft::irfft(a).dtype(), float32) << dtype;
  }
}

TEST(Fft, OfNothing) {
  EXPECT_EQ(fft::fft(zeros({0, 4})).shape(), (Shape{0, 4}));
  EXPECT_EQ(numbers(fft::rfft(zeros({0, 4}))).size(), 0u);
  EXPECT_EQ(numbers(fft::irfftn(zeros({0, 4, 4}), {1, 2})).size(), 0u);
  EXPECT_EQ(fft::fftn(zeros({3}), std::vector<int>{}).dtype(), float32) << "the input itself";
}

TEST(Fft, OfHugeAndSpecialValues) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(all(isnan(fft::fft(array({1.0f, std::nanf(""), 2.0f})))).item<bool>());
  EXPECT_FALSE(any(isfinite(real(fft::fft(array({infinity, 1.0f}))))).item<bool>());
}

TEST(Fft, SaysWhatIsWrong) {
  const array a = zeros({3, 4});
  using Bad = std::invalid_argument;
  EXPECT_EQ(error_of<Bad>([&] { fft::fft(a, 0, 0); }),
            "[fftn] Size of axis 0: got 0, expected at least 1.");
  EXPECT_EQ(error_of<Bad>([&] { fft::irfft(zeros({1})); }),
            "[irfftn] Size of axis 0: got 0, expected at least 1.");
  error_of<Bad>([&] { fft::fft(zeros({4, 0})); });
  error_of<Bad>([&] { fft::fft(a, -2, 1); });
  error_of<Bad>([&] { fft::fftn(a, std::vector<int>{-1, 1}); });
  EXPECT_EQ(error_of<Bad>([&] {
              fft::fftn(a, {2, 2}, {0});
            }),
            "[fftn] Sizes and axes do not fit: got 2 sizes for 1 axes.");
  EXPECT_EQ(error_of<std::out_of_range>([&] { fft::fft(a, 2); }),
            "[fftn] Axis 2 is out of bounds for an array of 2 dimensions.");
  error_of<std::out_of_range>([&] { fft::fft(array(1.0f)); });
  error_of<std::out_of_range>([&] { fft::fft2(zeros({3})); });
  error_of<std::out_of_range>([&] { fft::fftshift(zeros({3}), {1}); });
  error_of<Bad>([] { fft::fftfreq(0); });
  error_of<Bad>([] { fft::rfftfreq(4, 0.0); });
}

TEST(Fft, Frequencies) {
  EXPECT_TRUE(
      array_equal(fft::fftfreq(5, 0.5), array({0.0f, 0.4f, 0.8f, -0.8f, -0.4f})).item<bool>());
  EXPECT_TRUE(array_equal(fft::fftfreq(4), array({0.0f, 0.25f, -0.5f, -0.25f})).item<bool>());
  EXPECT_TRUE(allclose(fft::rfftfreq(6), array({0.0f, 1 / 6.0f, 1 / 3.0f, 0.5f})).item<bool>());
}

TEST(Fft, Shifts) {
  EXPECT_TRUE(array_equal(fft::fftshift(arange(5)), array({3, 4, 0, 1, 2})).item<bool>());
  EXPECT_TRUE(array_equal(fft::ifftshift(arange(5)), array({2, 3, 4, 0, 1})).item<bool>());
  const array a = reshape(arange(6), {2, 3});
  EXPECT_TRUE(array_equal(fft::fftshift(a), array({5, 3, 4, 2, 0, 1}, {2, 3})).item<bool>());
  EXPECT_TRUE(array_equal(fft::ifftshift(fft::fftshift(a, {-1}), {1}), a).item<bool>());
  EXPECT_EQ(fft::fftshift(array(3)).item<int>(), 3);
}

// Shared plans, from several threads.
TEST(Fft, AnyThreadMayTransform) {
  const Numbers x = noise(1000);
  const Numbers want = expected(x, 1, 1000, 1, -1);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const Stream s = new_stream(Device(Device::cpu));
      for (int i = 0; i < 20; ++i) {
        if (error(numbers(fft::fft(as_array(x, {1000}), -1, fft::FFTNorm::Backward, s)), want) >
            kTolerance)
          ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace mlx::core
