// Programs that something else than mlx-launch starts on several hosts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "system/command.h"
#include "system/ssh_hosts.h"
#include "system/trained.h"

namespace mlx::test {
namespace {

using core::distributed::testing::Hosts;
using ::testing::IsEmpty;

class OtherLaunchers : public testing::Test {
 protected:
  OtherLaunchers() {
    setting_.folder = hosts_.folder() + "/launcher";
    std::filesystem::create_directory(setting_.folder);
  }
  ~OtherLaunchers() override { EXPECT_THAT(hosts_.leftovers(), IsEmpty()); }

  Finished run(const std::string& script) {
    return Command({"/bin/sh", "-c", script}, setting_).wait();
  }

  SshHosts hosts_{2};
  Command::Setting setting_;
};

TEST_F(OtherLaunchers, ThatSetTheVariablesOfTorchrunAreUnderstood) {
  std::string script;
  for (int rank = 0; rank < 2; ++rank) {
    script += hosts_.ssh() + " h" + std::to_string(rank + 1) + " RANK=" + std::to_string(rank) +
              " WORLD_SIZE=2 LOCAL_RANK=0 MASTER_ADDR=" + Hosts::address(0) +
              " MASTER_PORT=29500 MLX_JOB_SECRET=none " LINEAR_REGRESSION " & ";
  }
  const Finished f = run(script + "wait");
  EXPECT_TRUE(is_trained(f.out)) << f.out << f.err;
}

#ifdef MPIRUN
TEST_F(OtherLaunchers, OfMpiAreUnderstood) {
  const Finished f =
      run("export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1\n" MPIRUN
          " --host h1:2,h2:1 --mca plm_rsh_agent '" +
          hosts_.ssh() +
          "' --mca oob_tcp_if_include 10.77.0.0/24 --mca btl_tcp_if_include 10.77.0.0/24 "
          "--mca mpi_yield_when_idle 1 " LINEAR_REGRESSION);
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_TRUE(is_trained(f.out)) << f.out;
}

TEST_F(OtherLaunchers, OfMpiAreStartedByOurs) {
  const Finished f =
      run(MLX_LAUNCH " --backend mpi --hosts h1,h2 -n 2 --ssh '" + hosts_.ssh() +
          "' --mpi-arg '--mca oob_tcp_if_include 10.77.0.0/24 --mca btl_tcp_if_include "
          "10.77.0.0/24 --mca mpi_yield_when_idle 1' " LINEAR_REGRESSION);
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_TRUE(is_trained(f.out)) << f.out;
}
#endif

}  // namespace
}  // namespace mlx::test
