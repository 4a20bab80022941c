#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace mlx::test {

/// What a file holds; empty: it cannot be read.
std::string content(const std::filesystem::path& path);

struct Finished {
  int exit_code = -1;  ///< 128 + signal if one ended it
  std::string out;
  std::string err;
  double seconds = 0;  ///< from start to end
};

/// A program that runs with its streams in files. Kills what is left of it when it goes away.
class Command {
 public:
  struct Setting {
    std::string folder;  ///< for the files; also its TMPDIR
    std::string input;   ///< what it finds on standard input
    int output_fd = -1;  ///< instead of a file
  };

  Command(const std::vector<std::string>& words, const Setting& setting);
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  ~Command();

  pid_t pid() const { return pid_; }
  /// Waits for the end; kills it and fails the test after a limit.
  Finished wait();
  /// Waits until it has written this to standard output; fails the test after a limit.
  /// Returns all that it has written.
  std::string wait_for_output(const std::string& text) const;
  /// Processes that it has started, or itself, and that still run.
  std::vector<pid_t> processes() const;

 private:
  std::string path(const char* stream) const;

  const std::string mark_;  // an environment variable that all its processes inherit
  const std::string folder_;
  const std::chrono::steady_clock::time_point started_;
  pid_t pid_ = -1;
  bool ended_ = false;
};

}  // namespace mlx::test
