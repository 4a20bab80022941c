#include "mlx/distributed/bootstrap/other_launcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <map>
#include <stdexcept>

#include "mlx/distributed/bootstrap/environment.h"

namespace mlx::core::distributed {
namespace {

using VariableMap = std::map<std::string, std::string>;

const VariableMap kStepOfSlurm{
    {"SLURM_PROCID", "5"},         {"SLURM_STEP_NUM_TASKS", "6"},
    {"SLURM_LOCALID", "1"},        {"SLURM_STEP_NODELIST", "n[01-03]"},
    {"SLURM_JOB_ID", "123456789"}, {"SLURM_STEP_ID", "2"},
};
const VariableMap kWorkerOfTorchrun{
    {"RANK", "3"},
    {"WORLD_SIZE", "4"},
    {"LOCAL_RANK", "1"},
    {"MASTER_ADDR", "10.0.0.1"},
    {"MASTER_PORT", "29500"},
    {"TORCHELASTIC_RESTART_COUNT", "2"},
};

// `base` with other values; an empty one is taken away.
std::optional<OtherLauncher> found(VariableMap base, const VariableMap& other = {}) {
  for (const auto& [name, value] : other) base[name] = value;
  return find_other_launcher([&](const char* name) { return base[name]; });
}

TEST(OtherLauncher, IsNoneWhereItsVariablesAreNotComplete) {
  EXPECT_FALSE(found({}));
  EXPECT_FALSE(found(kWorkerOfTorchrun, {{"MASTER_ADDR", ""}}));
  // In a batch script, and in an interactive step of one task.
  EXPECT_FALSE(found(kStepOfSlurm, {{"SLURM_STEP_NUM_TASKS", ""}}));
  EXPECT_FALSE(found(kStepOfSlurm, {{"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_PROCID", "0"}}));
}

TEST(OtherLauncher, OfAStepOfSlurmMeetsOnItsFirstHost) {
  const auto job = found(kStepOfSlurm);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->rank, 5);
  EXPECT_EQ(job->world_size, 6);
  EXPECT_EQ(job->local_rank, 1);
  EXPECT_EQ(job->rendezvous.host, "n01");
  EXPECT_GE(job->rendezvous.port, 20'000);
  EXPECT_LT(job->rendezvous.port, 32'000);
  EXPECT_NE(found(kStepOfSlurm, {{"SLURM_STEP_ID", "3"}})->rendezvous, job->rendezvous);
  EXPECT_NE(found(kStepOfSlurm, {{"SLURM_JOB_ID", "123456790"}})->rendezvous, job->rendezvous);
}

TEST(OtherLauncher, OfTorchrunMeetsBesideItsStore) {
  const auto job = found(kWorkerOfTorchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "True"}});
  ASSERT_TRUE(job);
  EXPECT_EQ(job->rank, 3);
  EXPECT_EQ(job->world_size, 4);
  EXPECT_EQ(job->local_rank, 1);
  EXPECT_EQ(job->generation, 2u);
  EXPECT_EQ(job->rendezvous, (Endpoint{"10.0.0.1", 29501}));
  EXPECT_EQ(found(kWorkerOfTorchrun)->rendezvous.port, 29500);
}

TEST(OtherLauncher, NamesTheVariableThatMakesNoSense) {
  EXPECT_THAT(
      [] {
        found(kWorkerOfTorchrun, {{"MASTER_PORT", "70000"}});
      },
      ::testing::ThrowsMessage<std::invalid_argument>(::testing::HasSubstr("MASTER_PORT")));
  EXPECT_THAT(
      [] {
        found(kStepOfSlurm, {{"SLURM_PROCID", "x"}});
      },
      ::testing::ThrowsMessage<std::invalid_argument>(::testing::HasSubstr("SLURM_PROCID")));
}

TEST(OtherLauncher, IsAskedOnlyWhereOurVariablesTellOfNoJob) {
  for (const auto& [name, value] : kWorkerOfTorchrun) setenv(name.c_str(), value.c_str(), 1);
  EXPECT_EQ(read_environment().world_size, 4);
  EXPECT_EQ(read_environment().local_rank, 1);
  setenv("MLX_WORLD_SIZE", "2", 1);
  setenv("MLX_RANK", "1", 1);
  EXPECT_EQ(read_environment().world_size, 2);
  EXPECT_EQ(read_environment().rank, 1);
  for (const auto& variable : kWorkerOfTorchrun) unsetenv(variable.first.c_str());
  unsetenv("MLX_WORLD_SIZE");
  unsetenv("MLX_RANK");
}

TEST(OtherLauncher, UnderstandsListsOfHosts) {
  const struct {
    const char* list;
    const char* first;
  } rows[] = {{"n1", "n1"},
              {"a,b", "a"},
              {"n[01-03,7],gpu-[1-2]-x", "n01"},
              {"n[7,9]", "n7"},
              {"gpu-[1-2]-x", "gpu-1-x"},
              {"r[1-2]n[3-4].site,m", "r1n3.site"},
              {"", ""},
              {"n[1", "n1"}};
  for (const auto& row : rows) EXPECT_EQ(first_host(row.list), row.first) << row.list;
}

}  // namespace
}  // namespace mlx::core::distributed
