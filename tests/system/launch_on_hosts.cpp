#include "system/launch_on_hosts.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <sstream>

namespace mlx::test {
namespace {

namespace fs = std::filesystem;

}  // namespace

LaunchOnHosts::LaunchOnHosts(int count) : hosts_(count) {
  setting_.folder = hosts_.folder() + "/launcher";
  fs::create_directory(setting_.folder);
}

LaunchOnHosts::~LaunchOnHosts() {
  command_.reset();
  EXPECT_THAT(hosts_.leftovers(), testing::IsEmpty());
  for (const auto& file : fs::directory_iterator(setting_.folder)) {
    EXPECT_THAT(file.path().filename().string(), testing::AnyOf("in", "out", "err"));
  }
}

std::string LaunchOnHosts::names() const {
  std::string list;
  for (int host = 0; host < hosts_.count(); ++host) {
    list += (host > 0 ? ",h" : "h") + std::to_string(host + 1);
  }
  return list;
}

Command& LaunchOnHosts::start(Words words) {
  words.insert(words.begin(), {MLX_LAUNCH, "--ssh", hosts_.ssh()});
  return *(command_ = std::make_unique<Command>(words, setting_));
}

Finished LaunchOnHosts::run(const Words& words) {
  start(words);
  return end();
}

Command& LaunchOnHosts::start_script(int ranks, const std::string& script, const Words& options) {
  Words words{"--hosts", names(), "-n", std::to_string(ranks), "--cwd", "/"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"--", "/bin/sh", "-c", script});
  return start(words);
}

Finished LaunchOnHosts::run_script(int ranks, const std::string& script, const Words& options) {
  start_script(ranks, script, options);
  return end();
}

Finished LaunchOnHosts::end() {
  Finished finished = command_->wait();
  EXPECT_THAT(command_->processes(), testing::IsEmpty());
  EXPECT_THAT(hosts_.leftovers(), testing::IsEmpty());
  return finished;
}

std::string numbered_lines(const std::string& prefix, int count) {
  std::string out;
  for (int i = 1; i <= count; ++i) out += prefix + std::to_string(i) + "\n";
  return out;
}

std::map<std::string, std::string> by_rank(const std::string& output) {
  std::map<std::string, std::string> out;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    out[line.substr(0, line.find(':'))] += line + "\n";
  }
  return out;
}

}  // namespace mlx::test
