// Norms, rotary embedding and attention against their formulas in double precision.

#include "mlx/core/fast.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/elements.h"
#include "core/layouts.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

using fast::scaled_dot_product_attention;
using test::count_of;
using test::kFloats;
using test::kInf;
using test::make;
using test::values;
using Numbers = std::vector<double>;
using Arrays = std::vector<array>;

// What every dtype holds exactly: multiples of 1/16 in [-2, 2].
Numbers noise(const Shape& shape, unsigned seed = 1) {
  Numbers out(static_cast<size_t>(count_of(shape)));
  for (double& x : out) {
    seed = seed * 1664525u + 1013904223u;
    x = static_cast<double>(seed >> 26) / 16 - 2;
  }
  return out;
}

void expect_close(const array& got, const Numbers& want, double tolerance,
                  const std::string& what) {
  const Numbers found = values(got);
  ASSERT_EQ(found.size(), want.size()) << what;
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i])) {
      ASSERT_TRUE(std::isnan(found[i])) << what << " at " << i;
    } else {
      ASSERT_NEAR(found[i], want[i], tolerance * std::max(1.0, std::abs(want[i])))
          << what << " at " << i;
    }
  }
}

void expect_close(const array& got, const array& want, double tolerance, const std::string& what) {
  ASSERT_EQ(got.shape(), want.shape()) << what;
  expect_close(got, values(want), tolerance, what);
}

double tolerance(Dtype dtype) { return dtype == float64 ? 1e-12 : 4 * test::epsilon(dtype); }

std::string text(Dtype dtype) { return concat(dtype); }

// ---- norms

Numbers normalized(const Numbers& x, size_t n, double eps, bool centered, const Numbers& weight,
                   const Numbers& bias) {
  Numbers out(x.size());
  for (size_t row = 0; row < x.size(); row += n) {
    double mean = 0, power = 0;
    for (size_t i = 0; centered && i < n; ++i) mean += x[row + i] / static_cast<double>(n);
    for (size_t i = 0; i < n; ++i) power += std::pow(x[row + i] - mean, 2) / static_cast<double>(n);
    for (size_t i = 0; i < n; ++i) {
      out[row + i] =
          (x[row + i] - mean) / std::sqrt(power + eps) * (weight.empty() ? 1 : weight[i]) +
          (bias.empty() ? 0 : bias[i]);
    }
  }
  return out;
}

TEST(FastNorm, IsItsFormulaForEveryDtypeAndSize) {
  for (const Dtype dtype : kFloats) {
    for (const ShapeElem n : {1, 2, 31, 32, 33, 100}) {
      const Shape shape{3, 2, n};
      const Numbers x = noise(shape), w = noise({n}, 2), b = noise({n}, 3);
      const array xs = make(x, shape, dtype), ws = make(w, {n}, dtype), bs = make(b, {n}, dtype);
      const auto check = [&](const array& got, bool centered, const Numbers& weight,
                             const Numbers& bias) {
        EXPECT_EQ(got.dtype(), dtype);
        const double eps = static_cast<double>(0.01f);
        expect_close(got, normalized(x, static_cast<size_t>(n), eps, centered, weight, bias),
                     tolerance(dtype), concat(dtype, " of ", n));
      };
      check(fast::rms_norm(xs, ws, 0.01f), false, w, {});
      check(fast::rms_norm(xs, {}, 0.01f), false, {}, {});
      check(fast::layer_norm(xs, ws, bs, 0.01f), true, w, b);
      check(fast::layer_norm(xs, {}, bs, 0.01f), true, {}, b);
      check(fast::layer_norm(xs, ws, {}, 0.01f), true, w, {});
      check(fast::layer_norm(xs, {}, {}, 0.01f), true, {}, {});
    }
  }
}

TEST(FastNorm, TakesEveryLayout) {
  const Shape shape{3, 4, 5};
  const Numbers x = noise(shape), w = noise({5}, 2);
  const Numbers want = normalized(x, 5, 1, false, w, {});
  for (const auto& [name, view] : test::layouts(x, shape, float32)) {
    expect_close(fast::rms_norm(view, make(w, float32), 1), want, 1e-6, name);
  }
}

