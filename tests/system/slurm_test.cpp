// Jobs in allocations of Slurm: three nodes with a daemon each.

#include "system/slurm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <numeric>
#include <sstream>

#include "system/command.h"
#include "system/missing.h"
#include "system/trained.h"

namespace mlx::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SlurmJob : public testing::Test {
 protected:
  SlurmJob() {
    setting_.folder = hosts_.folder() + "/user";
    fs::create_directory(setting_.folder);
  }
  ~SlurmJob() override {
    command_.reset();
    EXPECT_NO_THROW(slurm_.stop());
    EXPECT_THAT(hosts_.leftovers(), IsEmpty());
  }

  /// Runs a script on the first host.
  Command& start(const std::string& script) {
    return *(command_ = std::make_unique<Command>(slurm_.command(script), setting_));
  }
  Finished run(const std::string& script) { return start(script).wait(); }

  SshHosts hosts_{3};
  Slurm slurm_{hosts_};
  Command::Setting setting_;
  std::unique_ptr<Command> command_;
};

// In lines by rank.
std::string sorted(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line + "\n");
  std::sort(lines.begin(), lines.end());
  return std::accumulate(lines.begin(), lines.end(), std::string());
}

TEST_F(SlurmJob, TakesItsHostsFromTheAllocation) {
  const Finished f =
      run("salloc -Q -N 3 -n 4 " MLX_LAUNCH
          " -- sh -c 'echo $MLX_RANK of $MLX_WORLD_SIZE $MLX_LOCAL_RANK on $(hostname)'");
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_EQ(sorted(f.out), "0 of 4 0 on h1\n1 of 4 1 on h1\n2 of 4 0 on h2\n3 of 4 0 on h3\n");
}

TEST_F(SlurmJob, TrainsInABatchJob) {
  const Finished f =
      run("printf '#!/bin/sh\\n" MLX_LAUNCH " " LINEAR_REGRESSION
          "\\necho ended with $?\\n' > /run/job.sh; "
          "sbatch -Q -N 2 --ntasks-per-node 2 -o /run/job.out /run/job.sh && "
          "until grep -q 'ended with' /run/job.out; do sleep 0.05; done; cat /run/job.out");
  const size_t end = f.out.find("ended with 0\n");
  ASSERT_NE(end, f.out.npos) << f.out;
  EXPECT_TRUE(is_trained(f.out.substr(0, end))) << f.out;
}

TEST_F(SlurmJob, EndsWhenARankFails) {
  const Finished f = run("salloc -Q -N 2 -n 2 " MLX_LAUNCH
                         " -- sh -c '[ $MLX_RANK = 0 ] && exec sleep 50; sleep 0.3; exit 6'");
  EXPECT_EQ(f.exit_code, 6);
  EXPECT_THAT(f.err, AllOf(HasSubstr("Rank 1 "), HasSubstr("h2"),
                           HasSubstr("Stopped because of it: rank 0.")));
}

TEST_F(SlurmJob, LeavesNothingWhenItIsCancelled) {
  Command& job = start("salloc -Q -N 2 -n 2 " MLX_LAUNCH " -- sh -c 'echo up; sleep 50'");
  job.wait_for_output("up\nup\n");
  hosts_.run(0, "SLURM_CONF=/run/shared/slurm.conf scancel --user root");
  EXPECT_NE(job.wait().exit_code, 0);
}

TEST_F(SlurmJob, LeavesNothingWhenTheLauncherIsKilled) {
  Command& job = start("exec salloc -Q -N 2 -n 2 " MLX_LAUNCH " -- sh -c 'echo up; sleep 50'");
  job.wait_for_output("up\nup\n");
  hosts_.run(0, "kill -KILL $(pgrep --oldest --exact mlx-launch)");
  job.wait();  // salloc does not tell of the signal
}

TEST_F(SlurmJob, TrainsWhenStartedBySrunItself) {
  const Finished f = run("srun -Q -N 2 -n 4 " LINEAR_REGRESSION);
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_TRUE(is_trained(f.out)) << f.out;
}

}  // namespace

std::string missing() { return Slurm::missing(); }

}  // namespace mlx::test
