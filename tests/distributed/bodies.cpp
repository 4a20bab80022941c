// What the ranks of processes_test run. A body prints what the test waits for.

#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "distributed/processes.h"
#include "distributed/regroup_bodies.h"
#include "distributed/soak/mixture.h"
#include "mlx/core/memory.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"
#include "mlx/distributed/ops.h"

namespace mlx::core::distributed::testing {
namespace {

constexpr int kFailedAsExpected = 3;

bool same(const array& a, const array& b) {
  return a.shape() == b.shape() && all(equal(a, b)).item<bool>();
}

// Every operation through eval, small and large.
int all_operations() {
  const Group world = init(true);
  const int rank = world.rank(), size = world.size();
  for (const int n : {1, 1000, 500'000}) {
    const array mine = arange(n, float32) + array(static_cast<float>(rank));
    const array sum = arange(n, float32) * array(static_cast<float>(size)) +
                      array(static_cast<float>(size * (size - 1) / 2));
    bool right = same(all_sum(mine), sum);
    right = right && same(all_max(mine), arange(n, float32) + array(static_cast<float>(size - 1)));
    right = right && same(all_min(mine), arange(n, float32));
    right = right && all_gather(mine).shape() == Shape({int64_t{n} * size});
    right = right && same(sum_scatter(all_gather(mine)), mine * array(static_cast<float>(size)));
    right = right && same(broadcast(mine, size - 1),
                          arange(n, float32) + array(static_cast<float>(size - 1)));
    if (rank == 0) eval({send(mine, 1)});
    if (rank == 1) right = right && same(recv_like(mine, 0), arange(n, float32));
    barrier();
    if (!right) {
      say("a result is wrong");
      return 1;
    }
  }
  say("all right");
  return 0;
}

template <typename E>
bool report(const char* kind, const DistributedError& error) {
  const DistributedError* base = &error;
  if (dynamic_cast<const E*>(base) == nullptr) return false;
  std::printf("%s peer=%d: %s\n", kind, error.where().peer, error.what());
  std::fflush(stdout);
  return true;
}

// Says which error ended the body.
int expecting_failure(void (*body)()) {
  try {
    body();
  } catch (const DistributedError& error) {
    report<PeerLostError>("PeerLostError", error) || report<TimeoutError>("TimeoutError", error) ||
        report<AbortedError>("AbortedError", error) || report<DesyncError>("DesyncError", error) ||
        report<AuthenticationError>("AuthenticationError", error) ||
        report<DistributedError>("DistributedError", error);
    return kFailedAsExpected;
  }
  return 1;
}

void sum_forever() {
  init(true);
  eval({all_sum(array(1.0f))});
  say("ready");
  const array x = ones({10'000});
  while (true) eval({all_sum(x)});
}

// Says how long much data takes.
int time_sums() {
  init(true);
  const array x = ones({2'000'000});
  eval({all_sum(x)});
  barrier();
  const auto start = Clock::now();
  for (int i = 0; i < 3; ++i) eval({all_sum(x)});
  const auto took = std::chrono::duration_cast<Milliseconds>(Clock::now() - start).count();
  std::printf("took %lld ms\n", static_cast<long long>(took));
  return 0;
}

// Rank 1 never joins, so the others sleep in the middle of a collective.
void wait_for_rank_1() {
  const Group world = init(true);
  eval({all_sum(array(1.0f))});
  say("ready");
  if (world.rank() == 1) {
    while (true) pause();
  }
  eval({all_sum(array(1.0f))});
}

void join() {
  init(true);
  say("joined");
}

// Then calls again: a group that failed fails at once, with the same error.
int expecting_failure_twice(void (*body)(), void (*again)()) {
  if (expecting_failure(body) != kFailedAsExpected) return 1;
  const auto start = Clock::now();
  const int code = expecting_failure(again);
  const auto took = std::chrono::duration_cast<Milliseconds>(Clock::now() - start).count();
  std::printf("again after %lld ms\n", static_cast<long long>(took));
  return code == kFailedAsExpected && took < 100 ? code : 1;
}

int number_from(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::atoi(text) : otherwise;
}

// Mixed operations until something fails.
void mixed_forever() {
  const Group world = init(true);
  Mixture mixture(world, static_cast<uint32_t>(number_from("MLX_TEST_SEED", 1)));
  for (int i = 0;; ++i) {
    if (!mixture.step()) say("a result is wrong");
    if (i == 100) say("ready");
  }
}

void sum_again() { eval({all_sum(array(1.0f))}); }

// How much this process holds: memory in KiB that is its own, and descriptors.
struct Holdings {
  long memory = 0;
  long descriptors = 0;
};

Holdings holdings() {
  long total = 0, resident = 0, shared = 0;
  std::ifstream("/proc/self/statm") >> total >> resident >> shared;
  Holdings h{(resident - shared) * 4, 0};
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++h.descriptors;
  }
  return h;
}

// MLX_TEST_SOAK operations; what the process holds must not grow in the second half.
int soak() {
  const int steps = number_from("MLX_TEST_SOAK", 2000);
  Mixture mixture(init(true), static_cast<uint32_t>(number_from("MLX_TEST_SEED", 1)));
  Holdings before;
  const auto emptied = [] {
    clear_cache();
    malloc_trim(0);
    return holdings();
  };
  for (int i = 0; i < steps; ++i) {
    if (!mixture.step()) {
      std::printf("the result of operation %d is wrong\n", i);
      return 1;
    }
    if (i == steps / 2) before = emptied();
  }
  const Holdings now = emptied();
  std::printf("memory %ld -> %ld KiB, descriptors %ld -> %ld\n", before.memory, now.memory,
              before.descriptors, now.descriptors);
  // Room for the heap's own fluctuations: in a long run a leak of a few bytes shows.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr long kAllowance = 1 << 20;  // sanitizers keep what is freed
#else
  constexpr long kAllowance = 6144;
#endif
  return now.memory <= before.memory + kAllowance && now.descriptors <= before.descriptors ? 0 : 1;
}

// From rank to rank, with tags.
void messages_forever() {
  const Group world = init(true);
  const int rank = world.rank();
  const array x = ones({1000});
  for (int tag = 1;; ++tag) {
    if (rank > 0 && !same(recv_like(x, rank - 1, tag), x)) say("a result is wrong");
    if (rank + 1 < world.size()) eval({send(x, rank + 1, tag)});
  }
}

// Waits for two seconds in a collective and says how much processor time that took.
int wait_idly() {
  // Late: strangers have time to come first.
  if (number_from("MLX_TEST_LATE", 0) != 0) sleep(1);
  const Group world = init(true);
  eval({all_sum(array(1.0f))});
  say("joined");
  const auto used = [] {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const auto ms = [](const timeval& t) { return t.tv_sec * 1000 + t.tv_usec / 1000; };
    return ms(usage.ru_utime) + ms(usage.ru_stime);
  };
  const auto before = used();
  if (world.rank() == 1) sleep(2);
  eval({all_sum(array(1.0f))});
  const long percent = (used() - before) * 100 / 2000;
  std::printf("%ld %% of a core\n", percent);
  return percent < 5 ? 0 : 1;
}

// Memory can be had, but no file of more than a MiB, which memory to share is.
int without_shared_memory() {
  signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1 << 20, 1 << 20};
  setrlimit(RLIMIT_FSIZE, &limit);
  return all_operations();
}

// As many descriptors as there are already, before anybody connects for data.
void without_descriptors() {
  const Group world = init(true);
  say("ready");
  const std::string sign = std::getenv("MLX_TEST_SIGN");
  if (world.rank() != number_from("MLX_TEST_VICTIM", 0)) {
    while (!std::filesystem::exists(sign)) usleep(1000);
  } else {
    const auto highest = static_cast<rlim_t>(dup(0));
    close(static_cast<int>(highest));
    const rlimit limit{highest, highest};
    setrlimit(RLIMIT_NOFILE, &limit);
    std::filesystem::create_directory(sign);
  }
  eval({all_sum(array(1.0f))});
}

// Rank 0 leaves; the others go on with messages to each other.
void without_rank_0() {
  const Group world = init(true);
  eval({all_sum(array(1.0f))});
  if (world.rank() == 0) return;
  say("ready");
  const int peer = 3 - world.rank();
  const array x = ones({1000});
  while (true) eval(send_recv({Parcel::send(x, peer), Parcel::recv_like(x, peer)}, world));
}

}  // namespace

int run_body() {
  const char* name = std::getenv("MLX_TEST_BODY");
  if (!name) return -1;
  const auto is = [name](const char* body) { return std::strcmp(name, body) == 0; };
  if (is("all_operations")) return all_operations();
  if (is("time_sums")) return time_sums();
  if (is("sum_forever")) return expecting_failure(sum_forever);
  if (is("wait_for_rank_1")) return expecting_failure(wait_for_rank_1);
  if (is("mixed_forever")) return expecting_failure_twice(mixed_forever, sum_again);
  if (is("messages_forever")) return expecting_failure(messages_forever);
  if (is("soak")) return soak();
  if (is("wait_idly")) return wait_idly();
  if (is("without_shared_memory")) return without_shared_memory();
  if (is("without_descriptors")) return expecting_failure(without_descriptors);
  if (is("without_rank_0")) return expecting_failure(without_rank_0);
  if (is("absent")) return 0;
  if (is("join")) return expecting_failure(join);
  const int code = run_regroup_body(name);
  return code < 0 ? 99 : code;
}

}  // namespace mlx::core::distributed::testing