TEST(FastNorm, OfLargeResultsIsStoredWhole) {
  const Shape shape{2049, 2050};  // past the caches, rows not aligned
  const Numbers x = noise(shape);
  expect_close(fast::layer_norm(make(x, shape, float32), {}, {}, 1e-5f),
               normalized(x, 2050, 1e-5, true, {}, {}), 2e-6, "large");
}

TEST(FastNorm, PromotesAndTakesIntegers) {
  const array x = make(noise({2, 4}), {2, 4}, float16), w = ones({4}, float32);
  EXPECT_EQ(fast::rms_norm(x, w, 1).dtype(), float32);
  EXPECT_EQ(fast::layer_norm(x, {}, ones({4}, float64), 1).dtype(), float64);
  EXPECT_EQ(fast::rms_norm(ones({2, 4}, int32), {}, 1).dtype(), float32);
}

TEST(FastNorm, OfNothingIsNothing) {
  for (const Shape& shape : {Shape{0, 4}, Shape{3, 0}}) {
    const array w = ones({shape[1]});
    EXPECT_EQ(values(fast::layer_norm(zeros(shape), w, w, 1)).size(), 0u);
    const auto weight_grad =
        grad([&](const array& v) { return sum(fast::rms_norm(zeros(shape), v, 1)); });
    expect_close(weight_grad(w), Numbers(static_cast<size_t>(shape[1]), 0.0), 0, "gradient");
  }
}

TEST(FastNorm, GradientsOfHalfTypesAndManyRowsAreThoseOfTheFormula) {
  const Shape shape{100, 40};
  const auto formula = [](const Arrays& x) {
    const array d = x[0] - mean(x[0], -1, true);
    return sum(d * rsqrt(mean(square(d), -1, true) + array(0.01)) * x[1] * x[3] + x[2] * x[3]);
  };
  const auto fused = [](const Arrays& x) {
    return sum(fast::layer_norm(x[0], x[1], x[2], 0.01f) * x[3]);
  };
  for (const Dtype dtype : kFloats) {
    Arrays narrow, wide;
    for (const Shape& s : {shape, Shape{40}, Shape{40}, shape}) {
      narrow.push_back(make(noise(s, static_cast<unsigned>(narrow.size())), s, dtype));
      wide.push_back(astype(narrow.back(), float64));
    }
    const Arrays got = grad(fused, std::vector<int>{0, 1, 2})(narrow);
    const Arrays want = grad(formula, std::vector<int>{0, 1, 2})(wide);
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].dtype(), dtype);
      expect_close(got[i], want[i], std::max(4 * tolerance(dtype), 1e-8), text(dtype));
    }
  }
}

// ---- rotary embedding

struct Rope {
  int64_t dims;
  bool traditional;
  double base, scale;
  Numbers offsets;  // one for each batch
};

// x [B, H, T, D]
Numbers rotated(const Numbers& x, const Shape& shape, const Rope& rope) {
  Numbers out = x;
  const int64_t half = rope.dims / 2, d = shape[3];
  for (int64_t row = 0; row < count_of(shape) / d; ++row) {
    const double at = rope.offsets[static_cast<size_t>(row / (shape[1] * shape[2]))] +
                      static_cast<double>(row % shape[2]);
    for (int64_t i = 0; i < half; ++i) {
      const double angle = at * rope.scale *
                           std::pow(rope.base, -static_cast<double>(i) / static_cast<double>(half));
      const int64_t left = row * d + (rope.traditional ? 2 * i : i);
      const auto a = static_cast<size_t>(left),
                 b = static_cast<size_t>(rope.traditional ? left + 1 : left + half);
      out[a] = x[a] * std::cos(angle) - x[b] * std::sin(angle);
      out[b] = x[a] * std::sin(angle) + x[b] * std::cos(angle);
    }
  }
  return out;
}

