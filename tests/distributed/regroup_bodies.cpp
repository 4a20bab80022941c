#include "distributed/regroup_bodies.h"

#include <unistd.h>

#include <string>

#include "distributed/processes.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"
#include "mlx/distributed/ops.h"

namespace mlx::core::distributed::testing {
namespace {

float sum_of(const Group& group) { return all_sum(array(1.0f), group).item<float>(); }

// Sums as long as nobody dies, and then with those who are left, and so on.
void shrink_forever() {
  Group group = init(true);
  while (true) {
    const array x = ones({20'000});
    const bool right = min(all_sum(x, group)).item<float>() == static_cast<float>(group.size());
    say((right ? "right with " : "wrong with ") + std::to_string(group.size()));
    try {
      while (true) eval({all_sum(x, group)});
    } catch (const DistributedError&) {
      group = group.shrink();
    }
  }
}

// Nobody dies: the ranks disagree, or one is late, or gives up. Whoever is first to
// have its sum goes on to that, perhaps under the sum of the others.
void shrink_the_living() {
  Group group = init(true);
  const auto fail_and_shrink = [&](const auto& body) {
    try {
      if (sum_of(group) != static_cast<float>(group.size())) say("wrong");
      body();
    } catch (const DistributedError&) {
    }
    group = group.shrink();
  };
  const bool first = group.rank() == 0;
  fail_and_shrink([&] {
    eval({all_sum(ones({first ? 3 : 4}), group)});
    say("no error");
  });
  fail_and_shrink([&] {
    if (first) throw TimeoutError("too late");
    sum_of(group.with_timeout(Milliseconds{200}));
    say("no error");
  });
  fail_and_shrink([&] {
    if (first) group.abort("once more");
    sum_of(group);
    say("no error");
  });
  fail_and_shrink([] {});  // nothing has failed
  say(sum_of(group) == static_cast<float>(group.size()) ? "all right" : "wrong");
}

// Rank 2 is alive and does not ask to shrink.
void shrink_without_rank_2() {
  Group group = init(true);
  if (group.rank() == 2) {
    say("ready");
    while (true) pause();
  }
  say("ready");
  group = group.shrink();
  say("right with " + std::to_string(static_cast<int>(sum_of(group))));
}

// Rank 3 dies: that is no affair of the group of ranks 0 and 1.
void half_goes_on() {
  const Group world = init(true);
  const Group half = world.split(world.rank() / 2);
  sum_of(half);
  say("ready");
  if (world.rank() == 3) {
    while (true) pause();
  }
  try {
    sum_of(world.rank() == 2 ? half : world);
  } catch (const PeerLostError& error) {
    say(error.what());
  }
  if (world.rank() == 2) return;
  for (int i = 0; i < 1000; ++i) {
    if (sum_of(half) != 2.0f) return say("wrong");
  }
  say("goes on");
}

struct Body {
  std::string_view name;
  void (*run)();
};

constexpr Body kBodies[] = {{"shrink_forever", shrink_forever},
                            {"shrink_the_living", shrink_the_living},
                            {"shrink_without_rank_2", shrink_without_rank_2},
                            {"half_goes_on", half_goes_on}};

}  // namespace

int run_regroup_body(std::string_view name) {
  constexpr int kFailed = 3;
  for (const Body& body : kBodies) {
    if (body.name != name) continue;
    try {
      body.run();
    } catch (const PeerLostError& error) {
      say(std::string("PeerLostError ") + error.what());
      return kFailed;
    } catch (const TimeoutError& error) {
      say(std::string("TimeoutError ") + error.what());
      return kFailed;
    }
    return 0;
  }
  return -1;
}

}  // namespace mlx::core::distributed::testing
