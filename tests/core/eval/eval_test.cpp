#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "mlx/core/memory.h"
#include "mlx/core/ops.h"
#include "mlx/core/primitives.h"
#include "mlx/core/stream.h"
#include "mlx/core/transforms.h"
#include "mlx/core/utils.h"

namespace mlx::core {
namespace {

/// Copies its input after running a function: shows when, where and how often it runs.
class Probe final : public Primitive {
 public:
  Probe(Stream stream, std::function<void()> body) : Primitive(stream), body_(std::move(body)) {}
  void eval_cpu(const std::vector<array>& inputs, std::vector<array>& outputs) override {
    body_();
    outputs[0].copy_shared_buffer(inputs[0]);
  }
  const char* name() const override { return "Probe"; }

 private:
  std::function<void()> body_;
};

array probe(const array& x, std::function<void()> body, StreamOrDevice s = {}) {
  return array(x.shape(), x.dtype(), std::make_shared<Probe>(to_stream(s), std::move(body)), {x});
}

array failing(const array& x, StreamOrDevice s = {}) {
  return probe(
      x, [] { throw std::runtime_error("[probe] broken on purpose"); }, s);
}

TEST(Eval, RunsNothingBeforeItIsAsked) {
  int runs = 0;
  array x = probe(array(1.0f), [&] { ++runs; });
  array y = x + x;
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(y.status(), array::unscheduled);
  y.eval();
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(y.is_available());
  eval(y, x);
  EXPECT_EQ(runs, 1);
}

TEST(Eval, SynchronousWorkRunsOnTheCallingThread) {
  std::thread::id id;
  eval(probe(array(1.0f), [&] { id = std::this_thread::get_id(); }));
  EXPECT_EQ(id, std::this_thread::get_id());
}

TEST(Eval, AnArrayForgetsItsInputsAfterwards) {
  array x(2.0f);
  array y = square(x) + x;
  y.eval();
  EXPECT_FALSE(y.has_primitive());
  EXPECT_TRUE(y.inputs().empty());
}

TEST(Eval, AnErrorReachesTheCallerAndStaysWithTheArray) {
  array bad = failing(array(1.0f));
  array after = bad + array(1.0f);
  EXPECT_THROW(after.eval(), std::runtime_error);
  EXPECT_THROW(bad.eval(), std::runtime_error);
  EXPECT_THROW(after.item<float>(), std::runtime_error);
  EXPECT_EQ((array(1.0f) + array(1.0f)).item<float>(), 2.0f);
}

TEST(Eval, AChainOfAMillionOperationsIsBuiltEvaluatedAndDestroyed) {
  array x(0.0f);
  const array one(1.0f);
  for (int i = 0; i < 1'000'000; ++i) {
    x = x + one;
  }
  EXPECT_EQ(x.item<float>(), 1e6f);
}

TEST(Eval, AChainOfAMillionOperationsIsDifferentiated) {
  const auto f = [](const array& x) {
    const array half(0.5f);
    array y = x;
    for (int i = 0; i < 1'000'000; ++i) {
      y = i % 2 == 0 ? y + half : y * x;
    }
    return y;
  };
  // y_{k+1} = (y_k + 1/2) x at x = 1/2: y' = y'_k x + y_k + 1/2 tends to 2 (y + 1/2) with y = 1/2.
  EXPECT_NEAR(grad(f)(array(0.5f)).item<float>(), 2.0f, 1e-5f);
}

TEST(Eval, AChainOfAMillionViewsIsDestroyedUnevaluated) {
  array x = zeros({2, 3});
  for (int i = 0; i < 1'000'000; ++i) {
    x = transpose(x);
  }
  EXPECT_EQ(x.shape(), (Shape{2, 3}));
}

TEST(Eval, AWideGraphSharesItsParts) {
  array x(1.0f);
  for (int i = 0; i < 60; ++i) {
    x = x + x;  // 2^60 paths
  }
  EXPECT_EQ(x.item<float>(), 0x1p60f);
}

TEST(Eval, FreesIntermediateResultsOnTheWay) {
  clear_cache();
  const size_t before = get_active_memory();
  array x = ones({1 << 20});
  for (int i = 0; i < 20; ++i) {
    x = cumsum(x) - x;
  }
  reset_peak_memory();
  x.eval();
  EXPECT_LE(get_peak_memory() - before, size_t{4} * (4 << 20) + (1 << 20));
}

TEST(Eval, WritesOverAnInputThatNobodyElseHolds) {
  array x = ones({1000}) + array(1.0f);
  x.eval();
  const void* address = x.data<float>();
  array y = std::move(x) * array(3.0f);
  x = array(0.0f);
  y.eval();
  EXPECT_EQ(y.data<void>(), address);
}

TEST(Eval, KeepsAnInputThatSomebodyHolds) {
  array x = ones({1000}) + array(1.0f);
  x.eval();
  array y = x * array(3.0f);
  y.eval();
  EXPECT_NE(y.data<void>(), x.data<void>());
  EXPECT_EQ(sum(x).item<float>(), 2000.0f);
}

TEST(Eval, NeverWritesOverForeignMemory) {
  std::vector<float> values(1000, 1.0f);
  array x(values.data(), {1000}, float32, [](void*) {});
  array y = std::move(x) * array(3.0f);
  x = array(0.0f);
  y.eval();
  EXPECT_EQ(sum(y).item<float>(), 3000.0f);
  EXPECT_EQ(values[0], 1.0f);
}

TEST(AsyncEval, ReturnsBeforeTheWorkIsDone) {
  std::atomic<bool> go{false};
  array x = probe(array(2.0f), [&] {
    while (!go) {
      std::this_thread::yield();
    }
  });
  array y = x + array(1.0f);
  async_eval(y);
  EXPECT_FALSE(y.is_available());
  go = true;
  EXPECT_EQ(y.item<float>(), 3.0f);
}

TEST(AsyncEval, ResultsFeedSynchronousWork) {
  array x = ones({100});
  for (int i = 0; i < 50; ++i) {
    x = x + array(1.0f);
    async_eval(x);
  }
  EXPECT_EQ(sum(x).item<float>(), 5100.0f);
}

TEST(AsyncEval, AnErrorComesOutWhereTheResultIsUsed) {
  array bad = failing(array(1.0f));
  async_eval(bad);
  EXPECT_THROW(bad.item<float>(), std::runtime_error);
  EXPECT_THROW(eval(bad + array(1.0f)), std::runtime_error);
  EXPECT_THROW(synchronize(), std::runtime_error);
  EXPECT_NO_THROW(synchronize());
}

TEST(Streams, WorkRunsOnTheThreadOfItsStream) {
  const Stream s = new_stream(Device::cpu);
  std::thread::id id;
  array x = probe(
      array(1.0f), [&] { id = std::this_thread::get_id(); }, s);
  EXPECT_EQ((x + array(1.0f)).item<float>(), 2.0f);
  EXPECT_NE(id, std::this_thread::get_id());
}

TEST(Streams, RunBesideEachOther) {
  const Stream a = new_stream(Device::cpu);
  const Stream b = new_stream(Device::cpu);
  std::atomic<int> arrived{0};
  const auto meet = [&] {
    ++arrived;
    while (arrived < 2) {
      std::this_thread::yield();
    }
  };
  eval(probe(array(1.0f), meet, a), probe(array(2.0f), meet, b));
  EXPECT_EQ(arrived, 2);
}

TEST(Streams, AResultCrossesStreams) {
  const Stream s = new_stream(Device::cpu);
  array x = add(array(1.0f), array(2.0f), s);
  array y = multiply(x, array(5.0f));
  array z = add(y, x, s);
  EXPECT_EQ(z.item<float>(), 18.0f);
}

TEST(Streams, AnErrorCrossesStreams) {
  const Stream s = new_stream(Device::cpu);
  array bad = failing(array(1.0f), s);
  EXPECT_THROW(eval(bad + array(1.0f)), std::runtime_error);
  EXPECT_THROW(synchronize(s), std::runtime_error);
}

TEST(Streams, AnotherThreadsStreamIsRefused) {
  const Stream s = new_stream(Device::cpu);
  const Stream shared = new_thread_unsafe_stream(Device::cpu);
  std::thread([&] {
    EXPECT_THROW(add(array(1.0f), array(2.0f), s), std::runtime_error);
    EXPECT_EQ(add(array(1.0f), array(2.0f), shared).item<float>(), 3.0f);
  }).join();
}

TEST(Streams, ThreadLocalStreamsDifferByThread) {
  const ThreadLocalStream name = new_thread_local_stream(Device::cpu);
  const Stream here = stream_from_thread_local_stream(name);
  EXPECT_EQ(here, stream_from_thread_local_stream(name));
  std::thread([&] { EXPECT_NE(here, stream_from_thread_local_stream(name)); }).join();
}

TEST(Streams, AContextSetsAndRestoresTheDefault) {
  const Stream before = default_stream(default_device());
  const Stream s = new_stream(Device::cpu);
  {
    StreamContext context(s);
    EXPECT_EQ(default_stream(default_device()), s);
    EXPECT_EQ((array(1.0f) + array(1.0f)).item<float>(), 2.0f);
  }
  EXPECT_EQ(default_stream(default_device()), before);
}

TEST(Streams, AMissingGpuIsAnError) {
  EXPECT_FALSE(is_available(Device(Device::gpu)));
  EXPECT_EQ(device_count(Device::gpu), 0);
  EXPECT_THROW(set_default_device(Device::gpu), std::invalid_argument);
  EXPECT_THROW(new_stream(Device::gpu), std::invalid_argument);
  EXPECT_THROW(add(array(1.0f), array(1.0f), Device::gpu), std::invalid_argument);
}

TEST(Streams, ThreadsEvaluateTheirOwnGraphs) {
  const array shared = arange(1000, float32);
  eval(shared);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&shared, t] {
      for (int i = 0; i < 50; ++i) {
        const array y = sum(shared * array(static_cast<float>(t)));
        EXPECT_EQ(array(y).item<float>(), 499500.0f * static_cast<float>(t));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(Events, SignalOnceAndCarryAnError) {
  Event none;
  EXPECT_FALSE(none.valid());
  Event event(default_stream(Device::cpu));
  EXPECT_FALSE(event.is_signaled());
  Error error{std::make_exception_ptr(std::runtime_error("late"))};
  event.set_error(error);
  event.signal(default_stream(Device::cpu));
  EXPECT_THROW(event.wait(), std::runtime_error);
  EXPECT_TRUE(event.is_signaled());
}

}  // namespace
}  // namespace mlx::core