TEST(FastRope, TurnsPairsForEveryDtypeAndPairing) {
  const Shape shape{2, 3, 5, 10};
  const Numbers x = noise(shape);
  for (const Dtype dtype : kFloats) {
    for (const int dims : {2, 6, 10}) {
      for (const bool traditional : {false, true}) {
        const array got = fast::rope(make(x, shape, dtype), dims, traditional, 100.0f, 0.5f, 7);
        EXPECT_EQ(got.dtype(), dtype);
        expect_close(got, rotated(x, shape, {dims, traditional, 100, 0.5, {7, 7}}),
                     tolerance(dtype), concat(dtype, " ", dims));
      }
    }
  }
}

TEST(FastRope, TakesAnOffsetForEachBatch) {
  const Shape shape{2, 1, 3, 4};
  const Numbers x = noise(shape);
  const array a = make(x, shape, float32);
  expect_close(fast::rope(a, 4, false, 10.0f, 1, array({5, 9})),
               rotated(x, shape, {4, false, 10, 1, {5, 9}}), 1e-6, "offsets");
  for (const array& one : {array(5), array({5}), array(int64_t{5})}) {
    expect_close(fast::rope(a, 4, false, 10.0f, 1, one),
                 rotated(x, shape, {4, false, 10, 1, {5, 5}}), 1e-6, "one offset");
  }
}

TEST(FastRope, DividesByFrequencies) {
  const Shape shape{1, 2, 3, 4};
  const Numbers x = noise(shape);
  // 10^(2 i / 4)
  const array frequencies = make({1, std::sqrt(10.0)}, float32);
  expect_close(fast::rope(make(x, shape, float32), 4, true, {}, 2, 1, frequencies),
               rotated(x, shape, {4, true, 10, 2, {1}}), 1e-6, "frequencies");
}

TEST(FastRope, TakesEveryLayoutAndNothing) {
  const Shape shape{2, 3, 4, 6};
  const Numbers x = noise(shape);
  for (const auto& [name, view] : test::layouts(x, shape, float32)) {
    expect_close(fast::rope(view, 4, false, 10.0f, 1, 0),
                 rotated(x, shape, {4, false, 10, 1, {0, 0}}), 1e-6, name);
  }
  for (const Shape& empty : {Shape{0, 3, 4}, Shape{2, 0, 4}}) {
    EXPECT_EQ(fast::rope(zeros(empty), 4, false, 10.0f, 1, 0).shape(), empty);
    EXPECT_EQ(values(fast::rope(zeros(empty), 4, false, 10.0f, 1, 0)).size(), 0u);
  }
}

// ---- attention

struct AttentionCase {
  std::string name;
  Shape queries, keys;  // [B, H, L, D], [B, K, S, V]
  bool causal = false;
  Shape mask = {};  // of numbers or truth values; empty: none
  bool truth = false;
  bool sinks = false;
};

struct Problem {
  array q, k, v;
  std::optional<array> mask, sinks;
  std::string mode() const { return mask ? "array" : causal ? "causal" : ""; }
  bool causal;
};

Problem problem_of(const AttentionCase& c, Dtype dtype) {
  Shape keys = c.keys;
  keys[3] = c.queries[3];
  Problem p{make(noise(c.queries), c.queries, dtype),
            make(noise(keys, 2), keys, dtype),
            make(noise(c.keys, 3), c.keys, dtype),
            {},
            {},
            c.causal};
  if (!c.mask.empty()) {
    const array numbers = make(noise(c.mask, 4), c.mask, dtype);
    p.mask = c.truth ? greater(numbers, array(0.5f)) : numbers;
  }
  if (c.sinks) p.sinks = make(noise({c.queries[1]}, 5), dtype);
  return p;
}

constexpr float kScale = 0.375f;

array fused(const Problem& p) {
  return scaled_dot_product_attention(p.q, p.k, p.v, kScale, p.mode(), p.mask, p.sinks);
}

