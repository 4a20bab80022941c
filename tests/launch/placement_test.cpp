#include "mlx/launch/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlx::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

cpu_set_t processors(std::initializer_list<int> list) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int processor : list) CPU_SET(processor, &set);
  return set;
}

cpu_set_t all_processors() {
  cpu_set_t set;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) CPU_SET(processor, &set);
  return set;
}

Machine machine(const std::string& description) {
  return synthetic_machine(description, all_processors());
}

// "0-3 x2": where the rank may run and how many threads it starts; "*": not bound.
std::vector<std::string> placement_texts(const std::vector<Placement>& placements) {
  std::vector<std::string> out;
  for (const Placement& placement : placements) {
    std::string text;
    for (int first = 0; first < CPU_SETSIZE && placement.bound; ++first) {
      if (!CPU_ISSET(first, &placement.processors)) continue;
      int last = first;
      while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &placement.processors)) ++last;
      text += (text.empty() ? "" : ",") + std::to_string(first);
      if (last > first) text += "-" + std::to_string(last);
      first = last;
    }
    out.push_back((placement.bound ? text : "*") + " x" + std::to_string(placement.threads));
  }
  return out;
}

TEST(Placement, SharesCoresEvenlyAndByTopology) {
  using Texts = std::vector<std::string>;
  const char* kPlain = "core:4 pu:1";
  const char* kNodes = "node:2 core:4 pu:2";  // processors 0-7 and 8-15, two for each core
  constexpr auto kDefault = std::nullopt;
  const struct {
    const char* machine;
    int ranks;
    std::optional<Binding> binding;
    Texts expected;
  } rows[] = {
      {kPlain, 1, kDefault, {"* x4"}},
      {kPlain, 2, kDefault, {"0-1 x2", "2-3 x2"}},
      {kPlain, 3, kDefault, {"0-1 x2", "2 x1", "3 x1"}},
      {kPlain, 4, kDefault, {"0 x1", "1 x1", "2 x1", "3 x1"}},
      {kPlain, 5, kDefault, {"* x1", "* x1", "* x1", "* x1", "* x1"}},
      {kPlain, 2, Binding::none, {"* x2", "* x2"}},
      {kPlain, 2, Binding::numa, {"* x2", "* x2"}},
      {kPlain, 6, Binding::core, {"0 x1", "0 x1", "1 x1", "2 x1", "2 x1", "3 x1"}},
      {kNodes, 2, kDefault, {"0-7 x4", "8-15 x4"}},
      {kNodes, 4, kDefault, {"0-3 x2", "4-7 x2", "8-11 x2", "12-15 x2"}},
      {kNodes, 9, kDefault, Texts(9, "* x1")},  // eight cores, though sixteen hyperthreads
      {kNodes, 1, Binding::numa, {"* x8"}},
      {kNodes, 3, Binding::numa, {"0-7 x2", "0-7 x2", "8-15 x4"}},
      {kNodes, 4, Binding::numa, {"0-7 x2", "0-7 x2", "8-15 x2", "8-15 x2"}},
      {"node:4 core:2 pu:1", 2, Binding::numa, {"0-3 x4", "4-7 x4"}},
      {"core:2 pu:2(indexes=0,2,1,3)", 2, kDefault, {"0,2 x1", "1,3 x1"}},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(placement_texts(place(machine(row.machine), row.ranks, row.binding)), row.expected)
        << row.ranks << " ranks on " << row.machine;
  }
}

TEST(Placement, UsesOnlyProcessorsThatAreAllowed) {
  // Half of the first core of node 0, and two whole cores of node 1.
  const Machine few = synthetic_machine("node:2 core:4 pu:2", processors({1, 12, 13, 14, 15}));
  EXPECT_THAT(placement_texts(place(few, 3, std::nullopt)),
              ElementsAre("1 x1", "12-13 x1", "14-15 x1"));
  EXPECT_THAT(placement_texts(place(few, 2, Binding::numa)), ElementsAre("1 x1", "12-15 x2"));
  EXPECT_THAT(placement_texts(place(few, 1, Binding::none)), ElementsAre("* x3"));
}

TEST(Placement, StartsNoMoreThreadsThanTheQuotaAllows) {
  Machine limited = machine("core:8 pu:1");
  limited.processors_at_once = 4;
  EXPECT_THAT(placement_texts(place(limited, 2, std::nullopt)), ElementsAre("0-3 x2", "4-7 x2"));
  limited.processors_at_once = 1;
  EXPECT_THAT(placement_texts(place(limited, 2, std::nullopt)), ElementsAre("0-3 x1", "4-7 x1"));
}

TEST(Placement, GivesGpusByLocalRank) {
  Machine machine_with_gpus = machine("core:4 pu:1");
  machine_with_gpus.gpus = {"2", "5"};
  std::vector<std::string> devices;
  for (const Placement& placement : place(machine_with_gpus, 3, std::nullopt)) {
    devices.push_back(placement.devices);
  }
  EXPECT_THAT(devices, ElementsAre("2", "5", "2"));
  EXPECT_THAT(place(machine("core:4 pu:1"), 1, std::nullopt)[0].devices, IsEmpty());
}

TEST(Placement, TakesTheGpusThatTheEnvironmentShows) {
  EXPECT_THAT(this_machine({{"CUDA_VISIBLE_DEVICES", "3,GPU-8932f937"}}).gpus,
              ElementsAre("3", "GPU-8932f937"));
  EXPECT_THAT(this_machine({{"CUDA_VISIBLE_DEVICES", "1,-1,2"}}).gpus, ElementsAre("1"));
  EXPECT_THAT(this_machine({{"CUDA_VISIBLE_DEVICES", ""}}).gpus, IsEmpty());
}

TEST(Placement, FindsTheCoresOfThisMachineThatItsAffinityAllows) {
  cpu_set_t before, one = processors({}), found = processors({});
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  int processor = 0;
  while (!CPU_ISSET(processor, &before)) ++processor;
  CPU_SET(processor, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  const Machine machine = this_machine({});
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  ASSERT_EQ(machine.cores.size(), 1u);
  EXPECT_TRUE(CPU_EQUAL(&machine.cores[0].processors, &one));
  for (const auto& core : this_machine({}).cores) CPU_OR(&found, &found, &core.processors);
  EXPECT_TRUE(CPU_EQUAL(&found, &before));
}

}  // namespace
}  // namespace mlx::launch
