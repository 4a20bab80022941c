// The derivatives of the collectives across ranks, and the other transforms.

#include <gtest/gtest.h>

#include <cmath>

#include "distributed/ranks.h"
#include "mlx/core/compile.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"
#include "mlx/distributed/ops.h"

namespace mlx::core::distributed {
namespace {

using testing::kRanks;
using testing::on_groups;

void expect_close(const array& a, const array& b) {
  ASSERT_EQ(a.shape(), b.shape());
  EXPECT_TRUE(allclose(a, b, 1e-4, 1e-5).item<bool>());
}

// One row for each collective: what it does and whether its result is the same
// on every rank (then every rank has the same loss), or the job's loss is the
// sum of the ranks' losses.
struct Row {
  const char* name;
  array (*apply)(const array&, Group);
  bool replicated;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

array ring_shift(const array& x, Group g) {
  const array sent = send(x, (g.rank() + 1) % kRanks, g);
  const array got = recv_like(x, (g.rank() + kRanks - 1) % kRanks, g);
  return sin(sent) + square(got);
}

// Parts of three ranks that differ.
const std::vector<int64_t> kUneven{1, 3, 2};

array uneven_part(const array& x, Group g) {
  return slice(x, Shape{0}, Shape{kUneven[static_cast<size_t>(g.rank())]});
}

// Rank r gives j + 1 values to rank j.
array exchange_uneven(const array& x, Group g) {
  return all_to_all(x, std::vector<int64_t>{1, 2, 3}, std::vector<int64_t>(kRanks, g.rank() + 1),
                    g);
}

// Everyone with everyone, with and without an array like what is received.
array exchange_batch(const array& x, Group g) {
  std::vector<Parcel> parcels;
  for (int step = 1; step < kRanks; ++step) {
    const int right = (g.rank() + step) % kRanks, left = (g.rank() + kRanks - step) % kRanks;
    parcels.push_back(Parcel::send(x * array(static_cast<float>(step)), right, step));
    parcels.push_back(step == 1 ? Parcel::recv_like(x, left, step)
                                : Parcel::recv(x.shape(), float32, left, step));
  }
  const auto moved = send_recv(parcels, g);
  return moved[0] * moved[1] + square(moved[2]) * sin(moved[3]);
}

// The gradient of the sum of squares: what differentiating again goes through.
template <array (*apply)(const array&, Group)>
array gradient_of(const array& x, Group g) {
  const auto loss = [g](const array& v) { return sum(square(apply(v, g))); };
  const auto [value, gradient] = value_and_grad(std::function<array(const array&)>(loss))(x);
  return gradient + array(0.0f) * value;  // a send that nobody evaluates does not happen
}

const Row kRows[] = {
    {"all_prod", [](const array& x, Group g) { return all_prod(x, g); }, true},
    {"all_gather_uneven",
     [](const array& x, Group g) { return all_gather(uneven_part(x, g), kUneven, g); }, true},
    {"sum_scatter_uneven", [](const array& x, Group g) { return sum_scatter(x, kUneven, g); },
     false},
    {"all_to_all", [](const array& x, Group g) { return all_to_all(x, g); }, false},
    {"all_to_all_uneven", exchange_uneven, false},
    {"reduce", [](const array& x, Group g) { return reduce(x, 1, g); }, false},
    {"reduce_prod", [](const array& x, Group g) { return reduce_prod(x, 2, g); }, false},
    {"reduce_max", [](const array& x, Group g) { return reduce_max(x, 0, g); }, false},
    {"reduce_min", [](const array& x, Group g) { return reduce_min(x, 1, g); }, false},
    {"gather", [](const array& x, Group g) { return gather(x, 1, g); }, false},
    {"gather_of_scalars", [](const array& x, Group g) { return gather(sum(square(x)), 0, g); },
     false},
    {"gather_uneven",
     [](const array& x, Group g) { return gather(uneven_part(x, g), kUneven, 2, g); }, false},
    {"scatter", [](const array& x, Group g) { return scatter(x, 1, g); }, false},
    {"scatter_uneven", [](const array& x, Group g) { return scatter(x, kUneven, 0, g); }, false},
    {"send_recv", exchange_batch, false},
    {"all_sum", [](const array& x, Group g) { return all_sum(x, g); }, true},
    {"all_max", [](const array& x, Group g) { return all_max(x, g); }, true},
    {"all_min", [](const array& x, Group g) { return all_min(x, g); }, true},
    {"all_gather", [](const array& x, Group g) { return all_gather(x, g); }, true},
    {"sum_scatter", [](const array& x, Group g) { return sum_scatter(x, g); }, false},
    {"broadcast", [](const array& x, Group g) { return broadcast(x, 1, g); }, false},
    {"send_and_recv", ring_shift, false},
    {"gradient_of_sum_scatter",
     gradient_of<[](const array& x, Group g) { return sum_scatter(x, g); }>, false},
    {"gradient_of_broadcast",
     gradient_of<[](const array& x, Group g) { return broadcast(x, 1, g); }>, false},
    {"gradient_of_reduce", gradient_of<[](const array& x, Group g) { return reduce(x, 1, g); }>,
     false},
    {"gradient_of_reduce_prod",
     gradient_of<[](const array& x, Group g) { return reduce_prod(x, 0, g); }>, false},
    {"gradient_of_gather", gradient_of<[](const array& x, Group g) { return gather(x, 1, g); }>,
     false},
    {"gradient_of_scatter", gradient_of<[](const array& x, Group g) { return scatter(x, 1, g); }>,
     false},
    {"gradient_of_all_to_all",
     gradient_of<[](const array& x, Group g) { return all_to_all(x, g); }>, false},
    {"gradient_of_send_recv", gradient_of<exchange_batch>, false},
};

class CollectiveGradients : public ::testing::TestWithParam<Row> {};

INSTANTIATE_TEST_SUITE_P(Rows, CollectiveGradients, ::testing::ValuesIn(kRows),
                         [](const auto& info) { return std::string(info.param.name); });

constexpr int kValues = 6;
constexpr float kStep = 1e-2f;

// For each element the ranks' values lie half a unit apart, in various orders.
array input_of(int rank) {
  std::vector<float> v(kValues);
  for (int i = 0; i < kValues; ++i) {
    v[static_cast<size_t>(i)] =
        std::sin(1.7f * static_cast<float>(i)) + 0.5f * static_cast<float>((i + 2 * rank) % kRanks);
  }
  return array(v.data(), {kValues}, float32);
}

// A loss of the result whose weights vary by rank where the result does.
array loss_of(const Row& row, const array& x, Group g) {
  const array y = row.apply(x, g);
  const float phase = row.replicated ? 0.0f : static_cast<float>(g.rank());
  const array weights = cos(arange(static_cast<int>(y.size()), float32) + array(phase));
  return sum(flatten(y) * weights);
}

// The loss of the whole job.
float total_loss(const Row& row, const array& x, Group g) {
  const array loss = loss_of(row, x, g);
  return (row.replicated ? loss : all_sum(loss, g)).item<float>();
}

array nudge(int index, float by) {
  std::vector<float> v(kValues, 0.0f);
  v[static_cast<size_t>(index)] = by;
  return array(v.data(), {kValues}, float32);
}

TEST_P(CollectiveGradients, AgreeWithFiniteDifferencesAcrossRanks) {
  const Row& row = GetParam();
  on_groups([&](Group g) {
    const array x = input_of(g.rank());
    const auto [loss, gradient] =
        value_and_grad([&](const array& v) { return loss_of(row, v, g); })(x);
    // The loss too: a send that nobody evaluates does not happen.
    eval({loss, gradient});
    for (int rank = 0; rank < kRanks; ++rank) {
      for (int i = 0; i < kValues; ++i) {
        const bool ours = rank == g.rank();
        const float up = total_loss(row, ours ? x + nudge(i, kStep) : x, g);
        const float down = total_loss(row, ours ? x - nudge(i, kStep) : x, g);
        if (ours) {
          const float expected = (up - down) / (2 * kStep);
          EXPECT_NEAR(gradient.data<float>()[i], expected, 2e-3 * (1 + std::abs(expected)))
              << row.name << ", rank " << rank << ", value " << i;
        }
      }
    }
  });
}

TEST_P(CollectiveGradients, TangentsAgreeWithFiniteDifferencesAcrossRanks) {
  const Row& row = GetParam();
  on_groups([&](Group g) {
    const array x = input_of(g.rank());
    const array t = cos(arange(kValues, float32) + array(static_cast<float>(g.rank())));
    const auto [loss, tangent] = jvp([&](const array& v) { return loss_of(row, v, g); }, x, t);
    eval({loss, tangent});
    const float of_loss = tangent.item<float>();
    const array up = loss_of(row, x + t * array(kStep), g);
    const array down = loss_of(row, x - t * array(kStep), g);
    const float expected = ((up - down) / array(2 * kStep)).item<float>();
    EXPECT_NEAR(of_loss, expected, 5e-3 * (1 + std::abs(expected))) << row.name;
  });
}

// What each rank has, one element of the mapped axis after the other.
array apply_one_by_one(const Row& row, const array& batch, Group g) {
  std::vector<array> results;
  for (int i = 0; i < batch.shape(0); ++i) results.push_back(row.apply(take(batch, i, 0), g));
  return stack(results, 0);
}

array batch_of(int rank) {
  return stack({input_of(rank), input_of(rank) * array(0.5f), input_of(rank) - array(2.0f),
                input_of(rank) + array(0.25f)});
}

TEST_P(CollectiveGradients, MapLikeALoop) {
  const Row& row = GetParam();
  on_groups([&](Group g) {
    const array batch = batch_of(g.rank());
    const auto apply = [&](const array& x) { return row.apply(x, g); };
    const std::function<array(const array&)> fun = apply;
    const array expected = apply_one_by_one(row, batch, g);
    eval({expected});
    expect_close(vmap(fun, 0)(batch), expected);
    expect_close(vmap(fun, 1, 1)(transpose(batch)), moveaxis(expected, 0, 1));
  });
}

TEST_P(CollectiveGradients, AreTheSameMappedCheckpointedAndCompiled) {
  const Row& row = GetParam();
  on_groups([&](Group g) {
    using Fun = std::function<array(const array&)>;
    using ArraysFun = std::function<std::vector<array>(const std::vector<array>&)>;
    const Fun loss = [&](const array& x) { return loss_of(row, x, g); };
    const ArraysFun losses = [&](const std::vector<array>& x) {
      return std::vector<array>{loss(x[0])};
    };
    const auto gradient_by = [&](const ArraysFun& fun, const array& x) {
      const auto [value, gradient] = value_and_grad(fun)({x});
      eval({value[0], gradient[0]});
      return gradient[0];
    };
    const array x = input_of(g.rank());
    const array expected = gradient_by(losses, x);
    expect_close(gradient_by(checkpoint(losses), x), expected);
    expect_close(gradient_by(custom_function(losses), x), expected);
    expect_close(gradient_by(compile(losses), x), expected);
    const auto compiled = compile([&](const std::vector<array>& in) {
      const auto [value, gradient] = value_and_grad(losses)(in);
      return std::vector<array>{value[0], gradient[0]};
    });
    for (int call = 0; call < 2; ++call) {
      const auto out = compiled({x});
      eval(out);
      expect_close(out[1], expected);
    }
    // The gradient of all elements at once is that of each.
    const array batch = batch_of(g.rank());
    std::vector<array> one_by_one;
    for (int i = 0; i < batch.shape(0); ++i) {
      one_by_one.push_back(gradient_by(losses, take(batch, i, 0)));
    }
    const ArraysFun of_batch = [&](const std::vector<array>& in) {
      return std::vector<array>{sum(vmap(loss)(in[0]))};
    };
    expect_close(gradient_by(of_batch, batch), stack(one_by_one, 0));
  });
}

TEST(CollectiveDerivatives, OfAProductWithZerosAreTheProductsOfTheOthers) {
  on_groups([](Group g) {
    const array rows = array({0.0f, 0.0f, 2.0f, 3.0f, 0.0f, 4.0f, 5.0f, 6.0f, 7.0f}, {3, 3});
    const array expected = array({15.0f, 0.0f, 28.0f, 0.0f, 0.0f, 14.0f, 0.0f, 0.0f, 8.0f}, {3, 3});
    const std::function<array(const array&)> loss = [g](const array& x) {
      return sum(all_prod(x, g));
    };
    expect_close(grad(loss)(take(rows, g.rank(), 0)), take(expected, g.rank(), 0));
  });
}

TEST(CollectiveMaps, GatherAlongTheFirstAxisThatIsNotMapped) {
  on_groups([](Group g) {
    const std::function<array(const array&)> gathered = [g](const array& x) {
      return all_gather(x, g);
    };
    EXPECT_EQ(vmap(gathered)(zeros({4, 2})).shape(), Shape({4, 6}));
    EXPECT_EQ(vmap(gathered)(zeros({4})).shape(), Shape({4, 3}));
    EXPECT_EQ(vmap(vmap(gathered), 1, 2)(zeros({4, 5, 2})).shape(), Shape({4, 6, 5}));
  });
}

}  // namespace
}  // namespace mlx::core::distributed