// Row by row in double precision.
Numbers attended(const Problem& p) {
  const Numbers q = values(p.q), k = values(p.k), v = values(p.v);
  const int64_t heads = p.q.shape(1), queries = p.q.shape(2), d = p.q.shape(3);
  const int64_t kv_heads = p.k.shape(1), keys = p.k.shape(2), n = p.v.shape(3);
  Numbers mask;
  if (p.mask) mask = values(broadcast_to(*p.mask, {p.q.shape(0), heads, queries, keys}));
  const Numbers sinks = p.sinks ? values(*p.sinks) : Numbers();
  Numbers out(static_cast<size_t>(p.q.shape(0) * heads * queries * n));
  for (int64_t row = 0; row < p.q.shape(0) * heads * queries; ++row) {
    const int64_t head = row / queries % heads, query = row % queries;
    const int64_t kv = row / queries / heads * kv_heads + head / (heads / kv_heads);
    Numbers scores(static_cast<size_t>(keys));
    double top = p.sinks ? sinks[static_cast<size_t>(head)] : -kInf;
    for (int64_t j = 0; j < keys; ++j) {
      double score = 0;
      for (int64_t i = 0; i < d; ++i) {
        score +=
            q[static_cast<size_t>(row * d + i)] * k[static_cast<size_t>((kv * keys + j) * d + i)];
      }
      score *= static_cast<double>(kScale);
      bool seen = !p.causal || j <= query + keys - queries;
      if (p.mask) {
        const double m = mask[static_cast<size_t>(row * keys + j)];
        p.mask->dtype() == bool_ ? void(seen = m != 0) : void(score += m);
      }
      scores[static_cast<size_t>(j)] = seen ? score : -1e30;
      top = std::max(top, scores[static_cast<size_t>(j)]);
    }
    double sum = p.sinks ? std::exp(sinks[static_cast<size_t>(head)] - top) : 0;
    for (double& s : scores) sum += s = std::exp(s - top);
    for (int64_t j = 0; j < keys; ++j) {
      for (int64_t i = 0; i < n; ++i) {
        out[static_cast<size_t>(row * n + i)] +=
            scores[static_cast<size_t>(j)] / sum * v[static_cast<size_t>((kv * keys + j) * n + i)];
      }
    }
  }
  return out;
}

// Tiles are of 128 rows and 256 or 512 keys.
const std::vector<AttentionCase> kAttentionCases = {
    {"plain", {2, 2, 3, 4}, {2, 2, 5, 3}},
    {"one key", {1, 1, 3, 4}, {1, 1, 1, 2}},
    {"decode", {2, 3, 1, 8}, {2, 3, 7, 8}},
    {"decode grouped", {2, 6, 1, 8}, {2, 2, 700, 8}},
    {"tiles", {1, 2, 130, 4}, {1, 1, 600, 3}},
    {"grouped tiles", {1, 6, 50, 4}, {1, 2, 20, 3}},
    {"causal", {1, 2, 5, 4}, {1, 2, 5, 4}, true},
    {"causal with cache", {1, 2, 3, 4}, {1, 1, 9, 4}, true},
    {"causal tiles", {1, 2, 300, 4}, {1, 1, 600, 4}, true},
    {"causal of few keys", {1, 2, 9, 4}, {1, 2, 6, 4}, true},
    {"causal tiles of few keys", {1, 1, 900, 2}, {1, 1, 600, 2}, true},
    {"mask of scores", {2, 2, 3, 4}, {2, 2, 5, 3}, false, {2, 2, 3, 5}},
    {"mask of keys", {2, 4, 130, 4}, {2, 2, 520, 3}, false, {520}},
    {"mask of queries", {2, 2, 3, 4}, {2, 2, 5, 3}, false, {2, 1, 3, 1}},
    {"truth of scores", {1, 2, 140, 4}, {1, 2, 530, 3}, false, {140, 530}, true},
    {"truth of rows", {2, 2, 6, 4}, {2, 2, 5, 3}, false, {2, 2, 6, 1}, true},
    {"truth of one", {1, 2, 2, 4}, {1, 2, 5, 3}, false, {1}, true},
    {"sinks", {2, 4, 3, 4}, {2, 2, 5, 3}, false, {}, false, true},
    {"all", {2, 4, 130, 4}, {2, 2, 520, 3}, false, {2, 4, 130, 520}, false, true},
};

