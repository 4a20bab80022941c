// Random numbers: the same as MLX's for the same key, and distributed as promised.

#include "mlx/core/random.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "core/elements.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/sort.h"
#include "mlx/core/transforms.h"

using namespace mlx::core;
using namespace mlx::test;

namespace {

using random::key;

double sample_mean(const array& a) { return values(mean(a))[0]; }
double sample_variance(const array& a) { return values(var(a))[0]; }

// ---- keys and bits

TEST(Random, BitsAreThoseOfTheReference) {
  std::ifstream file(MLX_GOLDEN_DIR "/random_bits.txt");
  ASSERT_TRUE(file);
  int rows = 0;
  for (std::string line; std::getline(file, line); ++rows) {
    std::istringstream in(line);
    uint64_t seed;
    int width;
    ShapeElem n;
    char colon;
    in >> seed >> width >> n >> colon;
    std::vector<double> expected(static_cast<size_t>(n));
    for (double& v : expected) {
      in >> v;
    }
    ASSERT_TRUE(in) << line;
    EXPECT_EQ(values(random::bits({n}, width, key(seed))), expected) << line;
  }
  EXPECT_EQ(rows, 54);
}

// Threefry-2x32 as its paper writes it, for one pair of counters.
std::pair<uint32_t, uint32_t> threefry(uint32_t k0, uint32_t k1, uint32_t x, uint32_t y) {
  const uint32_t keys[3] = {k0, k1, k0 ^ k1 ^ 0x1BD11BDA};
  const int rotations[8] = {13, 15, 26, 6, 17, 29, 16, 24};
  x += keys[0];
  y += keys[1];
  for (uint32_t round = 0; round < 20; ++round) {
    x += y;
    y = std::rotl(y, rotations[round % 8]) ^ x;
    if (round % 4 == 3) {
      const uint32_t group = round / 4;
      x += keys[(group + 1) % 3];
      y += keys[(group + 2) % 3] + group + 1;
    }
  }
  return {x, y};
}

TEST(Random, LargeDrawsAreTheHashesOfTheirCounters) {
  for (const ShapeElem n : {ShapeElem(100'000), ShapeElem(100'001)}) {
    const auto got = values(random::bits({n}, key(3)));
    const auto half = static_cast<size_t>(n / 2);
    const auto second = static_cast<size_t>(n) - half;
    for (size_t i = 0; i < half; ++i) {
      const auto [x, y] =
          threefry(0, 3, static_cast<uint32_t>(i), static_cast<uint32_t>(i + second));
      ASSERT_EQ(got[i], x) << i;
      ASSERT_EQ(got[i + second], y) << i;
    }
  }
}

TEST(Random, NarrowBitsAreTheBytesOfWideOnes) {
  const ShapeElem n = 1000;
  const auto wide = values(random::bits({n}, 4, key(3)));
  const auto bytes = values(random::bits({n, 4}, 1, key(3)));
  for (size_t i = 0; i < wide.size(); ++i) {
    ASSERT_EQ(bytes[4 * i] + bytes[4 * i + 1] * 0x1p8 + bytes[4 * i + 2] * 0x1p16 +
                  bytes[4 * i + 3] * 0x1p24,
              wide[i]);
  }
}

TEST(Random, KeysHoldTheSeedHighHalfFirst) {
  EXPECT_EQ(values(key(42)), (std::vector<double>{0, 42}));
  EXPECT_EQ(values(key(1099511627781)), (std::vector<double>{256, 5}));
  EXPECT_EQ(values(key(UINT64_MAX)), (std::vector<double>{4294967295, 4294967295}));
  EXPECT_EQ(key(1).dtype(), uint32);
}

TEST(Random, SplitGivesKeysOfTheReference) {
  EXPECT_EQ(values(random::split(key(42), 4)),
            (std::vector<double>{2954079971, 2575172198, 1139032965, 1035738655, 3276725750,
                                 1223413151, 173471767, 13772463}));
  const auto [first, second] = random::split(key(0));
  EXPECT_EQ(values(first), (std::vector<double>{4146024105, 967050713}));
  EXPECT_EQ(values(second), (std::vector<double>{2718843009, 1272950319}));
}

TEST(Random, SeedDeterminesEverythingThatFollows) {
  random::seed(42);
  const auto a = values(random::uniform({3}));
  EXPECT_FLOAT_EQ(static_cast<float>(a[0]), 0.2851702570915222f);
  EXPECT_FLOAT_EQ(static_cast<float>(a[1]), 0.6119449138641357f);
  EXPECT_FLOAT_EQ(static_cast<float>(a[2]), 0.17565257847309113f);
  const auto b = values(random::normal({3}));
  EXPECT_NEAR(b[0], 0.6790336966514587, 2e-6);
  EXPECT_NEAR(b[1], -1.2206053733825684, 2e-6);
  EXPECT_NEAR(b[2], 0.9467062950134277, 2e-6);
  random::seed(42);
  EXPECT_EQ(values(random::uniform({3})), a);
}

TEST(Random, ThreadsHaveSequencesOfTheirOwn) {
  random::seed(7);
  const auto first = values(random::uniform({4}));
  std::vector<double> other;
  std::thread([&] {
    random::seed(7);
    other = values(random::uniform({4}));
  }).join();
  EXPECT_EQ(first, other);
  EXPECT_NE(values(random::uniform({4})), first);
}

// ---- the reference's values

struct ValueCase {
  const char* name;
  std::function<array()> make;
  std::vector<double> expected;
  double tolerance;
};

void PrintTo(const ValueCase& c, std::ostream* os) { *os << c.name; }

class ReferenceValues : public ::testing::TestWithParam<ValueCase> {};

TEST_P(ReferenceValues, AreMatched) {
  const auto got = values(GetParam().make());
  ASSERT_EQ(got.size(), GetParam().expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const double expected = GetParam().expected[i];
    EXPECT_NEAR(got[i], expected, GetParam().tolerance * std::max(1.0, std::abs(expected))) << i;
  }
}

double hex(uint32_t bits) { return std::bit_cast<float>(bits); }

const std::vector<double> kLogTenths = {std::log(0.1), std::log(0.2), std::log(0.3), std::log(0.4)};

const ValueCase kValues[] = {
    {"Uniform",
     [] {
       return random::uniform({2, 3}, key(0));
     },
     {hex(0x3f131278), hex(0x3dcc2839), hex(0x3f3df17b), hex(0x3f64e8e0), hex(0x3f18b896),
      hex(0x3ee810a3)},
     0},
    {"UniformInARange",
     [] { return random::uniform(-2, 3, {5}, float32, key(7)); },
     {hex(0xbfd6cb10), hex(0xbf7f1d1a), hex(0x3fa04b3e), hex(0xbdb57e90), hex(0x3fb04466)},
     0},
    {"UniformFloat16",
     [] { return random::uniform({6}, float16, key(0)); },
     {0.57470703125, 0.09967041015625, 0.7421875, 0.89404296875, 0.5966796875, 0.453369140625},
     0},
    {"UniformBfloat16",
     [] { return random::uniform({6}, bfloat16, key(0)); },
     {0.57421875, 0.099609375, 0.7421875, 0.89453125, 0.59765625, 0.453125},
     0},
    {"Normal",
     [] { return random::normal({8}, key(0)); },
     {0.08086799085140228, -0.386246919631958, -0.37565547227859497, 1.66897451877594,
      -1.275819182395935, 2.1192004680633545, -0.858211874961853, 1.1305934190750122},
     1e-6},
    {"NormalFloat16",
     [] { return random::normal({4}, float16, key(0)); },
     {1.8154296875, -0.7548828125, 0.33984375, -0.53466796875},
     1e-3},
    {"NormalMovedAndScaled",
     [] { return random::normal({4}, 2, 3, key(1)); },
     {2.518070936203003, 0.6174749135971069, 5.668912887573242, 1.786942958831787},
     1e-6},
    {"NormalMovedAndScaledByArrays",
     [] {
       return random::normal({4}, float32, make({2}, {}, float32), make({3}, {1}, float32), key(1));
     },
     {2.518070936203003, 0.6174749135971069, 5.668912887573242, 1.786942958831787},
     1e-6},
    {"NormalComplex",
     [] {
       const array x = random::normal({3}, complex64, key(0));
       return add(real(x), multiply(imag(x), array(100.0f)));
     },
     {0.13282588124275208 - 90.74599146842957, 0.45920810103416443 + 88.32187652587891,
      0.17286640405654907 - 8.304928243160248},
     1e-5},
    {"Randint",
     [] { return random::randint(0, 10, {12}, int32, key(0)); },
     {8, 1, 6, 7, 3, 7, 6, 0, 4, 1, 2, 6},
     0},
    {"RandintOfNegativeRange",
     [] { return random::randint(-5, 5, {8}, int32, key(3)); },
     {-2, 3, 3, -1, -5, -5, 3, -2},
     0},
    {"RandintInt64",
     [] { return random::randint(int64_t(0), int64_t(1) << 40, {3}, int64, key(0)); },
     {1061382193152, 345996197888, 696023842816},
     0},
    {"RandintUint8",
     [] { return random::randint(0, 256, {4}, uint8, key(0)); },
     {247, 57, 162, 75},
     0},
    {"RandintOfEmptyRange", [] { return random::randint(5, 0, {3}, int32, key(0)); }, {5, 5, 5}, 0},
    {"RandintBool", [] { return random::randint(1, 10, {2}, bool_, key(0)); }, {1, 1}, 0},
    {"Bernoulli",
     [] { return random::bernoulli(0.5f, {16}, key(0)); },
     {0, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0},
     0},
    {"BernoulliOfSmallP",
     [] { return random::bernoulli(0.2f, {16}, key(9)); },
     {0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0},
     0},
    {"BernoulliOfCertainty",
     [] {
       return random::bernoulli(make({0, 1}, float32), {3, 2}, key(1));
     },
     {0, 1, 0, 1, 0, 1},
     0},
    {"TruncatedNormal",
     [] { return random::truncated_normal(array(-1.0f), array(1.0f), {5}, float32, key(0)); },
     {0.12783627212047577, -0.7497257590293884, -0.18385997414588928, 0.7358908653259277,
      0.16600875556468964},
     1e-6},
    {"TruncatedNormalOfEmptyRange",
     [] { return random::truncated_normal(array(1.0f), array(0.0f), float32, key(0)); },
     {1},
     0},
    {"TruncatedNormalFloat16",
     [] {
       return random::truncated_normal(make({-2, 0.5}, float32), make({0, 1.5}, float32), {3, 2},
                                       float16, key(5));
     },
     {-0.386962890625, 1.08203125, -0.357421875, 1.1005859375, -1.6103515625, 0.9658203125},
     2e-3},
    {"GumbelFloat16",
     [] { return random::gumbel({4}, float16, key(5)); },
     {1.7265625, -0.734375, 0.129638671875, 2.126953125},
     2e-3},
    {"NormalBfloat16",
     [] { return random::normal({4}, bfloat16, 1, 2, key(5)); },
     {2.96875, -1.3125, 0.57421875, 3.4375},
     8e-3},
    {"Gumbel",
     [] { return random::gumbel({5}, float32, key(0)); },
     {0.5901318192481995, -0.835396945476532, 0.06877371668815613, 2.19059681892395,
      0.6605551242828369},
     1e-6},
    {"Laplace",
     [] { return random::laplace({5}, key(0)); },
     {-0.16134454309940338, 1.612581729888916, 0.24039064347743988, -1.5528535842895508,
      -0.21459664404392242},
     1e-6},
    {"LaplaceMovedAndScaled",
     [] { return random::laplace({2}, 1, 2, key(5)); },
     {5.721958637237549, -2.320858955383301},
     1e-6},
    {"LaplaceFloat16",
     [] { return random::laplace({4}, float16, 1, 2, key(5)); },
     {-1.240234375, 3.779296875, 1.3701171875, -1.990234375},
     1e-3},
    {"CategoricalOfOneDistribution",
     [] { return random::categorical(make(kLogTenths, float32), -1, 10, key(0)); },
     {2, 3, 2, 1, 2, 2, 1, 1, 3, 3},
     0},
    {"CategoricalOfRows",
     [] {
       return random::categorical(make(std::vector<double>(12), {3, 4}, float32), -1, key(0));
     },
     {0, 1, 3},
     0},
    {"CategoricalOfAShape",
     [] {
       return random::categorical(make(std::vector<double>(12), {3, 4}, float32), -1, Shape{2, 3},
                                  key(0));
     },
     {0, 0, 1, 3, 2, 3},
     0},
    {"CategoricalOfColumns",
     [] {
       return random::categorical(make({0, 0.5, 1, 1.5, 2, 2.5}, {2, 3}, float32), 0, 4, key(5));
     },
     {1, 0, 1, 0, 1, 0, 0, 1, 1, 1, 1, 1},
     0},
    {"CategoricalOfOneRow",
     [] {
       return random::categorical(make({0, 0.5, 1, 1.5, 2, 2.5}, {1, 6}, float32), 1, 8, key(5));
     },
     {3, 0, 4, 2, 5, 4, 1, 4},
     0},
    {"PermutationOfIndices",
     [] { return random::permutation(10, key(0)); },
     {3, 6, 7, 4, 0, 2, 5, 1, 9, 8},
     0},
    {"PermutationOfRows",
     [] {
       return random::permutation(make({0, 1, 2, 3, 4, 5}, {3, 2}, int32), 0, key(0));
     },
     {2, 3, 4, 5, 0, 1},
     0},
    {"PermutationOfColumns",
     [] {
       return random::permutation(make({0, 1, 2, 3, 4, 5}, {2, 3}, int32), 1, key(0));
     },
     {1, 2, 0, 4, 5, 3},
     0},
};

INSTANTIATE_TEST_SUITE_P(Random, ReferenceValues, ::testing::ValuesIn(kValues),
                         [](const auto& info) { return std::string(info.param.name); });

// ---- distributions

struct MomentCase {
  const char* name;
  std::function<array()> make;
  double mean, var;
};

TEST(Random, DistributionsHaveTheirMeanAndVariance) {
  const Shape n{200'000};
  const MomentCase cases[] = {
      {"uniform", [&] { return random::uniform(n, key(1)); }, 0.5, 1.0 / 12},
      {"normal", [&] { return random::normal(n, key(2)); }, 0, 1},
      {"normal float64", [&] { return random::normal(n, float64, key(2)); }, 0, 1},
      {"normal bfloat16", [&] { return random::normal(n, bfloat16, 1.0f, 2.0f, key(3)); }, 1, 4},
      {"gumbel", [&] { return random::gumbel(n, float32, key(4)); }, 0.5772, 1.6449},
      {"laplace", [&] { return random::laplace(n, 1, 0.5f, key(5)); }, 1, 0.5},
      {"bernoulli", [&] { return astype(random::bernoulli(0.3f, n, key(6)), float32); }, 0.3, 0.21},
      {"randint", [&] { return astype(random::randint(0, 4, n, int32, key(7)), float32); }, 1.5,
       1.25},
      {"complex", [&] { return real(random::normal(n, complex64, key(8))); }, 0, 0.5},
  };
  for (const MomentCase& c : cases) {
    const array x = c.make();
    EXPECT_NEAR(sample_mean(x), c.mean, 0.02) << c.name;
    EXPECT_NEAR(sample_variance(x), c.var, 0.03 * c.var + 0.01) << c.name;
  }
}

TEST(Random, UniformNeverReachesItsUpperEnd) {
  for (Dtype dtype : {float16, bfloat16, float32}) {
    const array x = random::uniform({1 << 20}, dtype, key(0));
    EXPECT_LT(values(max(x))[0], 1) << dtype;
    EXPECT_GE(values(min(x))[0], 0) << dtype;
  }
}

TEST(Random, PermutationsContainEverythingOnce) {
  auto order = values(random::permutation(1000, key(4)));
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i) {
    ASSERT_EQ(order[i], static_cast<double>(i));
  }
}

TEST(Random, CategoricalNeverDrawsImpossibleIndices) {
  const double inf = std::numeric_limits<double>::infinity();
  const array one = make({0, -inf, 0, -inf}, float32);
  const array rows = make({0, -inf, -inf, 0}, {2, 2}, float32);
  for (double i : values(random::categorical(one, 0, 1000, key(3)))) {
    EXPECT_TRUE(i == 0 || i == 2);
  }
  EXPECT_EQ(values(random::categorical(rows, 1, key(3))), (std::vector<double>{0, 1}));
  EXPECT_EQ(values(random::categorical(rows, 0, key(3))), (std::vector<double>{0, 1}));
}

// ---- shapes, dtypes and errors

TEST(Random, ResultsHaveTheAskedShapeAndDtype) {
  EXPECT_EQ(random::bits({2, 3}, 2).dtype(), uint16);
  EXPECT_EQ(random::bits({2, 3}, 1).dtype(), uint8);
  EXPECT_EQ(values(random::bits({0, 3})).size(), 0u);
  EXPECT_EQ(random::uniform(make({0, 0}, float32), array(1.0f), {3, 2}).shape(), (Shape{3, 2}));
  EXPECT_EQ(random::normal({}, float16).dtype(), float16);
  EXPECT_EQ(random::bernoulli().shape(), Shape{});
  EXPECT_EQ(random::bernoulli(make({0.5, 0.5}, float16)).shape(), Shape{2});
  const array logits = make(std::vector<double>(24), {2, 3, 4}, float32);
  EXPECT_EQ(random::categorical(logits).shape(), (Shape{2, 3}));
  EXPECT_EQ(random::categorical(logits, 1).shape(), (Shape{2, 4}));
  EXPECT_EQ(random::categorical(logits, 0, 5).shape(), (Shape{3, 4, 5}));
  EXPECT_EQ(random::categorical(logits, -1, Shape{7, 2, 3}).shape(), (Shape{7, 2, 3}));
  EXPECT_EQ(random::categorical(logits).dtype(), uint32);
  EXPECT_EQ(values(random::categorical(logits, 1, Shape{7, 2, 4})).size(), 56u);
}

struct ErrorCase {
  const char* name;
  std::function<array()> call;
};

TEST(Random, BadArgumentsThrowAtTheCall) {
  const ErrorCase cases[] = {
      {"width", [] { return random::bits({2}, 3); }},
      {"negative shape", [] { return random::uniform({-1}); }},
      {"key dtype",
       [] {
         return random::uniform({2}, make({1, 2}, int32));
       }},
      {"key shape",
       [] {
         return random::split(make({1, 2, 3}, uint32), 2);
       }},
      {"uniform int", [] { return random::uniform({2}, int32); }},
      {"uniform float64", [] { return random::uniform({2}, float64); }},
      {"uniform shape",
       [] {
         return random::uniform(make({0, 0}, float32), array(1.0f), Shape{3});
       }},
      {"uniform wider shape",
       [] {
         return random::uniform(make({0, 0}, float32), array(1.0f), Shape{1});
       }},
      {"normal int", [] { return random::normal({2}, int32); }},
      {"randint float", [] { return random::randint(0, 1, {2}, float32); }},
      {"bernoulli int", [] { return random::bernoulli(array(1)); }},
      {"truncated float64",
       [] { return random::truncated_normal(array(0.0f), array(1.0f), float64); }},
      {"gumbel int", [] { return random::gumbel({2}, int32); }},
      {"laplace int", [] { return random::laplace({2}, int32); }},
      {"categorical shape",
       [] {
         return random::categorical(make({0, 0, 0, 0}, {2, 2}, float32), 0, Shape{5});
       }},
      {"categorical of nothing", [] { return random::categorical(make({}, float32), 0); }},
      {"permutation", [] { return random::permutation(-1); }},
      {"permutation axis", [] { return random::permutation(make({1}, float32), 1); }},
  };
  for (const ErrorCase& c : cases) {
    EXPECT_THROW(c.call(), std::invalid_argument) << c.name;
  }
  EXPECT_THROW(random::categorical(make({0, 0}, float32), 1), std::out_of_range);
}

TEST(MultivariateNormal, HasTheMeanAndTheCovariance) {
  const array mean({1.0f, -2.0f});
  const array cov({2.0f, 0.6f, 0.6f, 0.5f}, {2, 2});
  const int n = 200'000;
  const array x = random::multivariate_normal(mean, cov, {n}, float32, key(5));
  EXPECT_EQ(x.shape(), (Shape{n, 2}));
  array m = mlx::core::mean(x, 0);
  const array centered = x - m;
  array c = matmul(transpose(centered), centered) / n;
  eval(m, c);
  EXPECT_NEAR(m.data<float>()[0], 1.0f, 0.02f);
  EXPECT_NEAR(m.data<float>()[1], -2.0f, 0.02f);
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(c.data<float>()[i], cov.data<float>()[i], 0.02f);
  }
}

