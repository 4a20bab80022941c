#pragma once

// Jobs of mlx-launch for tests.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "system/command.h"

namespace mlx::test {

using Words = std::vector<std::string>;

/// Starts mlx-launch, its files in a folder of their own. After each job no process
/// and no file of it may be left.
class LaunchJob : public testing::Test {
 protected:
  LaunchJob();
  ~LaunchJob() override;

  /// Starts mlx-launch with these arguments.
  Command& start(const Words& words);
  /// Starts ranks that run a shell script, so many on each host.
  Command& start_script(int ranks, const std::string& script, const Words& options = {});
  /// Waits for the end of what was started, and looks for what it left beside `files`.
  Finished end(const std::set<std::string>& files = {});
  Finished run(const Words& words);
  Finished run_script(int ranks, const std::string& script, const Words& options = {});

  /// At the end of a job: fails the test if a process of it is there.
  virtual void expect_no_processes();
  /// The same for files in the job's folder besides these.
  virtual void expect_no_files_but(std::set<std::string> files);

  Words options_;         ///< of every start
  Words script_options_;  ///< of ranks that run a script
  Command::Setting setting_;
  std::unique_ptr<Command> command_;
};

/// `count` lines of the prefix and a number from 1 on.
std::string numbered_lines(const std::string& prefix, int count);

/// Lines by the text before their first colon.
std::map<std::string, std::string> by_rank(const std::string& output);

}  // namespace mlx::test