TEST(FastAttention, IsItsFormulaForEveryDtype) {
  for (const AttentionCase& c : kAttentionCases) {
    for (const Dtype dtype : kFloats) {
      const Problem p = problem_of(c, dtype);
      const array got = fused(p);
      EXPECT_EQ(got.dtype(), dtype);
      EXPECT_EQ(got.shape(), (Shape{c.queries[0], c.queries[1], c.queries[2], c.keys[3]}));
      // Exponentials of sums: some units more than one rounding.
      expect_close(got, attended(p), dtype == float32 ? 5e-6 : tolerance(dtype),
                   concat(c.name, " ", dtype));
    }
  }
}

// The same from other operations.
array composed(const Problem& p) {
  const int group = static_cast<int>(p.q.shape(1) / p.k.shape(1));
  const array k = repeat(p.k, group, 1), v = repeat(p.v, group, 1);
  array scores = matmul(p.q, swapaxes(k, -1, -2)) * array(kScale, p.q.dtype());
  const array hidden(-1e30, scores.dtype());
  if (p.causal) {
    const int queries = static_cast<int>(scores.shape(2)), keys = static_cast<int>(scores.shape(3));
    scores = where(tri(queries, keys, keys - queries, bool_), scores, hidden);
  }
  if (p.mask) scores = p.mask->dtype() == bool_ ? where(*p.mask, scores, hidden) : scores + *p.mask;
  if (!p.sinks) return matmul(softmax(scores, -1), v);
  const Shape column{scores.shape(0), scores.shape(1), scores.shape(2), 1};
  const array all = concatenate({broadcast_to(reshape(*p.sinks, {-1, 1, 1}), column), scores}, -1);
  return matmul(slice(softmax(all, -1), {0, 0, 0, 1}, all.shape()), v);
}

Arrays gradients(const Problem& p, array (*attention)(const Problem&)) {
  Arrays inputs{p.q, p.k, p.v};
  const bool mask = p.mask && p.mask->dtype() != bool_;
  if (mask) inputs.push_back(*p.mask);
  if (p.sinks) inputs.push_back(*p.sinks);
  const auto f = [&](const Arrays& x) {
    Problem moved{x[0], x[1], x[2], mask ? std::optional(x[3]) : p.mask, p.sinks, p.causal};
    if (p.sinks) moved.sinks = x.back();
    return Arrays{attention(moved)};
  };
  const Shape out{p.q.shape(0), p.q.shape(1), p.q.shape(2), p.v.shape(3)};
  return vjp(f, inputs, {make(noise(out, 6), out, p.q.dtype())}).second;
}

TEST(FastAttention, HasTheGradientsOfTheFormula) {
  for (const AttentionCase& c : kAttentionCases) {
    const Arrays want = gradients(problem_of(c, float64), composed);
    for (const Dtype dtype : kFloats) {
      const Arrays got = gradients(problem_of(c, dtype), fused);
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].dtype(), dtype);
        const double largest = values(max(abs(want[i])))[0];
        const double allowed = dtype == float64 ? 1e-11 : 30 * test::epsilon(dtype);
        expect_close(got[i], want[i], allowed * std::max(1.0, largest),
                     concat(c.name, " ", dtype, " input ", i));
      }
    }
  }
}

TEST(FastAttention, TakesEveryLayout) {
  const AttentionCase c{"", {2, 3, 4, 5}, {2, 3, 4, 5}};
  const Problem p = problem_of(c, float32);
  const Numbers want = attended(p);
  const auto q = test::layouts(values(p.q), c.queries, float32);
  const auto k = test::layouts(values(p.k), c.keys, float32);
  const auto v = test::layouts(values(p.v), c.keys, float32);
  for (size_t i = 0; i < q.size(); ++i) {
    expect_close(scaled_dot_product_attention(q[i].x, k[i].x, v[i].x, kScale), want, 5e-6,
                 q[i].name);
  }
  // Heads behind positions, as a projection makes them; the half type too.
  for (const Dtype dtype : {float32, bfloat16}) {
    const auto moved = [dtype](const array& x) {
      return swapaxes(contiguous(swapaxes(astype(x, dtype), 1, 2)), 1, 2);
    };
    expect_close(scaled_dot_product_attention(moved(p.q), moved(p.k), moved(p.v), kScale), want,
                 dtype == float32 ? 5e-6 : tolerance(dtype), "heads behind positions");
  }
  // A mask repeated by a view, and one in reverse.
  const array row = make(noise({4}, 4), float32);
  Problem masked = p;
  for (const array& mask : {broadcast_to(row, {2, 3, 4, 4}), slice(row, {3}, {-5}, {-1})}) {
    masked.mask = mask;
    expect_close(fused(masked), attended(masked), 5e-6, "mask");
  }
}

