#include "system/launch_job.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace mlx::test {
namespace {

namespace fs = std::filesystem;

void append(Words& words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
}

}  // namespace

LaunchJob::LaunchJob() {
  std::string name = (fs::temp_directory_path() / "mlx-launch-XXXXXX").string();
  setting_.folder = mkdtemp(name.data());
}

LaunchJob::~LaunchJob() {
  command_.reset();
  fs::remove_all(setting_.folder);
}

Command& LaunchJob::start(const Words& words) {
  Words all{MLX_LAUNCH};
  append(all, options_);
  append(all, words);
  return *(command_ = std::make_unique<Command>(all, setting_));
}

Command& LaunchJob::start_script(int ranks, const std::string& script, const Words& options) {
  Words words{"-n", std::to_string(ranks)};
  append(words, script_options_);
  append(words, options);
  append(words, {"--", "/bin/sh", "-c", script});
  return start(words);
}

Finished LaunchJob::end(const std::set<std::string>& files) {
  Finished finished = command_->wait();
  expect_no_processes();
  expect_no_files_but(files);
  return finished;
}

Finished LaunchJob::run(const Words& words) {
  start(words);
  return end();
}

Finished LaunchJob::run_script(int ranks, const std::string& script, const Words& options) {
  start_script(ranks, script, options);
  return end();
}

void LaunchJob::expect_no_processes() { EXPECT_TRUE(command_->processes().empty()); }

void LaunchJob::expect_no_files_but(std::set<std::string> files) {
  files.insert({"in", "out", "err"});
  for (const auto& file : fs::directory_iterator(setting_.folder)) {
    EXPECT_TRUE(files.contains(file.path().filename().string())) << file.path();
  }
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
