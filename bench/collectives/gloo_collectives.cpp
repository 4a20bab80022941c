// The measurement of mlx-bench-collectives, of Gloo over TCP on loopback, on
// float32. Where Gloo has several algorithms, the fastest one counts at each size.
//
//   build/bin/bench_gloo_collectives -n 2 --op all_sum

#include <gloo/allgather.h>
#include <gloo/allreduce.h>
#include <gloo/allreduce_halving_doubling.h>
#include <gloo/allreduce_ring_chunked.h>
#include <gloo/barrier.h>
#include <gloo/broadcast.h>
#include <gloo/math.h>
#include <gloo/reduce_scatter.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/file_store.h>
#include <gloo/transport/tcp/device.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "forked_ranks.h"
#include "report.h"

namespace {

using namespace mlx::bench;
using Context = std::shared_ptr<gloo::Context>;

constexpr int kDefaultRanks = 2;

Context connect(int rank, int ranks, const std::string& folder) {
  gloo::transport::tcp::attr attributes("127.0.0.1");
  auto device = gloo::transport::tcp::CreateDevice(attributes);
  gloo::rendezvous::FileStore store(folder);
  auto context = std::make_shared<gloo::rendezvous::Context>(rank, ranks);
  context->connectFullMesh(store, device);
  return context;
}

class GlooSystem final : public System {
 public:
  explicit GlooSystem(Context context) : context_(std::move(context)), barrier_(context_) {}

  int rank() const override { return context_->rank; }
  int ranks() const override { return context_->size; }
  void barrier() override { gloo::barrier(barrier_); }

  void merge(std::span<double> values, Merge how) override {
    gloo::AllreduceOptions options(context_);
    options.setOutput(values.data(), values.size());
    const auto sum = [](void* out, const void* a, const void* b, size_t n) {
      gloo::sum<double>(out, a, b, n);
    };
    const auto max = [](void* out, const void* a, const void* b, size_t n) {
      gloo::max<double>(out, a, b, n);
    };
    options.setReduceFunction(how == Merge::sum ? gloo::AllreduceOptions::Func(sum) : max);
    gloo::allreduce(options);
  }

  std::optional<Call> prepare(const Case& c, std::span<const std::byte> in,
                              std::span<std::byte> out) override {
    switch (c.op.operation) {
      case Operation::all_reduce:
        if (c.op.reduction != Reduction::sum) return {};
        return fastest({all_sum(c, in, out, gloo::AllreduceOptions::Algorithm::RING),
                        all_sum(c, in, out, gloo::AllreduceOptions::Algorithm::BCUBE),
                        all_sum_in_place<gloo::AllreduceHalvingDoubling<float>>(c, in, out),
                        all_sum_in_place<gloo::AllreduceRingChunked<float>>(c, in, out)});
      case Operation::all_gather:
        return all_gather(c, in, out);
      case Operation::reduce_scatter:
        return sum_scatter(c, in, out);
      case Operation::broadcast:
        return broadcast(c, in, out);
      case Operation::barrier:
        return Call{[this] { barrier(); }};
      default:
        return {};
    }
  }

 private:
  // All ranks take the same one.
  Call fastest(std::vector<Call> calls) {
    constexpr int kTries = 20;
    std::vector<double> seconds(calls.size());
    for (int i = 0; i < kTries; ++i) {
      for (size_t k = 0; k < calls.size(); ++k) {
        barrier();
        const auto start = std::chrono::steady_clock::now();
        calls[k].run();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        seconds[k] = i == 0 ? took.count() : std::min(seconds[k], took.count());
      }
    }
    merge(seconds, Merge::max);
    return calls[static_cast<size_t>(std::min_element(seconds.begin(), seconds.end()) -
                                     seconds.begin())];
  }

  static float* floats(std::span<const std::byte> memory) {
    return reinterpret_cast<float*>(const_cast<std::byte*>(memory.data()));
  }

  Call all_sum(const Case& c, std::span<const std::byte> in, std::span<std::byte> out,
               gloo::AllreduceOptions::Algorithm algorithm) {
    const auto options = std::make_shared<gloo::AllreduceOptions>(context_);
    options->setAlgorithm(algorithm);
    options->setInput(floats(in), c.part_count);
    options->setOutput(floats(out), c.part_count);
    options->setReduceFunction(
        [](void* sum, const void* a, const void* b, size_t n) { gloo::sum<float>(sum, a, b, n); });
    return {[options] { gloo::allreduce(*options); }};
  }

  // Of the older algorithms, which replace their input.
  template <typename Algorithm>
  Call all_sum_in_place(const Case& c, std::span<const std::byte> in, std::span<std::byte> out) {
    const auto algorithm = std::make_shared<Algorithm>(context_, std::vector<float*>{floats(out)},
                                                       static_cast<int>(c.part_count));
    return {.run = [algorithm] { algorithm->run(); },
            .load = [in, out] { std::copy(in.begin(), in.end(), out.begin()); }};
  }

  Call all_gather(const Case& c, std::span<const std::byte> in, std::span<std::byte> out) {
    const auto options = std::make_shared<gloo::AllgatherOptions>(context_);
    options->setInput(floats(in), c.part_count);
    options->setOutput(floats(out), c.count());
    return {[options] { gloo::allgather(*options); }};
  }

  // In place too: it needs memory that it may overwrite, and leaves its part at the front.
  Call sum_scatter(const Case& c, std::span<const std::byte> in, std::span<std::byte> out) {
    const auto memory = std::make_shared<std::vector<std::byte>>(in.begin(), in.end());
    const std::vector<int> parts(static_cast<size_t>(c.ranks), static_cast<int>(c.part_count));
    const auto algorithm = std::make_shared<gloo::ReduceScatterHalvingDoubling<float>>(
        context_, std::vector<float*>{floats(*memory)}, static_cast<int>(c.count()), parts);
    return {.run = [algorithm, memory] { algorithm->run(); },
            .load = [memory, in] { std::copy(in.begin(), in.end(), memory->begin()); },
            .store = [memory, out] { std::copy_n(memory->begin(), out.size(), out.begin()); }};
  }

  Call broadcast(const Case& c, std::span<const std::byte> in, std::span<std::byte> out) {
    const auto options = std::make_shared<gloo::BroadcastOptions>(context_);
    options->setOutput(floats(out), c.part_count);
    options->setRoot(0);
    return {.run = [options] { gloo::broadcast(*options); },
            .load = [in, out] { std::copy(in.begin(), in.end(), out.begin()); }};
  }

  const Context context_;
  gloo::BarrierOptions barrier_;
};

int run(const std::vector<std::string>& arguments) {
  const auto request = parse_command_line({.name = "bench_gloo_collectives",
                                           .purpose = "Measures the collectives of Gloo over TCP.",
                                           .starts_ranks = true},
                                          arguments);
  if (const Answer* answer = std::get_if<Answer>(&request)) {
    std::fputs(answer->text.c_str(), answer->exit_code == 0 ? stdout : stderr);
    return answer->exit_code;
  }
  const Options& options = std::get<Options>(request);
  const int ranks = options.ranks ? options.ranks : kDefaultRanks;
  std::string folder = std::filesystem::temp_directory_path() / "bench-gloo-XXXXXX";
  if (!mkdtemp(folder.data())) throw std::runtime_error("Cannot create " + folder + ".");
  const int status = run_as_ranks(ranks, [&](int rank) {
    GlooSystem system(connect(rank, ranks, folder));
    return measure_and_report(system, "Gloo tcp", options);
  });
  std::filesystem::remove_all(folder);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_gloo_collectives: %s\n", error.what());
    return 1;
  }
}
