#include "mlx/launch/allocation.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "mlx/launch/error.h"

namespace mlx::launch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::ThrowsMessage;

std::vector<std::pair<std::string, int>> slots_in(const EnvironmentMap& environment) {
  std::vector<std::pair<std::string, int>> out;
  const auto allocation = find_allocation(environment);
  if (!allocation) return out;
  for (const Host& host : allocation->hosts) out.emplace_back(host.name, host.slots);
  return out;
}

class File {
 public:
  explicit File(const std::string& text) {
    path_ = (std::filesystem::temp_directory_path() / "mlx-nodes-XXXXXX").string();
    close(mkstemp(path_.data()));
    std::ofstream(path_) << text;
  }
  ~File() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(SlurmHosts, AreExpanded) {
  const struct {
    const char* text;
    std::vector<std::string> hosts;
  } rows[] = {
      {"n1", {"n1"}},
      {"n1,n2", {"n1", "n2"}},
      {"n[1-3]", {"n1", "n2", "n3"}},
      {"n[01-03,7],gpu-[1-2]-x", {"n01", "n02", "n03", "n7", "gpu-1-x", "gpu-2-x"}},
      {"n[098-101]", {"n098", "n099", "n100", "n101"}},
      {"r[1-2]n[1,3]", {"r1n1", "r1n3", "r2n1", "r2n3"}},
      {"a,b[2],c", {"a", "b2", "c"}},
  };
  for (const auto& row : rows) EXPECT_EQ(expand_slurm_hosts(row.text), row.hosts) << row.text;
}

TEST(SlurmHosts, AreRefusedWhenTheyMakeNoSense) {
  for (const char* text : {"", ",", "a,", "a[", "a]", "a[1", "a[]", "a[1-]", "a[-1]", "a[2-1]",
                           "a[x]", "a[1-2-3]", "a[0-99999999]", "a[1-999]b[1-999]", "[1]["}) {
    EXPECT_THROW(expand_slurm_hosts(text), std::invalid_argument) << text;
  }
}

TEST(SlurmTasks, AreExpanded) {
  EXPECT_THAT(expand_slurm_tasks("4"), ElementsAre(4));
  EXPECT_THAT(expand_slurm_tasks("2(x3),1"), ElementsAre(2, 2, 2, 1));
  for (const char* text :
       {"", "0", "-1", "2(x0)", "2(x", "2(x3", "2(3)", "2x3", "2,,1", "1(x999999)"}) {
    EXPECT_THROW(expand_slurm_tasks(text), std::invalid_argument) << text;
  }
}

TEST(Allocation, IsNothingOutsideOfABatchSystem) {
  EXPECT_EQ(find_allocation({{"HOME", "/h"}, {"SLURM_JOB_ID", "7"}}), std::nullopt);
}

TEST(Allocation, ComesFromSlurm) {
  const EnvironmentMap job{{"SLURM_JOB_ID", "17"},
                           {"SLURM_JOB_NODELIST", "n[1-3]"},
                           {"SLURM_NTASKS", "5"},
                           {"SLURM_TASKS_PER_NODE", "2(x2),1"}};
  EXPECT_THAT(slots_in(job), ElementsAre(Pair("n1", 2), Pair("n2", 2), Pair("n3", 1)));
  const auto allocation = find_allocation(job);
  EXPECT_EQ(allocation->way, Way::srun);
  EXPECT_THAT(allocation->name, HasSubstr("17"));
}

TEST(Allocation, HasOneSlotOfANodeWhereSlurmWasNotToldOfTasks) {
  EXPECT_THAT(slots_in({{"SLURM_JOB_ID", "17"},
                        {"SLURM_NODELIST", "n[1-2]"},
                        {"SLURM_TASKS_PER_NODE", "64(x2)"}}),
              ElementsAre(Pair("n1", 1), Pair("n2", 1)));
}

TEST(Allocation, IsRefusedInATaskOfMany) {
  EnvironmentMap step{{"SLURM_JOB_ID", "17"},
                      {"SLURM_JOB_NODELIST", "n1"},
                      {"SLURM_PROCID", "2"},
                      {"SLURM_STEP_NUM_TASKS", "4"}};
  EXPECT_THAT([&] { find_allocation(step); },
              ThrowsMessage<LaunchError>(HasSubstr("started mlx-launch 4 times")));
  step["SLURM_STEP_NUM_TASKS"] = "1";
  EXPECT_THAT(slots_in(step), ElementsAre(Pair("n1", 1)));
}

TEST(Allocation, ComesFromPbs) {
  const File nodes("n1\nn1\nn2\nn1\n");
  const EnvironmentMap job{{"PBS_JOBID", "5.server"}, {"PBS_NODEFILE", nodes.path()}};
  EXPECT_THAT(slots_in(job), ElementsAre(Pair("n1", 3), Pair("n2", 1)));
  EXPECT_EQ(find_allocation(job)->way, Way::ssh);
}

TEST(Allocation, ComesFromLsf) {
  const File hosts("a\nb\nb\n");
  EXPECT_THAT(slots_in({{"LSB_JOBID", "9"}, {"LSB_DJOB_HOSTFILE", hosts.path()}}),
              ElementsAre(Pair("a", 1), Pair("b", 2)));
  EXPECT_THAT(slots_in({{"LSB_JOBID", "9"}, {"LSB_MCPU_HOSTS", "a 2 b 4"}}),
              ElementsAre(Pair("a", 2), Pair("b", 4)));
  EXPECT_THAT(slots_in({{"LSB_JOBID", "9"}, {"LSB_HOSTS", "a a b"}}),
              ElementsAre(Pair("a", 2), Pair("b", 1)));
}

TEST(Allocation, IsRefusedWhenItMakesNoSense) {
  const struct {
    EnvironmentMap environment;
    const char* error;
  } rows[] = {
      {{{"SLURM_JOB_ID", "1"}, {"SLURM_JOB_NODELIST", "n["}}, "not closed"},
      {{{"SLURM_JOB_ID", "1"}, {"SLURM_JOB_NODELIST", "n;m"}}, "not the name"},
      {{{"SLURM_JOB_ID", "1"},
        {"SLURM_JOB_NODELIST", "n1"},
        {"SLURM_NTASKS", "2"},
        {"SLURM_TASKS_PER_NODE", "1(x2)"}},
       "is for 2 hosts, the list has 1"},
      {{{"PBS_NODEFILE", "/no/such/file"}}, "/no/such/file"},
      {{{"LSB_JOBID", "9"}}, "names no host"},
      {{{"LSB_JOBID", "9"}, {"LSB_MCPU_HOSTS", "a"}}, "number of slots for a"},
      {{{"LSB_JOBID", "9"}, {"LSB_MCPU_HOSTS", "a b"}}, "number of slots for a"},
  };
  for (const auto& row : rows) {
    EXPECT_THAT([&] { find_allocation(row.environment); },
                ThrowsMessage<LaunchError>(HasSubstr(row.error)));
  }
}

}  // namespace
}  // namespace mlx::launch
