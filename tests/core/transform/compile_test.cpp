#include "mlx/core/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "core/transform/functions.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/graph/trace.h"
#include "mlx/core/random.h"

namespace mlx::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

struct ModeScope {
  explicit ModeScope(CompileMode mode) { set_compile_mode(mode); }
  ~ModeScope() { enable_compile(); }
};

// ---- values

struct Case {
  const char* name;
  Function fun;
  Arrays inputs;
};

array mlp_loss(const Arrays& in) {
  const array hidden = tanh(matmul(in[2], in[0]));
  return mean(square(matmul(hidden, in[1])));
}

Arrays two_halves(const Arrays& in) {
  const Arrays parts = split(in[0], 2, 0);
  return {parts[1] - parts[0], depends({parts[0]}, {parts[1]})[0] * 2.0f};
}

std::vector<Case> cases() {
  const array x = spread({4, 6}, -2, 2);
  const array y = spread({6}, -1, 3, 1);
  const Arrays mlp{spread({6, 5}, -1, 1, 2), spread({5, 3}, -1, 1, 3), x};
  const array key = random::key(7);
  return {
      {"chain", [](const Arrays& in) { return Arrays{exp(-abs(in[0])) * in[1] + in[1]}; }, {x, y}},
      {"several outputs",
       [](const Arrays& in) {
         return Arrays{in[0] + in[1], sum(in[0], 0), in[0], in[0] + in[1], array(2.0f)};
       },
       {x, y}},
      {"siblings", two_halves, {x}},
      {"no input", [](const Arrays&) { return Arrays{arange(5) * 2.0f}; }, {}},
      {"no output", [](const Arrays&) { return Arrays{}; }, {x}},
      {"views",
       [](const Arrays& in) {
         return Arrays{reshape(transpose(slice(in[0], {1, 0}, {4, 5})), {-1})};
       },
       {x}},
      {"sort",
       [](const Arrays& in) {
         return Arrays{sort(in[0], 0), argsort(in[0], 1)};
       },
       {x}},
      {"gradient", grad([](const Arrays& in) { return mlp_loss(in); }, {0, 1}), mlp},
      {"value and gradient",
       [](const Arrays& in) {
         const auto [value, grads] = value_and_grad(mlp_loss, {0, 1})(in);
         return Arrays{value, grads[0], grads[1]};
       },
       mlp},
      {"second derivative",
       [](const Arrays& in) {
         const auto first = grad([](const array& a) { return sum(a * a * sin(a)); });
         return Arrays{grad([&](const array& a) { return sum(first(a)); })(in[0])};
       },
       {x}},
      {"jvp",
       [](const Arrays& in) {
         return jvp([](const Arrays& a) { return Arrays{a[0] * exp(a[1])}; }, {in[0], in[1]},
                    {in[1], in[0]})
             .second;
       },
       {y, exp(y)}},
      {"checkpoint", grad([](const Arrays& in) {
         return checkpoint([](const Arrays& a) { return Arrays{mlp_loss(a)}; })(in)[0];
       }),
       mlp},
      {"custom derivative",
       grad([](const Arrays& in) {
         const auto fun = custom_vjp([](const Arrays& a) { return Arrays{a[0] * a[0]}; },
                                     [](const Arrays& a, const Arrays& g, const Arrays& out) {
                                       return Arrays{g[0] * a[0] * 100.0f + out[0]};
                                     });
         return sum(fun(in)[0] * in[0]);
       }),
       {x}},
      {"random",
       [](const Arrays& in) {
         const auto [next, now] = random::split(in[0]);
         return Arrays{random::normal({5}, float32, 0.0f, 1.0f, now), next};
       },
       {key}},
  };
}

TEST(Compile, GivesTheValuesOfTheFunction) {
  for (const CompileMode mode :
       {CompileMode::enabled, CompileMode::no_fuse, CompileMode::no_simplify}) {
    const ModeScope scope(mode);
    for (const Case& c : cases()) {
      const Function compiled = compile(c.fun);
      const auto expected = all_values(c.fun(c.inputs));
      EXPECT_EQ(all_values(compiled(c.inputs)), expected) << c.name;
      EXPECT_EQ(all_values(compiled(c.inputs)), expected) << c.name << ", again";
    }
  }
}

TEST(Compile, ReadsTheInputsOfEachCall) {
  const Function fun = compile([](const Arrays& in) { return Arrays{in[0] * 2.0f}; });
  const array x({1.0f, 2.0f});
  EXPECT_THAT(values(fun({x})[0]), ElementsAre(2, 4));
  EXPECT_THAT(values(fun({x + x})[0]), ElementsAre(4, 8));
  EXPECT_THAT(values(fun(fun({x}))[0]), ElementsAre(4, 8));
}

