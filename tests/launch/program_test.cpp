#include "mlx/launch/program.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "mlx/launch/error.h"

namespace mlx::launch {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class FindProgram : public testing::Test {
 protected:
  FindProgram() {
    std::string name = (fs::temp_directory_path() / "mlx-program-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    fs::create_directories(folder_ / "bin");
    make("bin/tool", fs::perms::owner_all);
    make("bin/python3", fs::perms::owner_all);
    make("local", fs::perms::owner_all);
    make("data", fs::perms::owner_read);
    make("train.py", fs::perms::owner_read);
  }
  ~FindProgram() override { fs::remove_all(folder_); }

  Program find(const std::vector<std::string>& command) const {
    return find_program(command, folder_, "/no/such/folder:" + (folder_ / "bin").string());
  }

 private:
  void make(const char* name, fs::perms permissions) const {
    std::ofstream(folder_ / name) << "#!/bin/sh\n";
    fs::permissions(folder_ / name, permissions);
  }

 protected:
  fs::path folder_;
};

TEST_F(FindProgram, LooksInThePathAndThenInTheFolder) {
  EXPECT_EQ(find({"tool"}).path, folder_ / "bin/tool");
  EXPECT_EQ(find({"local"}).path, "./local");
  EXPECT_EQ(find({"bin/tool"}).path, "bin/tool");
  EXPECT_EQ(find({"./local"}).path, "./local");
  EXPECT_EQ(find({(folder_ / "local").string()}).path, folder_ / "local");
  EXPECT_THAT(find({"tool", "-x"}).arguments, ElementsAre("tool", "-x"));
}

TEST_F(FindProgram, GivesPythonFilesToPython) {
  const Program program = find({"train.py", "--epochs", "3"});
  EXPECT_EQ(program.path, folder_ / "bin/python3");
  EXPECT_THAT(program.arguments, ElementsAre("python3", "train.py", "--epochs", "3"));
}

TEST_F(FindProgram, SaysWhatIsWrong) {
  const struct {
    const char* name;
    int code;
  } rows[] = {{"missing", 127}, {"./tool", 127}, {"missing.py", 127}, {"/no/such/tool", 127},
              {"data", 126},    {"./data", 126}, {"./bin", 126}};
  for (const auto& row : rows) {
    try {
      find({row.name});
      ADD_FAILURE() << row.name << " was found";
    } catch (const LaunchError& error) {
      EXPECT_EQ(error.exit_code(), row.code) << row.name;
      EXPECT_THAT(error.what(), HasSubstr(row.name));
    }
  }
}

}  // namespace
}  // namespace mlx::launch
