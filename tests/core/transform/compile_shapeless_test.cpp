#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/transform/functions.h"
#include "mlx/core/compile.h"
#include "mlx/core/random.h"

namespace mlx::core {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

struct ShapelessCase {
  const char* name;
  Function fun;
};

const ShapelessCase kFollow[] = {
    {"elementwise", [](const Arrays& in) { return Arrays{abs(in[0] + in[0]) * 0.5f}; }},
    {"sum",
     [](const Arrays& in) {
       return Arrays{sum(in[0], 1), sum(in[0], 0, true), max(in[0])};
     }},
    {"mean",
     [](const Arrays& in) {
       return Arrays{mean(in[0]), mean(in[0], 1)};
     }},
    {"var",
     [](const Arrays& in) {
       return Arrays{var(in[0]), var(in[0], 0, true, 1), std(in[0])};
     }},
    {"softmax",
     [](const Arrays& in) {
       return Arrays{softmax(in[0], -1), softmax(in[0], 0)};
     }},
    {"logsumexp", [](const Arrays& in) { return Arrays{logsumexp(in[0], 1)}; }},
    {"axes",
     [](const Arrays& in) {
       return Arrays{flatten(in[0]), expand_dims(in[0], 1), squeeze(sum(in[0], 0, true)),
                     swapaxes(in[0], 0, 1), flatten(expand_dims(in[0], {0, 3}), 1, 2)};
     }},
    {"matmul", [](const Arrays& in) { return Arrays{matmul(in[0], transpose(in[0]))}; }},
    {"sort",
     [](const Arrays& in) {
       return Arrays{sort(in[0], 1), cumsum(in[0], 0)};
     }},
    {"join",
     [](const Arrays& in) {
       return Arrays{concatenate({in[0], -in[0]}, 1)};
     }},
    {"take",
     [](const Arrays& in) {
       return Arrays{take(in[0], array({1, 0}), 0)};
     }},
    {"count", [](const Arrays& in) { return Arrays{number_of_elements(in[0], {0}, false)}; }},
};

TEST(CompileShapeless, OneTraceServesAllShapes) {
  for (const ShapelessCase& c : kFollow) {
    Counted counted(c.fun);
    const Function compiled = compile(counted.counting(), true);
    for (const Shape& shape : {Shape{2, 3}, Shape{4, 5}, Shape{3, 3}, Shape{2, 3}}) {
      const array x = spread(shape, -2, 2);
      const Arrays expected = c.fun({x});
      const Arrays got = compiled({x});
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(got[i].shape(), expected[i].shape()) << c.name;
        EXPECT_EQ(got[i].dtype(), expected[i].dtype()) << c.name;
        EXPECT_THAT(values(got[i]),
                    testing::Pointwise(testing::DoubleNear(1e-6), values(expected[i])))
            << c.name;
      }
    }
    EXPECT_EQ(counted.calls, 1) << c.name;
  }
}

TEST(CompileShapeless, TracesAgainWhereBroadcastingMayDiffer) {
  Counted counted([](const Arrays& in) { return Arrays{squeeze(in[0] + in[1])}; });
  const Function fun = compile(counted.counting(), true);
  const struct {
    Shape a;
    Shape b;
    int calls;
  } steps[] = {{{2, 3}, {2, 3}, 1}, {{4, 5}, {4, 5}, 1}, {{4, 5}, {1, 5}, 2}, {{5}, {4, 5}, 3},
               {{0, 5}, {1, 5}, 4}, {{9, 9}, {9, 9}, 4}, {{2, 3}, {1, 3}, 4}};
  for (const auto& step : steps) {
    const Arrays in{spread(step.a, 0, 1), spread(step.b, 0, 1, 1)};
    const array got = fun(in)[0];
    const array expected = counted.fun(in)[0];
    EXPECT_EQ(got.shape(), expected.shape());
    EXPECT_EQ(values(got), values(expected));
    EXPECT_EQ(counted.calls, step.calls);
  }
}

TEST(CompileShapeless, RefusesOperationsThatHoldSizes) {
  const struct {
    const char* op;
    Function fun;
  } rows[] = {
      {"Reshape",
       [](const Arrays& in) {
         return Arrays{reshape(in[0], {6, -1})};
       }},
      {"Broadcast", [](const Arrays& in) { return Arrays{zeros_like(in[0])}; }},
      {"Reshape", grad([](const Arrays& in) { return sum(in[0] * in[0]); })},
      {"Slice",
       [](const Arrays& in) {
         return Arrays{slice(in[0], {1, 0}, {2, 3})};
       }},
      {"Arange",
       [](const Arrays& in) { return Arrays{arange(static_cast<double>(in[0].shape(0)))}; }},
      {"Sort", [](const Arrays& in) { return Arrays{partition(in[0], -1, 1)}; }},
      {"RandomBits",
       [](const Arrays& in) { return Arrays{random::bits(in[0].shape(), random::key(0))}; }},
  };
  const array first = spread({2, 3}, 0, 1);
  const array second = spread({3, 4}, 0, 1);
  for (const auto& row : rows) {
    const Function fun = compile(row.fun, true);
    EXPECT_EQ(all_values(fun({first})), all_values(row.fun({first}))) << row.op;
    EXPECT_THAT([&] { fun({second}); },
                ThrowsMessage<std::invalid_argument>(
                    AllOf(HasSubstr(std::string("[compile] ") + row.op),
                          HasSubstr("got shape (3,4) for input 0, expected (2,3)"))))
        << row.op;
    EXPECT_EQ(all_values(fun({first})), all_values(row.fun({first}))) << row.op;
  }
}

TEST(CompileShapeless, ChecksTheNewShapes) {
  const Function fun = compile([](const Arrays& in) { return Arrays{matmul(in[0], in[1])}; }, true);
  eval(fun({ones({2, 3}), ones({3, 2})}));
  EXPECT_THROW(fun({ones({2, 3}), ones({4, 2})}), std::invalid_argument);
}

}  // namespace
}  // namespace mlx::core
