#include "mlx/launch/quota.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace mlx::launch {
namespace {

namespace fs = std::filesystem;

class Quota : public testing::Test {
 protected:
  Quota() {
    std::string name = (fs::temp_directory_path() / "mlx-quota-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~Quota() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  int processors(const std::string& groups) { return processors_of_quota(groups, root_.string()); }

  fs::path root_;
};

TEST_F(Quota, OfVersion2IsTheLeastOfTheGroupAndThoseAboveIt) {
  write("cpu.max", "max 100000\n");
  write("pods/cpu.max", "250000 100000\n");
  write("pods/one/cpu.max", "max 100000\n");
  write("pods/two/cpu.max", "50000 100000\n");
  EXPECT_EQ(processors("0::/\n"), 0);
  EXPECT_EQ(processors("0::/pods\n"), 3);
  EXPECT_EQ(processors("0::/pods/one\n"), 3);
  EXPECT_EQ(processors("0::/pods/two\n"), 1);
}

TEST_F(Quota, OfVersion1StandsInTwoFiles) {
  write("cpu/free/cpu.cfs_quota_us", "-1\n");
  write("cpu/free/cpu.cfs_period_us", "100000\n");
  write("cpu/job/cpu.cfs_quota_us", "200000\n");
  write("cpu/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(processors("9:name=systemd:/\n4:cpu,cpuacct:/free\n0::/\n"), 0);
  EXPECT_EQ(processors("9:cpuset:/job\n1:cpuacct,cpu:/job\n"), 2);
}

TEST_F(Quota, IsNoneWhereNothingTellsOfOne) {
  for (const char* groups : {"", "nonsense", "0::/not/there", "1:cpu:/not/there"}) {
    EXPECT_EQ(processors(groups), 0) << groups;
  }
}

}  // namespace
}  // namespace mlx::launch