TEST(Compile, StateGoesInAndOut) {
  const Function step = compile([](const Arrays& in) {
    const auto [next, key] = random::split(in[0]);
    return Arrays{next, in[1] + random::uniform({3}, float32, key)};
  });
  Arrays state{random::key(1), zeros({3})};
  Arrays expected = state;
  for (int i = 0; i < 3; ++i) {
    state = step(state);
    const auto [next, key] = random::split(expected[0]);
    expected = {next, expected[1] + random::uniform({3}, float32, key)};
  }
  EXPECT_EQ(all_values(state), all_values(expected));
}

// ---- when the function is traced

TEST(Compile, TracesOnceForEachSignature) {
  Counted sum_of([](const Arrays& in) {
    array total = in[0];
    for (size_t i = 1; i < in.size(); ++i) {
      total = total + in[i];
    }
    return Arrays{total};
  });
  const Function fun = compile(sum_of.counting());
  const array x = ones({2, 3});
  const struct {
    Arrays inputs;
    int calls;
  } steps[] = {
      {{x, x}, 1},
      {{x + x, x}, 1},
      {{x}, 2},
      {{x, ones({3})}, 3},
      {{ones({3, 2})}, 4},
      {{ones({6})}, 5},
      {{astype(x, float16)}, 6},
      {{x, ones({3})}, 6},
      {{x, x}, 6},
      {{astype(x, float16)}, 6},
  };
  for (const auto& step : steps) {
    EXPECT_EQ(all_values(fun(step.inputs)), all_values(sum_of.fun(step.inputs)));
    EXPECT_EQ(sum_of.calls, step.calls);
  }
}

TEST(Compile, TracesForEachDefaultStream) {
  Counted exponential([](const Arrays& in) { return Arrays{exp(in[0])}; });
  const Function fun = compile(exponential.counting());
  const array x({0.0f});
  const Stream other = new_stream(Device::cpu);
  const Stream before = default_stream(Device::cpu);
  EXPECT_EQ(fun({x})[0].node()->stream, before);
  {
    const StreamContext context(other);
    EXPECT_EQ(fun({x})[0].node()->stream, other);
    EXPECT_EQ(exponential.calls, 2);
  }
  EXPECT_EQ(fun({x})[0].node()->stream, before);
  EXPECT_EQ(exponential.calls, 2);
}

int pointer_calls = 0;

Arrays counted_negative(const Arrays& in) {
  ++pointer_calls;
  return {-in[0]};
}

TEST(Compile, FunctionPointersShareTheirTraces) {
  const array x({1.0f, 2.0f});
  pointer_calls = 0;
  EXPECT_THAT(values(compile(counted_negative)({x})[0]), ElementsAre(-1, -2));
  EXPECT_THAT(values(compile(&counted_negative)({x})[0]), ElementsAre(-1, -2));
  EXPECT_EQ(pointer_calls, 1);
  compile(counted_negative, true)({x});
  EXPECT_EQ(pointer_calls, 2);
  for (int i = 0; i < 2; ++i) {
    compile([](const Arrays& in) { return counted_negative(in); })({x});
    EXPECT_EQ(pointer_calls, 3);
  }
}

TEST(Compile, TakesLambdasThatAreNotExactlyTheSignature) {
  const auto by_value = [](Arrays in) { return Arrays{in[0] * 3.0f}; };
  EXPECT_THAT(values(compile(by_value)({array(2.0f)})[0]), ElementsAre(6));
}

TEST(Compile, KeepsAsManyTracesAsItSays) {
  Counted negative([](const Arrays& in) { return Arrays{-in[0]}; });
  const Function fun = compile(negative.counting());
  const auto call = [&](int size) { fun({zeros({size})}); };
  for (int size = 1; size <= 64; ++size) {
    call(size);
  }
  call(1);
  EXPECT_EQ(negative.calls, 64);
  call(65);  // 2 goes: the one that was used least recently
  call(1);
  call(3);
  EXPECT_EQ(negative.calls, 65);
  call(2);
  EXPECT_EQ(negative.calls, 66);
}

TEST(Compile, KeepsNothingOfAFunctionThatThrows) {
  bool fails = true;
  Counted maybe([&](const Arrays& in) {
    if (fails) {
      throw std::domain_error("not today");
    }
    return in;
  });
  const Function fun = compile(maybe.counting());
  const array x(1.0f);
  EXPECT_THROW(fun({x}), std::domain_error);
  fails = false;
  EXPECT_THAT(values(fun({x})[0]), ElementsAre(1));
  EXPECT_EQ(maybe.calls, 2);
  EXPECT_FALSE(TraceScope::active());
}

