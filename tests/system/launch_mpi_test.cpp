// mlx-launch --backend mpi with the mpirun that is installed.

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "system/launch_job.h"

namespace mlx {
namespace {

namespace fs = std::filesystem;
using test::Command;
using test::Finished;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class LaunchMpi : public test::LaunchJob {
 protected:
  LaunchMpi() { options_ = {"--backend", "mpi"}; }

  // Open MPI leaves a folder of its own when it is killed.
  void expect_no_files_but(std::set<std::string>) override {}
};

TEST_F(LaunchMpi, RanksAreThoseOfMpi) {
  const Finished run = run_script(3,
                                  "echo rank $OMPI_COMM_WORLD_RANK of $OMPI_COMM_WORLD_SIZE: "
                                  "$MLX_BACKEND, $A, ${MLX_RANK-none}",
                                  {"--env", "A=b  c", "--env", "OMP_NUM_THREADS=1"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  for (const char* line : {"rank 0 of 3: mpi, b c, none\n", "rank 1 of 3: mpi, b c, none\n",
                           "rank 2 of 3: mpi, b c, none\n"}) {
    EXPECT_THAT(run.out, HasSubstr(line));
  }
  EXPECT_EQ(run.err, "");
}

TEST_F(LaunchMpi, OutputIsTaggedByMpirun) {
  const Finished run = run_script(2, "echo x", {"--tag-output"});
  EXPECT_THAT(run.out, HasSubstr("[1,0]<stdout>:x\n"));
  EXPECT_THAT(run.out, HasSubstr("[1,1]<stdout>:x\n"));
}

TEST_F(LaunchMpi, TheFirstRankThatFailsGivesTheExitCode) {
  const Finished run = run_script(3, "[ $OMPI_COMM_WORLD_RANK = 1 ] && exit 7; exec sleep 1000");
  EXPECT_EQ(run.exit_code, 7);
  EXPECT_LT(run.seconds, 30);
}

TEST_F(LaunchMpi, TheInputGoesToOneRank) {
  setting_.input = "a line\n";
  const std::string script = "sed \"s/^/$OMPI_COMM_WORLD_RANK: /\"";
  EXPECT_EQ(run_script(2, script).out, "0: a line\n");
  EXPECT_EQ(run_script(2, script, {"--stdin", "1"}).out, "1: a line\n");
}

TEST_F(LaunchMpi, ATimeLimitEndsAllRanks) {
  const Finished run = run_script(2, "sleep 1000 & sleep 1000", {"--timeout", "2", "--grace", "1"});
  EXPECT_EQ(run.exit_code, 124) << run.err;
  EXPECT_LT(run.seconds, 30);
}

TEST_F(LaunchMpi, SaysWhatIsMissing) {
  Command none({"/usr/bin/env", "PATH=/no/such", MLX_LAUNCH, "--backend", "mpi", "/bin/true"},
               setting_);
  const Finished run = none.wait();
  EXPECT_EQ(run.exit_code, 127);
  EXPECT_THAT(run.err, HasSubstr("openmpi-bin"));
}

TEST_F(LaunchMpi, ADryRunShowsTheCommand) {
  const Finished run = run_script(2, "true", {"--dry-run", "--mpi-arg", "--mca btl self,tcp"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, HasSubstr("-x MLX_BACKEND"));
  EXPECT_THAT(run.out, HasSubstr("--mca btl self,tcp /bin/sh -c true"));
}

}  // namespace
}  // namespace mlx
