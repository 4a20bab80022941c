#include "measure.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>

#include "values.h"

namespace mlx::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kMicrosecondsPerSize = 200'000;
constexpr int kFewestIterations = 5;
constexpr int kMostIterations = 5000;
constexpr size_t kPage = 4096;

// Memory on pages of its own, as all systems get it.
class Buffer {
 public:
  explicit Buffer(size_t bytes)
      : memory_(
            static_cast<std::byte*>(std::aligned_alloc(kPage, (bytes + kPage) / kPage * kPage))),
        bytes_(bytes) {
    if (!memory_) throw std::bad_alloc();
    poison();
  }
  std::span<std::byte> span() { return {memory_.get(), bytes_}; }
  void poison() { std::memset(memory_.get(), 0xA5, bytes_); }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  size_t bytes_;
};

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

// Sorted, each the longest over the ranks.
std::vector<double> time_calls(System& system, const Case& c, const Call& call, int iterations) {
  std::vector<double> times(static_cast<size_t>(iterations));
  for (double& time : times) {
    system.barrier();
    const auto start = Clock::now();
    call.run();
    if (c.has_root()) system.barrier();
    time = microseconds_since(start);
  }
  system.merge(times, System::Merge::max);
  std::sort(times.begin(), times.end());
  return times;
}

uint64_t check(System& system, const Case& c, const Call& call, Buffer& out) {
  out.poison();
  call.load();
  call.run();
  call.store();
  double wrong = static_cast<double>(count_wrong(c, out.span()));
  system.merge({&wrong, 1}, System::Merge::sum);
  return static_cast<uint64_t>(wrong);
}

// All ranks have the same times, so they agree.
int choose_iterations(const Plan& plan, const std::vector<double>& warmup) {
  if (plan.iterations > 0) return plan.iterations;
  const double fit = kMicrosecondsPerSize / std::max(warmup.front(), 0.01);
  return static_cast<int>(std::clamp(fit, double{kFewestIterations}, double{kMostIterations}));
}

Row summary(const Case& c, const std::vector<double>& times) {
  Row row;
  row.op = c.op.name;
  row.bytes = c.bytes();
  row.count = c.count();
  row.iterations = static_cast<int>(times.size());
  row.min_us = times.front();
  row.median_us = times[times.size() / 2];
  row.p99_us = times[(times.size() * 99 + 99) / 100 - 1];
  row.algbw = static_cast<double>(row.bytes) / row.median_us / 1e3;
  row.busbw = row.algbw * c.bus_factor();
  return row;
}

std::optional<Row> measure_case(System& system, const Plan& plan, const Case& c) {
  Buffer in(c.in_count() * c.dtype.size()), out(c.out_count() * c.dtype.size());
  fill_input(c, in.span());
  const std::optional<Call> call = system.prepare(c, in.span(), out.span());
  if (!call) return {};
  call->load();
  const auto warmup = time_calls(system, c, *call, std::max(plan.warmup, 1));
  std::optional<uint64_t> wrong;
  if (plan.check) wrong = check(system, c, *call, out);
  Row row = summary(c, time_calls(system, c, *call, choose_iterations(plan, warmup)));
  row.wrong = wrong;
  return row;
}

double processor_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

}  // namespace

void measure(System& system, const Plan& plan, const std::function<void(const Case&)>& starting,
             const std::function<void(const Row&)>& done) {
  for (const Op& op : plan.ops) {
    std::optional<size_t> last;  // sizes below one element for each rank are all the same
    for (size_t bytes = plan.min_bytes; bytes <= plan.max_bytes; bytes *= plan.factor) {
      const Case c = make_case(op, plan.dtype, bytes, system.rank(), system.ranks());
      if (last == c.count()) continue;
      last = c.count();
      starting(c);
      const std::optional<Row> row = measure_case(system, plan, c);
      if (!row) break;
      done(*row);
    }
  }
}

double waiting_share(System& system, double seconds) {
  const Case c = make_case(*find_op("all_sum"), core::float32, 4, system.rank(), system.ranks());
  Buffer in(c.bytes()), out(c.bytes());
  fill_input(c, in.span());
  const std::optional<Call> call = system.prepare(c, in.span(), out.span());
  if (!call) throw std::runtime_error("There is no all_sum to wait in.");
  call->run();
  system.barrier();
  if (c.is_root()) std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  const auto start = Clock::now();
  const double before = processor_seconds();
  call->run();
  const double used = processor_seconds() - before;
  double share = c.is_root() ? 0 : used / (microseconds_since(start) * 1e-6);
  system.merge({&share, 1}, System::Merge::max);
  return share;
}

}  // namespace mlx::bench