TEST(Compile, CapturedArraysAreConstants) {
  array state(1.0f);
  const Function fun = compile([&](const Arrays& in) { return Arrays{in[0] + state}; });
  const array x(1.0f);
  EXPECT_THAT(values(fun({x})[0]), ElementsAre(2));
  state = array(5.0f);
  EXPECT_THAT(values(fun({x})[0]), ElementsAre(2));

  int runs_ahead = 0;
  const array lazy = exp(array({0.0f, 0.0f})) * 3.0f;
  const Function of_lazy = compile([&](const Arrays& in) {
    ++runs_ahead;
    return Arrays{in[0] * lazy};
  });
  EXPECT_THAT(values(of_lazy({x})[0]), ElementsAre(3, 3));
  EXPECT_TRUE(lazy.is_available());
  EXPECT_THAT(values(of_lazy({x + x})[0]), ElementsAre(6, 6));
  EXPECT_EQ(runs_ahead, 1);
}

TEST(Compile, MayEvaluateWhatDoesNotDependOnItsInputs) {
  const Function fun = compile([](const Arrays& in) {
    const array table = arange(4) * 2;
    return Arrays{in[0] * sum(table).item<int>(), in[0] + table};
  });
  EXPECT_EQ(all_values(fun({array(1)})), (std::vector<std::vector<double>>{{12}, {1, 3, 5, 7}}));
}

// ---- errors and switches

TEST(Compile, AnEvaluationOfAPlaceholderIsAnError) {
  const Function rows[] = {
      [](const Arrays& in) {
        eval(in[0] + 1.0f);
        return in;
      },
      [](const Arrays& in) { return Arrays{array(sum(in[0]).item<float>())}; },
      [](const Arrays& in) {
        async_eval(in[0]);
        return in;
      },
  };
  for (const Function& fun : rows) {
    EXPECT_THAT([&] { compile(fun)({ones({2})}); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("disable_compile()")));
  }
}

TEST(Compile, AnArrayThatLeavesTheFunctionHasNoValue) {
  Arrays kept;
  const Function fun = compile([&](const Arrays& in) {
    kept.push_back(in[0] * 2.0f);
    return Arrays{kept[0] + 1.0f};
  });
  EXPECT_THAT(values(fun({array(1.0f)})[0]), ElementsAre(3));
  EXPECT_THROW(eval(kept), std::invalid_argument);
}

TEST(Compile, ACapturedInputIsAnError) {
  const array x = ones({2});
  const Function fun = compile([&](const Arrays& in) { return Arrays{in[0] + x}; });
  EXPECT_THAT([&] { fun({x}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("Input 0 is also captured")));
  EXPECT_THAT(values(fun({ones({2})})[0]), ElementsAre(2, 2));
}

TEST(Compile, AnEmptyFunctionIsAnError) {
  EXPECT_THROW(compile(Function()), std::invalid_argument);
  Arrays (*null)(const Arrays&) = nullptr;
  EXPECT_THROW(compile(null), std::invalid_argument);
}

TEST(Compile, CanBeDisabled) {
  Counted counted([](const Arrays& in) {
    eval(in[0] + 1.0f);  // what debugging does
    return Arrays{in[0] * 2.0f};
  });
  const Function fun = compile(counted.counting());
  const array x(1.0f);
  disable_compile();
  for (int call = 1; call <= 2; ++call) {
    EXPECT_THAT(values(fun({x})[0]), ElementsAre(2));
    EXPECT_EQ(counted.calls, call);
  }
  enable_compile();
  EXPECT_THROW(fun({x}), std::invalid_argument);
}

TEST(CompileDeathTest, CanBeDisabledByTheEnvironment) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // which starts the program again
  setenv("MLX_DISABLE_COMPILE", "1", 1);
  const auto calls_of_two = [] {
    Counted identity([](const Arrays& in) { return in; });
    const Function fun = compile(identity.counting());
    fun({array(1.0f)});
    fun({array(1.0f)});
    return identity.calls;
  };
  EXPECT_EXIT(std::_Exit(calls_of_two()), testing::ExitedWithCode(2), "");
  unsetenv("MLX_DISABLE_COMPILE");
}

TEST(Compile, AnyThreadMayCall) {
  std::atomic<int> calls = 0;
  const array captured = ones({8}) * 3.0f;
  eval(captured);
  const Function fun = compile([&](const Arrays& in) {
    ++calls;
    return Arrays{exp(in[0]) * captured, sum(in[0])};
  });
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const array x = full({8}, static_cast<float>(t));
        const Arrays out = fun({x});
        wrong += values(out[0]) != values(exp(x) * captured) || values(out[1])[0] != 8.0 * t;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(calls, 4);  // each thread has a default stream of its own
}

}  // namespace
}  // namespace mlx::core
