// Collectives over the real NCCL on memory of a GPU: one rank, then two processes
// that share one GPU and pretend to be on different hosts; in each the group of
// all ranks, and the one that it is split into. Exit code 77 where there is no GPU.

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "mlx/distributed/bootstrap/job.h"
#include "mlx/distributed/transports/nccl/communicator.h"
#include "mlx/distributed/transports/nccl/nccl_fabric.h"
#include "mlx/distributed/transports/network.h"
#include "mlx/distributed/world.h"

namespace {

using namespace mlx::core;               // NOLINT: a program of one file
using namespace mlx::core::distributed;  // NOLINT

constexpr int kSkipped = 77;
constexpr unsigned kLimitSeconds = 120;

using Values = std::vector<float>;

/// float32 values in the memory of the GPU.
class DeviceValues {
 public:
  DeviceValues(const nccl::Cuda& cuda, const Values& values) : cuda_(cuda), count_(values.size()) {
    cuda_.memory_allocate.address(&memory_, std::max<size_t>(bytes(), 1));
    cuda_.copy_to_device.address(memory_, values.data(), bytes());
  }
  ~DeviceValues() { cuda_.memory_free.address(memory_); }
  DeviceValues(const DeviceValues&) = delete;
  DeviceValues& operator=(const DeviceValues&) = delete;

  std::span<std::byte> span() { return {reinterpret_cast<std::byte*>(memory_), bytes()}; }
  Values on_host() const {
    Values values(count_);
    cuda_.copy_to_host.address(values.data(), memory_, bytes());
    return values;
  }

 private:
  size_t bytes() const { return count_ * sizeof(float); }

