// What the ranks of processes_test run. A body prints what the test waits for.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "distributed/processes.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"
#include "mlx/distributed/ops.h"

namespace mlx::core::distributed::testing {
namespace {

constexpr int kFailedAsExpected = 3;

void say(const char* text) {
  std::printf("%s\n", text);
  std::fflush(stdout);
}

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
  if (dynamic_cast<const E*>(&error) == nullptr) return false;
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
        report<AuthenticationError>("AuthenticationError", error);
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

}  // namespace

int run_body() {
  const char* name = std::getenv("MLX_TEST_BODY");
  if (!name) return -1;
  const auto is = [name](const char* body) { return std::strcmp(name, body) == 0; };
  if (is("all_operations")) return all_operations();
  if (is("sum_forever")) return expecting_failure(sum_forever);
  if (is("wait_for_rank_1")) return expecting_failure(wait_for_rank_1);
  if (is("join")) return expecting_failure(join);
  return 99;
}

}  // namespace mlx::core::distributed::testing
