// Collectives in compiled functions.

#include "mlx/core/compile.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "distributed/ranks.h"
#include "mlx/core/export.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"
#include "mlx/distributed/ops.h"

namespace mlx::core::distributed {
namespace {

using testing::on_groups;
using Arrays = std::vector<array>;

float item(const array& x) { return x.item<float>(); }

TEST(CompiledCollectives, RunAtEachCall) {
  on_groups([](Group g) {
    const auto fun = compile([g](const Arrays& in) {
      const array total = all_sum(in[0] * 2.0f, g);
      return Arrays{total, all_max(in[0], g) + total};
    });
    for (int call = 0; call < 3; ++call) {
      const auto mine = static_cast<float>(g.rank() + call);
      const Arrays out = fun({array(mine)});
      EXPECT_EQ(item(out[0]), static_cast<float>(2 * (3 + 3 * call)));
      EXPECT_EQ(item(out[1]), static_cast<float>(2 * (3 + 3 * call) + 2 + call));
    }
  });
}

TEST(CompiledCollectives, KeepTheOrderOfTheProgramOnEveryRank) {
  on_groups([](Group g) {
    const auto fun = compile([g](const Arrays& in) {
      const array a = all_sum(in[0], g);
      const array b = all_gather(in[0], g);
      const array c = all_max(in[0], g);
      const array again = all_sum(in[0], g);  // an equal operation that must stay
      return Arrays{again, c, b, a};
    });
    for (int call = 0; call < 3; ++call) {
      Arrays out = fun({array(1.0f)});
      // Every rank asks for them in another order.
      std::rotate(out.begin(), out.begin() + g.rank(), out.end());
      eval(out);
      std::rotate(out.begin(), out.end() - g.rank(), out.end());
      EXPECT_EQ(item(out[0]), 3.0f);
      EXPECT_EQ(item(out[3]), 3.0f);
    }
  });
}

// A step of data-parallel training: the mean of all ranks' gradients, checkpointed or not.
Arrays train_step(const Arrays& in, const Group& g, bool is_checkpointed) {
  const std::function<Arrays(const Arrays&)> block = [](const Arrays& a) {
    return Arrays{tanh(matmul(a[0], a[1]))};
  };
  const auto run = is_checkpointed ? checkpoint(block) : block;
  const auto loss = [&](const Arrays& w) {
    return mean(square(run({run({in[1], w[0]})[0], w[0]})[0]));
  };
  const auto [value, grads] =
      value_and_grad(std::function<array(const Arrays&)>(loss), {0})({in[0]});
  const array gradient = all_sum(grads[0], g) / array(static_cast<float>(g.size()));
  return {in[0] - gradient * 0.1f, all_sum(value, g)};
}

TEST(CompiledCollectives, TrainAsTheyDoUncompiled) {
  for (const bool is_checkpointed : {false, true}) {
    on_groups([is_checkpointed](Group g) {
      const auto step = [g, is_checkpointed](const Arrays& in) {
        return train_step(in, g, is_checkpointed);
      };
      const auto compiled = compile(step);
      const array batch = reshape(arange(12, float32), {4, 3}) *
                          array(0.1f * (1.0f + static_cast<float>(g.rank())));
      array plain_weights = eye(3) * 0.5f;
      array weights = plain_weights;
      for (int i = 0; i < 4; ++i) {
        const Arrays expected = step({plain_weights, batch});
        const Arrays got = compiled({weights, batch});
        eval(expected);
        eval(got);
        EXPECT_TRUE(array_equal(got[0], expected[0]).item<bool>());
        EXPECT_EQ(item(got[1]), item(expected[1]));
        plain_weights = expected[0];
        weights = got[0];
      }
    });
  }
}

TEST(CompiledCollectives, DifferentiateWithinAndAround) {
  on_groups([](Group g) {
    const auto fun = [g](const array& x) { return sum(square(all_sum(x * x, g))); };
    const auto plain = grad(std::function<array(const array&)>(fun));
    const auto within = compile([&](const Arrays& in) { return Arrays{plain(in[0])}; });
    const auto compiled = compile([&](const Arrays& in) { return Arrays{fun(in[0])}; });
    const auto around =
        grad(std::function<array(const array&)>([&](const array& x) { return compiled({x})[0]; }));
    const array x({1.0f, 2.0f});
    const array expected = plain(x);
    EXPECT_TRUE(array_equal(within({x})[0], expected).item<bool>());
    EXPECT_TRUE(array_equal(around(x), expected).item<bool>());
  });
}

TEST(CompiledCollectives, CannotBeStoredInAFile) {
  on_groups([](Group g) {
    const auto fun = [g](const Arrays& in) { return Arrays{all_sum(in[0], g)}; };
    const auto ignore = [](const ExportCallbackInput&) {};
    try {
      export_function(ignore, fun, {array(1.0f)});
      FAIL() << "The collective was stored.";
    } catch (const std::invalid_argument& e) {
      EXPECT_STREQ(e.what(), "[export_function] AllReduce cannot be stored in a file.");
    }
  });
}

}  // namespace
}  // namespace mlx::core::distributed
