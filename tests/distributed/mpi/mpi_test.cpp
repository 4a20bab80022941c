// The mpi backend under real mpirun: the program is started by it and says what
// it found.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "distributed/mpi/bodies.h"
#include "mlx/distributed/distributed.h"
#include "mlx/distributed/transports/mpi/library.h"
#include "system/command.h"

namespace mlx::core::distributed {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

/// A folder that goes away.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "mlx-mpi-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Result {
  test::Finished finished;
  std::vector<pid_t> left_over;
};

// As root, with more ranks than cores, and over the loopback device.
Result run(const std::string& body, int ranks, const std::string& transports = "self,vader") {
  const Folder folder;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  test::Command command(
      {"/usr/bin/env", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
       "OMPI_MCA_rmaps_base_oversubscribe=1", "OMPI_MCA_hwloc_base_binding_policy=none",
       "OMPI_MCA_mpi_yield_when_idle=1", "OMPI_MCA_pml=ob1", "OMPI_MCA_btl=" + transports,
       "OMPI_MCA_btl_tcp_if_include=lo", "OMPI_MCA_oob_tcp_if_include=lo", "OMP_NUM_THREADS=1",
       "MLX_TEST_BODY=" + body, MPIRUN, "-n", std::to_string(ranks), self},
      {.folder = folder.path(), .input = ""});
  Result result{command.wait(), command.processes()};
  return result;
}

void expect_all_right(const Result& result, int ranks) {
  EXPECT_EQ(result.finished.exit_code, 0) << result.finished.out << result.finished.err;
  size_t right = 0;
  for (size_t at = 0; (at = result.finished.out.find("all right", at)) != std::string::npos; ++at) {
    ++right;
  }
  EXPECT_EQ(right, static_cast<size_t>(ranks)) << result.finished.out << result.finished.err;
  EXPECT_THAT(result.left_over, IsEmpty());
}

class UnderMpirun : public ::testing::TestWithParam<int> {};

TEST_P(UnderMpirun, EveryOperationIsRightForEveryDtype) {
  expect_all_right(run("every_operation", GetParam()), GetParam());
}

TEST_P(UnderMpirun, EveryAlgorithmIsRight) {
  expect_all_right(run("every_algorithm", GetParam()), GetParam());
}

TEST_P(UnderMpirun, SubGroupsWorkAtTheSameTime) {
  expect_all_right(run("sub_groups", GetParam()), GetParam());
}

TEST_P(UnderMpirun, GroupsSplitToAnyDepth) {
  expect_all_right(run("splits", GetParam()), GetParam());
}

TEST_P(UnderMpirun, MessagesPassAtTheSameTime) {
  expect_all_right(run("messages", GetParam()), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Mpi, UnderMpirun, ::testing::Values(2, 4));

TEST(Mpi, WorksOverTcpToo) { expect_all_right(run("every_operation", 2, "self,tcp"), 2); }

// A process that has seen a failure does not wait for the others in MPI_Finalize,
// which mpirun counts as one.
void expect_right_but_not_finalized(const Result& result, int ranks) {
  EXPECT_THAT(result.finished.out, HasSubstr("all right")) << result.finished.err;
  EXPECT_THAT(result.finished.out, Not(HasSubstr("Failure"))) << result.finished.out;
  EXPECT_NE(result.finished.exit_code, 0) << ranks;
  EXPECT_THAT(result.left_over, IsEmpty());
}

TEST(Mpi, AMismatchIsNamedAndOtherGroupsGoOn) {
  expect_right_but_not_finalized(run("mismatch", 2), 2);
}

TEST(Mpi, ALateRankIsNamedAndMemoryInUseIsKept) {
  expect_right_but_not_finalized(run("late", 2), 2);
}

TEST(Mpi, WaitingNeedsLittleOfTheProcessor) { expect_all_right(run("idle", 2), 2); }

TEST(Mpi, AKilledRankEndsTheJob) {
  const Result result = run("die", 3);
  // Whichever mpirun hears of first: the signal, or a rank that has heard of it.
  EXPECT_THAT(result.finished.err + result.finished.out,
              AnyOf(HasSubstr("signal 9"), HasSubstr("Rank 1 is lost")));
  EXPECT_NE(result.finished.exit_code, 0);
  EXPECT_LT(result.finished.seconds, 20);
  EXPECT_THAT(result.left_over, IsEmpty());
}

TEST(Mpi, IsLeftAloneWhereNoLauncherOfMpiStartedTheProcess) {
  EXPECT_EQ(init(false, "mpi").size(), 1);
  EXPECT_THAT([] { init(true, "mpi"); },
              ThrowsMessage<std::runtime_error>(HasSubstr("No launcher of MPI started this")));
  int initialised = -1;
  const mpi::Library* library = mpi::load("");
  ASSERT_NE(library, nullptr);
  library->initialized.address(&initialised);
  EXPECT_EQ(initialised, 0);
}

TEST(Mpi, RefusesWhatIsNotOpenMpi) {
  std::string reason;
  EXPECT_EQ(mpi::load("libm.so.6", &reason), nullptr);
  EXPECT_THAT(reason, HasSubstr("got no MPI_"));
  EXPECT_EQ(mpi::load("libmissing-mpi.so", &reason), nullptr);
  EXPECT_THAT(reason, HasSubstr("libmissing-mpi.so"));
}

}  // namespace
}  // namespace mlx::core::distributed

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const int code = mlx::core::distributed::testing::run_mpi_body();
  return code >= 0 ? code : RUN_ALL_TESTS();
}