TEST(FastAttention, OfHiddenRowsIsDefined) {
  const array q = ones({1, 1, 2, 4}), k = ones({1, 1, 3, 4});
  const array v = make({1, 2, 6}, {1, 1, 3, 1}, float32);
  const array nothing = zeros({2, 3}, bool_);
  expect_close(scaled_dot_product_attention(q, k, v, 1, "", nothing), Numbers{3, 3}, 1e-6, "truth");
  const array minus = full({2, 3}, array(-kInf, float32));
  const double nan = std::nan("");
  expect_close(scaled_dot_product_attention(q, k, v, 1, "", minus), Numbers{nan, nan}, 0,
               "numbers");
  // One key at least: -infinity hides as it should, also in a tile of its own.
  const array long_k = ones({1, 1, 600, 4});
  const array long_v = astype(arange(600), float32);
  const array last = where(less(arange(600), array(599)), array(-kInf, float32), array(0.0f));
  expect_close(
      scaled_dot_product_attention(q, long_k, reshape(long_v, {1, 1, 600, 1}), 1, "", last),
      Numbers{599, 599}, 1e-6, "all but the last");
}

TEST(FastAttention, OfNothingIsZeroOrNothing) {
  const array q = ones({1, 2, 3, 4}), k = zeros({1, 2, 0, 4});
  expect_close(scaled_dot_product_attention(q, k, k, 1), Numbers(24, 0.0), 0, "no keys");
  const auto f = [&](const Arrays& x) {
    return Arrays{scaled_dot_product_attention(x[0], x[1], x[1], 1)};
  };
  expect_close(vjp(f, {q, k}, {q}).second[0], Numbers(24, 0.0), 0, "gradient without keys");
  EXPECT_EQ(vjp(f, {k, q}, {k}).second[0].shape(), (Shape{1, 2, 0, 4}));
  expect_close(vjp(f, {k, q}, {k}).second[1], Numbers(24, 0.0), 0, "gradient without queries");
  const array flat = ones({1, 2, 3, 0});
  expect_close(scaled_dot_product_attention(flat, flat, q, 1), Numbers(24, 1.0), 1e-6, "no depth");
}

TEST(FastAttention, PromotesItsInputs) {
  const array q = ones({1, 1, 2, 4}, float16), k = ones({1, 1, 2, 4}, bfloat16);
  EXPECT_EQ(scaled_dot_product_attention(q, k, q, 1).dtype(), float32);
  EXPECT_EQ(scaled_dot_product_attention(q, q, q, 1, "", zeros({2}, float16)).dtype(), float16);
}

// ---- errors

struct BadCall {
  std::string message;  // how it begins
  std::function<array()> call;
};

void expect_errors(const std::vector<BadCall>& calls) {
  for (const BadCall& bad : calls) {
    try {
      bad.call();
      ADD_FAILURE() << "No error: " << bad.message;
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()).substr(0, bad.message.size()), bad.message);
    }
  }
}

