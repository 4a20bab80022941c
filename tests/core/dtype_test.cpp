#include "mlx/core/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <string>

#include "mlx/core/utils.h"

namespace mlx::core {
namespace {

const std::vector<Dtype> kAll = {bool_, uint8, uint16,  uint32,  uint64,  int8,     int16,
                                 int32, int64, float16, float32, float64, bfloat16, complex64};

Dtype by_name(const std::string& name) {
  for (Dtype t : kAll) {
    if (name == dtype_name(t) || name == std::string(dtype_name(t)) + "_") {
      return t;
    }
  }
  throw std::runtime_error("no dtype " + name);
}

std::vector<std::string> fields(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, '\t');) {
    out.push_back(field);
  }
  return out;
}

TEST(Dtype, PromotesAsTheGoldenTable) {
  std::ifstream table(std::string(MLX_GOLDEN_DIR) + "/promotion.tsv");
  std::string line;
  ASSERT_TRUE(std::getline(table, line));
  const auto columns = fields(line);
  int cells = 0;
  while (std::getline(table, line)) {
    const auto row = fields(line);
    for (size_t i = 1; i < row.size(); ++i, ++cells) {
      EXPECT_EQ(promote_types(by_name(row[0]), by_name(columns[i])), by_name(row[i]))
          << row[0] << " with " << columns[i];
    }
  }
  EXPECT_EQ(cells, 196);
}

TEST(Dtype, CategoriesFormATree) {
  EXPECT_TRUE(issubdtype(bool_, generic));
  EXPECT_FALSE(issubdtype(bool_, number));
  EXPECT_TRUE(issubdtype(uint8, unsignedinteger));
  EXPECT_TRUE(issubdtype(uint8, integer));
  EXPECT_FALSE(issubdtype(uint8, signedinteger));
  EXPECT_TRUE(issubdtype(bfloat16, floating));
  EXPECT_TRUE(issubdtype(complex64, inexact));
  EXPECT_FALSE(issubdtype(complex64, floating));
  EXPECT_TRUE(issubdtype(signedinteger, number));
  EXPECT_FALSE(issubdtype(number, signedinteger));
  EXPECT_TRUE(issubdtype(float32, float32));
  EXPECT_FALSE(issubdtype(float32, float64));
  EXPECT_FALSE(issubdtype(floating, float32));
}

TEST(Dtype, KindsAndSizesAreNumPys) {
  EXPECT_EQ(kindof(bool_), Dtype::Kind::b);
  EXPECT_EQ(kindof(uint16), Dtype::Kind::u);
  EXPECT_EQ(kindof(int64), Dtype::Kind::i);
  EXPECT_EQ(kindof(float16), Dtype::Kind::f);
  EXPECT_EQ(kindof(bfloat16), Dtype::Kind::V);
  EXPECT_EQ(kindof(complex64), Dtype::Kind::c);
  const int sizes[] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 2, 8};
  for (size_t i = 0; i < kAll.size(); ++i) {
    EXPECT_EQ(size_of(kAll[i]), sizes[i]);
    EXPECT_EQ(dtype_of(kAll[i].val()), kAll[i]);
    EXPECT_EQ(static_cast<size_t>(kAll[i].val()), i);
  }
}

TEST(Half, Float16RoundTripsEveryBitPattern) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = float16_t::from_bits(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(static_cast<float>(float16_t(value))));
    } else {
      ASSERT_EQ(float16_t(value).bits, bits);
    }
  }
}

TEST(Half, Bfloat16RoundTripsEveryBitPattern) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = bfloat16_t::from_bits(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16_t(value))));
    } else {
      ASSERT_EQ(bfloat16_t(value).bits, bits);
    }
  }
}

// Against the nearest of the two neighbours, ties to the even one.
template <typename Half>
void expect_nearest_even(float value) {
  const uint16_t bits = Half(value).bits;
  const double got = static_cast<float>(Half::from_bits(bits));
  const double error = std::abs(got - value);
  for (int step : {-1, 1}) {
    const double other = static_cast<float>(Half::from_bits(static_cast<uint16_t>(bits + step)));
    if (std::isfinite(other) && std::signbit(other) == std::signbit(got)) {
      const double other_error = std::abs(other - value);
      ASSERT_LE(error, other_error) << value;
      if (error == other_error) {
        ASSERT_EQ(bits & 1, 0) << value;
      }
    }
  }
}

TEST(Half, ConversionRoundsToNearestEven) {
  for (int i = 1; i < 200000; ++i) {
    const float value = std::ldexp(static_cast<float>(i * 7919 % 16777213), i % 34 - 44);
    if (std::abs(value) < 65504.0f) {
      expect_nearest_even<float16_t>(value);
    }
    expect_nearest_even<bfloat16_t>(-value);
  }
}

TEST(Half, OverflowGivesInfinity) {
  EXPECT_EQ(float16_t(65519.0f).bits, 0x7BFF);
  EXPECT_EQ(float16_t(65520.0f).bits, 0x7C00);
  EXPECT_EQ(float16_t(-1e30f).bits, 0xFC00);
  EXPECT_EQ(bfloat16_t(std::numeric_limits<float>::max()).bits, 0x7F80);
}

TEST(Limits, FinfoKnowsEveryFloatingDtype) {
  EXPECT_EQ(finfo(float32).max, std::numeric_limits<float>::max());
  EXPECT_EQ(finfo(float32).eps, std::numeric_limits<float>::epsilon());
  EXPECT_EQ(finfo(float32).smallest_normal, std::numeric_limits<float>::min());
  EXPECT_EQ(finfo(float64).max, std::numeric_limits<double>::max());
  EXPECT_EQ(finfo(float64).min, std::numeric_limits<double>::lowest());
  EXPECT_EQ(finfo(float16).max, 65504.0);
  EXPECT_NEAR(finfo(bfloat16).max, 3.38953e38, 1e33);
  EXPECT_EQ(finfo(bfloat16).bits, 16);
  EXPECT_EQ(finfo(complex64).max, finfo(float32).max);
  EXPECT_THROW(finfo{int32}, std::invalid_argument);
}

TEST(Limits, IinfoKnowsEveryIntegerDtype) {
  EXPECT_EQ(iinfo(int8).min, -128);
  EXPECT_EQ(iinfo(int8).max, 127u);
  EXPECT_EQ(iinfo(uint16).min, 0);
  EXPECT_EQ(iinfo(uint16).max, 65535u);
  EXPECT_EQ(iinfo(int64).min, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(iinfo(uint64).max, std::numeric_limits<uint64_t>::max());
  EXPECT_THROW(iinfo{float32}, std::invalid_argument);
  EXPECT_THROW(iinfo{bool_}, std::invalid_argument);
}

}  // namespace
}  // namespace mlx::core
