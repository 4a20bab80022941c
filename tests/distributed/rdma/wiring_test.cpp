// The device matrix.

#include "mlx/distributed/transports/rdma/wiring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>

namespace mlx::core::distributed::rdma {
namespace {

using ::testing::HasSubstr;

class MatrixFile {
 public:
  explicit MatrixFile(const std::string& text)
      : path_(::testing::TempDir() + "mlx-matrix-" + std::to_string(getpid())) {
    std::ofstream(path_) << text;
  }
  ~MatrixFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

Wiring wiring_of(const std::string& matrix, int ranks, bool ring = false) {
  const MatrixFile file(matrix);
  Environment e;
  e.world_size = ranks;
  e.ibv_devices = file.path();
  e.jaccl_ring = ring;
  return Wiring(e);
}

TEST(RdmaWiring, WithoutAMatrixAnyDeviceReachesEveryone) {
  Environment e;
  e.world_size = 3;
  const Wiring wiring(e);
  EXPECT_EQ(wiring.device(0, 2), "");
  EXPECT_TRUE(wiring.complete());
}

TEST(RdmaWiring, TakesTheFirstDeviceOfACell) {
  const Wiring wiring = wiring_of(R"([[null, "a"], [["b", "c"], null]])", 2);
  EXPECT_EQ(wiring.device(0, 1), "a");
  EXPECT_EQ(wiring.device(1, 0), "b");
  EXPECT_TRUE(wiring.complete());
}

TEST(RdmaWiring, APairIsJoinedOnlyIfBothEndsHaveADevice) {
  const Wiring wiring = wiring_of(R"([[null, "a", "a"], ["b", null, []], ["c", "c", null]])", 3);
  EXPECT_EQ(wiring.device(0, 1), "a");
  EXPECT_EQ(wiring.device(2, 1), std::nullopt);
  EXPECT_EQ(wiring.device(1, 2), std::nullopt);
  EXPECT_FALSE(wiring.complete());
}

TEST(RdmaWiring, ARingJoinsNeighboursOnly) {
  const std::string row = R"(["d", "d", "d", "d"])";
  const Wiring wiring = wiring_of("[" + row + "," + row + "," + row + "," + row + "]", 4, true);
  EXPECT_EQ(wiring.device(0, 1), "d");
  EXPECT_EQ(wiring.device(0, 3), "d");
  EXPECT_EQ(wiring.device(0, 2), std::nullopt);
  EXPECT_FALSE(wiring.complete());
}

TEST(RdmaWiring, NamesWhatIsWrong) {
  struct Row {
    const char* matrix;
    const char* message;
  };
  for (const Row& row : {Row{"[", "no matrix of the ranks"}, Row{"[[null]]", "2 rows of 2 cells"},
                         Row{R"([[null, 7], ["a", null]])", "got 7"},
                         Row{R"([[null, [1]], ["a", null]])", "got [1]"}}) {
    try {
      wiring_of(row.matrix, 2);
      ADD_FAILURE() << "no error for " << row.matrix;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr(row.message));
    }
  }
  Environment e;
  e.ibv_devices = "/no/such/file";
  EXPECT_THROW(Wiring{e}, std::runtime_error);
}

}  // namespace
}  // namespace mlx::core::distributed::rdma