TEST(FastErrors, NormsAndRopeNameWhatIsWrong) {
  const array x = ones({2, 3, 4}), w = ones({4});
  const auto rope = [&](int dims, std::optional<float> base, const array& offset,
                        std::optional<array> freqs = {}) {
    return [=] { return fast::rope(x, dims, false, base, 1, offset, freqs); };
  };
  const array zero(0);
  expect_errors({
      {"[rms_norm] Not enough axes", [] { return fast::rms_norm(array(1.0f), {}, 1); }},
      {"[rms_norm] Wrong shape of the weight",
       [&] {
         return fast::rms_norm(x, ones({1, 4}), 1);
       }},
      {"[layer_norm] Wrong shape of the bias",
       [&] { return fast::layer_norm(x, w, ones({5}), 1); }},
      {"[layer_norm] Unsupported dtype",
       [&] { return fast::layer_norm(astype(x, complex64), w, {}, 1); }},
      {"[rope] Not enough axes", [&] { return fast::rope(w, 4, false, 1.0f, 1, 0); }},
      {"[rope] Dtype of x", [&] { return fast::rope(astype(x, int32), 4, false, 1.0f, 1, 0); }},
      {"[rope] Wrong dims: got 3", rope(3, 1.0f, zero)},
      {"[rope] Wrong dims: got 0", rope(0, 1.0f, zero)},
      {"[rope] Wrong dims: got 6", rope(6, 1.0f, zero)},
      {"[rope] Where the frequencies come from: got neither", rope(4, {}, zero)},
      {"[rope] Where the frequencies come from: got both", rope(4, 1.0f, zero, ones({2}))},
      {"[rope] Wrong shape of freqs", rope(4, {}, zero, ones({3}))},
      {"[rope] Dtype of freqs", rope(4, {}, zero, ones({2}, complex64))},
      {"[rope] Dtype of the offset", rope(4, 1.0f, array(1.0f))},
      {"[rope] Wrong shape of the offset", rope(4, 1.0f, array({1, 2, 3}))},
  });
}

TEST(FastErrors, AttentionNamesWhatIsWrong) {
  const array q = ones({2, 4, 3, 8}), k = ones({2, 2, 5, 8});
  const auto of = [](const array& a, const array& b, const array& c) {
    return [=] { return scaled_dot_product_attention(a, b, c, 1); };
  };
  const auto with = [=](const std::string& mode, std::optional<array> mask,
                        std::optional<array> sinks = {}) {
    return [=] { return scaled_dot_product_attention(q, k, k, 1, mode, mask, sinks); };
  };
  const std::string name = "[scaled_dot_product_attention] ";
  expect_errors({
      {name + "Wrong number of axes: got", of(ones({4, 3, 8}), k, k)},
      {name + "Batches differ", of(q, ones({1, 2, 5, 8}), ones({1, 2, 5, 8}))},
      {name + "Sizes of queries and keys", of(q, ones({2, 2, 5, 7}), k)},
      {name + "Keys and values differ", of(q, k, ones({2, 2, 4, 8}))},
      {name + "Keys and values differ", of(q, k, ones({2, 1, 5, 8}))},
      {name + "Heads of queries and keys", of(ones({2, 3, 3, 8}), k, k)},
      {name + "Heads of queries and keys", of(q, ones({2, 0, 5, 8}), ones({2, 0, 5, 8}))},
      {name + "Unsupported dtype", of(astype(q, int32), astype(k, int32), astype(k, int32))},
      {name + "Unsupported dtype", of(astype(q, complex64), k, k)},
      {name + "Unknown mask mode: got 'foo'", with("foo", {})},
      {name + "Mask mode 'causal' with an array", with("causal", ones({3, 5}))},
      {name + "Mask mode 'array' without", with("array", {})},
      {name + "Wrong number of axes of the mask", with("", ones({1, 1, 1, 3, 5}))},
      {name + "Wrong shape of the mask", with("", ones({3, 4}))},
      {name + "Dtype of the mask", with("", ones({3, 5}, float64))},
      {name + "Wrong shape of the sinks", with("", {}, ones({2}))},
      {name + "Dtype of the sinks", with("", {}, ones({4}, float64))},
  });
}

TEST(FastErrors, KernelsOfGpusAreRefusedByName) {
  EXPECT_THROW(fast::metal_kernel("k", {"x"}, {"y"}, ""), std::runtime_error);
  EXPECT_THROW(fast::cuda_kernel("k", {"x"}, {"y"}, ""), std::runtime_error);
  EXPECT_THROW(fast::precompiled_cuda_kernel("k", "", {}, {}, {}, {}, {1, 1, 1}, {1, 1, 1}),
               std::runtime_error);
}

}  // namespace
}  // namespace mlx::core
