#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace mlx::test {

using Seconds = std::chrono::duration<double>;
using Variables = std::vector<std::pair<std::string, std::string>>;

struct Outcome {
  int exit_code = -1;   ///< 128 + signal if one ended it
  std::string output;   ///< standard output and error
  Seconds duration{0};  ///< of the call that waited
};

/// A program that runs, with all that it starts. Ends them when it goes away.
class Job {
 public:
  /// Starts `command` in its own process group; its output goes to a file in `folder`.
  Job(const std::vector<std::string>& command, const std::string& folder,
      const Variables& environment = {});
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job();

  /// Waits for the end. After `limit` it kills the job and fails the test.
  Outcome wait(Seconds limit = Seconds{60});
  bool running();

  /// The process of a rank, once there is one; fails the test if none comes.
  pid_t rank(int number) const;
  /// Processes that the job has started and that still run.
  std::vector<pid_t> processes() const;
  std::string output() const;

 private:
  void poll();

  std::string mark_;  // an environment variable that all its processes inherit
  std::string output_path_;
  pid_t pid_;
  bool ended_ = false;
  int exit_code_ = -1;
};

std::string read_file(const std::string& path);

}  // namespace mlx::test
