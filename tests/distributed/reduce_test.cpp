#include "mlx/distributed/reduce.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace mlx::core::distributed {
namespace {

constexpr Reduction kAll[] = {Reduction::sum, Reduction::prod, Reduction::min, Reduction::max};

// What each reduction gives for (a, b), as numbers.
template <typename T>
void expect(Dtype dtype, T a, T b, std::initializer_list<T> expected) {
  auto want = expected.begin();
  for (const Reduction op : kAll) {
    const Reducer& r = reduce_into(dtype, op);
    ASSERT_EQ(r.width, sizeof(T));
    constexpr size_t kCount = 37;
    std::array<T, kCount> acc, in, narrow;
    acc.fill(a);
    in.fill(b);
    // By way of the wide type, then directly.
    std::vector<std::byte> wide(kCount * r.wide_width);
    r.widen(wide.data(), acc.data(), kCount);
    r.fold_wide(wide.data(), in.data(), kCount);
    r.narrow(narrow.data(), wide.data(), kCount);
    r.fold(acc.data(), in.data(), kCount);
    for (size_t i = 0; i < kCount; ++i) {
      ASSERT_EQ(0, std::memcmp(&acc[i], want, sizeof(T))) << dtype_name(dtype) << ", " << int(op);
      ASSERT_EQ(0, std::memcmp(&narrow[i], want, sizeof(T))) << dtype_name(dtype);
    }
    ++want;
  }
}

TEST(ReduceInto, CombinesEveryDtype) {
  expect<bool>(bool_, true, false, {true, false, false, true});
  expect<bool>(bool_, true, true, {true, true, true, true});
  expect<uint8_t>(uint8, 200, 100, {44, 32, 100, 200});
  expect<uint16_t>(uint16, 60000, 10000, {4464, 17920, 10000, 60000});
  expect<uint32_t>(uint32, 7, 3, {10, 21, 3, 7});
  expect<uint64_t>(uint64, 1ull << 63, 3, {(1ull << 63) + 3, 1ull << 63, 3, 1ull << 63});
  expect<int8_t>(int8, 100, 100, {-56, 16, 100, 100});
  expect<int16_t>(int16, -5, 4, {-1, -20, -5, 4});
  expect<int32_t>(int32, std::numeric_limits<int32_t>::max(), 1,
                  {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max(), 1,
                   std::numeric_limits<int32_t>::max()});
  expect<int64_t>(int64, -7, 5, {-2, -35, -7, 5});
  expect<float16_t>(float16, 1.5f, -2.0f, {-0.5f, -3.0f, -2.0f, 1.5f});
  expect<bfloat16_t>(bfloat16, 1.5f, -2.0f, {-0.5f, -3.0f, -2.0f, 1.5f});
  expect<float>(float32, 1.25f, -2.0f, {-0.75f, -2.5f, -2.0f, 1.25f});
  expect<double>(float64, 1.25, -2.0, {-0.75, -2.5, -2.0, 1.25});
  using C = complex64_t;
  expect<C>(complex64, C(1, 2), C(1, -3), {C(2, -1), C(7, -1), C(1, -3), C(1, 2)});
}

TEST(ReduceInto, NanWinsInMinAndMaxOnEitherSide) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Reduction op : {Reduction::min, Reduction::max}) {
    for (const bool first : {true, false}) {
      float acc = first ? nan : 1.0f;
      const float in = first ? 1.0f : nan;
      reduce_into(float32, op).fold(&acc, &in, 1);
      EXPECT_TRUE(std::isnan(acc));
    }
  }
}

TEST(ReduceInto, HalfTypesAccumulateInFloat32) {
  for (const Dtype dtype : {float16, bfloat16}) {
    EXPECT_TRUE(reduce_into(dtype, Reduction::sum).widens());
    EXPECT_EQ(reduce_into(dtype, Reduction::sum).wide_width, sizeof(float));
  }
  EXPECT_FALSE(reduce_into(float32, Reduction::sum).widens());
}

// Whatever instructions the loops use, as one value after the other.
template <typename T>
void expect_converts(Dtype dtype) {
  const Reducer& r = reduce_into(dtype, Reduction::sum);
  std::vector<T> all;
  for (uint32_t bits = 0; bits < 65'536 + 5; ++bits) {
    all.push_back(T::from_bits(static_cast<uint16_t>(bits)));
  }
  std::vector<float> wide(all.size());
  r.widen(wide.data(), all.data(), all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    const float expected = float(all[i]);
    ASSERT_TRUE(wide[i] == expected || (std::isnan(wide[i]) && std::isnan(expected))) << i;
  }
  // Exact values, ties and their neighbours, values out of range.
  std::vector<float> values;
  for (const float v : wide) {
    const float half_way = v * (1 + (dtype == float16 ? 0x1p-11f : 0x1p-8f));
    for (const float near : {v, half_way, std::nextafter(half_way, 0.0f), v * 1.7f}) {
      values.push_back(near);
    }
  }
  std::vector<T> narrow(values.size());
  r.narrow(narrow.data(), values.data(), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const T expected(values[i]);
    ASSERT_TRUE(narrow[i].bits == expected.bits ||
                (std::isnan(float(narrow[i])) && std::isnan(float(expected))))
        << values[i];
  }
}

TEST(ReduceInto, ConvertsEveryHalfRoundingToNearestEven) {
  expect_converts<float16_t>(float16);
  expect_converts<bfloat16_t>(bfloat16);
}

TEST(ReduceInto, FoldsHalvesOfAnyCount) {
  for (const size_t count : {0, 1, 511, 512, 513, 1300}) {
    std::vector<float16_t> acc(count, 1.5f);
    const std::vector<float16_t> in(count, 2.25f);
    reduce_into(float16, Reduction::sum).fold(acc.data(), in.data(), count);
    for (const float16_t v : acc) ASSERT_EQ(float(v), 3.75f);
  }
}

}  // namespace
}  // namespace mlx::core::distributed