TEST(MultivariateNormal, IsTheNormalTimesTheSymmetricRoot) {
  const array z = random::normal({4, 2}, float32, key(9));
  const array x = random::multivariate_normal(zeros({2}), array({4.0f, 0.0f, 0.0f, 9.0f}, {2, 2}),
                                              {4}, float32, key(9));
  EXPECT_TRUE(allclose(x, z * array({2.0f, 3.0f}), 1e-5, 1e-5).item<bool>());
}

TEST(MultivariateNormal, TakesBatchesAndRefusesOtherShapes) {
  const array mean = zeros({3, 2});
  const array cov = broadcast_to(eye(2), {5, 1, 2, 2});
  EXPECT_EQ(random::multivariate_normal(mean, cov, {5, 3}, float32, key(1)).shape(),
            (Shape{5, 3, 2}));
  EXPECT_THROW(random::multivariate_normal(mean, eye(3), {3}, float32), std::invalid_argument);
  EXPECT_THROW(random::multivariate_normal(mean, eye(2), {4}, float32), std::invalid_argument);
  EXPECT_THROW(random::multivariate_normal(mean, eye(2), {3}, float16), std::invalid_argument);
  EXPECT_THROW(random::multivariate_normal(array(0.0f), eye(2), {}, float32),
               std::invalid_argument);
}

}  // namespace