  const nccl::Cuda& cuda_;
  const size_t count_;
  nccl::DevicePointer memory_ = 0;
};

// Small integers: every sum and product is exact.
Values given(int rank, size_t count) {
  Values values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(1 + (i * 3 + static_cast<size_t>(rank) * 5) % 7);
  return values;
}

Values concatenated(const std::vector<Values>& parts) {
  Values all;
  for (const Values& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

class Check {
 public:
  Check(detail::GroupImpl& group, const nccl::Cuda& cuda) : group_(group), cuda_(cuda) {}

  void everything() {
    for (const size_t count : {size_t{1}, size_t{1000}, size_t{3'000'000}}) {
      reductions(count);
      copies(count);
      messages(count);
      group_.run(Collective{});
    }
  }
  bool right() const { return right_; }

 private:
  int size() const { return group_.size(); }
  size_t ranks() const { return static_cast<size_t>(size()); }
  std::vector<Values> of_all(size_t count) const {
    std::vector<Values> all;
    for (int rank = 0; rank < size(); ++rank) all.push_back(given(rank, count));
    return all;
  }
  Values sums(size_t count) const {
    Values total(count);
    for (const Values& values : of_all(count)) {
      for (size_t i = 0; i < count; ++i) total[i] += values[i];
    }
    return total;
  }

  void expect(const char* what, Operation operation, Reduction reduction, const Values& in,
              const Values& expected, int root = -1, std::span<const size_t> in_parts = {},
              std::span<const size_t> out_parts = {}) {
    DeviceValues from(cuda_, in), to(cuda_, Values(expected.size(), -1));
    group_.run({.operation = operation,
                .reduction = reduction,
                .dtype = float32,
                .peer = root,
                .in = from.span(),
                .out = to.span(),
                .in_parts = in_parts,
                .out_parts = out_parts,
                .on_gpu = true});
    judge(what, to.on_host(), expected);
  }

  void judge(const char* what, const Values& got, const Values& expected) {
    const bool same = got == expected;
    if (!same)
      std::printf("rank %d of %d: %s of %zu values is wrong\n", group_.rank(), size(), what,
                  expected.size());
    right_ = right_ && same;
  }

  void reductions(size_t count) {
    const Values mine = given(group_.rank(), count), sum = sums(count);
    expect("all_sum", Operation::all_reduce, Reduction::sum, mine, sum);
    Values largest(count);
    for (const Values& values : of_all(count)) {
      for (size_t i = 0; i < count; ++i) largest[i] = std::max(largest[i], values[i]);
    }
    expect("all_max", Operation::all_reduce, Reduction::max, mine, largest);
    expect("reduce", Operation::reduce, Reduction::sum, mine,
           group_.rank() == size() - 1 ? sum : Values{}, size() - 1);
    const Values all = given(group_.rank(), count * ranks()), total = sums(count * ranks());
    const auto part = total.begin() + group_.rank() * static_cast<ptrdiff_t>(count);
    expect("sum_scatter", Operation::reduce_scatter, Reduction::sum, all,
           Values(part, part + static_cast<ptrdiff_t>(count)));
  }

  void copies(size_t count) {
    const int rank = group_.rank(), last = size() - 1;
    const Values mine = given(rank, count), all = concatenated(of_all(count));
    expect("all_gather", Operation::all_gather, Reduction::none, mine, all);
    std::vector<Values> uneven;
    std::vector<size_t> parts;
    for (int r = 0; r < size(); ++r) {
      uneven.push_back(given(r, count * static_cast<size_t>(r + 1)));
      parts.push_back(uneven.back().size() * sizeof(float));
    }
    expect("uneven all_gather", Operation::all_gather, Reduction::none,
           uneven[static_cast<size_t>(rank)], concatenated(uneven), -1, {}, parts);
    expect("broadcast", Operation::broadcast, Reduction::none, mine, given(last, count), last);
    expect("gather", Operation::gather, Reduction::none, mine, rank == last ? all : Values{}, last);
    expect("scatter", Operation::scatter, Reduction::none, rank == last ? all : Values{}, mine,
           last);
    // Block j of rank r holds what rank r + j would be given.
    std::vector<Values> to, from;
    for (int r = 0; r < size(); ++r) {
      to.push_back(given(rank * 2 + r, count));
      from.push_back(given(r * 2 + rank, count));
    }
    expect("all_to_all", Operation::all_to_all, Reduction::none, concatenated(to),
           concatenated(from));
  }

  // To the right and from the left at the same time.
  void messages(size_t count) {
    if (size() == 1) return;
    const int left = (group_.rank() + size() - 1) % size();
    DeviceValues from(cuda_, given(group_.rank(), count)), to(cuda_, Values(count, -1));
    const Transfer both[] = {{.operation = Operation::send,
                              .dtype = float32,
                              .peer = (group_.rank() + 1) % size(),
                              .in = from.span(),
                              .on_gpu = true},
                             {.operation = Operation::recv,
                              .dtype = float32,
                              .peer = left,
                              .out = to.span(),
                              .on_gpu = true}};
    group_.run(both);
    judge("send_recv", to.on_host(), given(left, count));
  }

  detail::GroupImpl& group_;
  const nccl::Cuda& cuda_;
  bool right_ = true;
};

int run_rank() {
  alarm(kLimitSeconds);
  const nccl::Libraries& libraries = *nccl::system_libraries();
  auto job = std::make_shared<Job>(read_environment());
  std::shared_ptr<Fabric> links = make_link_fabric(job, LinkChoice::mixed);
  auto fabric = nccl::make_nccl_fabric(job, std::move(links), libraries);
  const nccl::Gpu gpu(libraries, 0);
  gpu.use();
  auto group = std::make_shared<World>(std::move(job), std::move(fabric), 3)->everyone();
  Check check(*group, libraries.cuda);
  check.everything();
  const auto turned = group->split(0, group->size() - group->rank());
  Check of_split(*turned, libraries.cuda);
  of_split.everything();
  return check.right() && of_split.right() ? 0 : 1;
}

pid_t start_rank(const Environment& environment) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  for (const auto& [name, value] : environment_variables(environment)) {
    setenv(name.c_str(), value.c_str(), 1);
  }
  setenv("NCCL_HOSTID", std::to_string(environment.rank).c_str(), 1);
  setenv("NCCL_SOCKET_IFNAME", "lo", 0);
  setenv("NCCL_MAX_CTAS", "4", 0);
  execl("/proc/self/exe", "nccl_gpu_check", "rank", nullptr);
  _exit(127);
}

bool run_job(int ranks) {
  Environment environment;
  environment.world_size = ranks;
  environment.secret = Secret::random();
  environment.launcher_serves = true;
  const RendezvousServer server({{"127.0.0.1", 0}, environment.secret, 0, ranks});
  environment.rendezvous = server.address();
  std::vector<pid_t> started;
  for (int rank = 0; rank < ranks; ++rank) {
    environment.rank = rank;
    started.push_back(start_rank(environment));
  }
  bool right = true;
  for (const pid_t pid : started) {
    int status = 0;
    waitpid(pid, &status, 0);
    right = right && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  std::printf("%d rank%s: %s\n", ranks, ranks == 1 ? "" : "s", right ? "right" : "failed");
  return right;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc > 1 && std::strcmp(argv[1], "rank") == 0) return run_rank();
    std::string reason;
    if (!nccl::system_libraries(&reason)) {
      std::printf("skipped: %s\n", reason.c_str());
      return kSkipped;
    }
    const bool one = run_job(1), two = run_job(2);
    return one && two ? 0 : 1;
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}
