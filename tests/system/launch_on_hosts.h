#pragma once

// The launcher with several hosts.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "system/command.h"
#include "system/ssh_hosts.h"

namespace mlx::test {

using Words = std::vector<std::string>;

/// Jobs of mlx-launch, which runs on the bridge, over hosts with sshd. After each
/// no process, file or listening port of it may be left on any host.
class LaunchOnHosts : public testing::Test {
 protected:
  explicit LaunchOnHosts(int count);
  ~LaunchOnHosts() override;

  /// Starts mlx-launch with these arguments.
  Command& start(Words words);
  Finished run(const Words& words);
  /// The same for ranks that run a shell script, `ranks` on each of the hosts.
  Command& start_script(int ranks, const std::string& script, const Words& options = {});
  Finished run_script(int ranks, const std::string& script, const Words& options = {});
  /// Waits for the end of what was started, and looks for what it left.
  Finished end();

  /// "h1,h2".
  std::string names() const;

  SshHosts hosts_;
  Command::Setting setting_;
  std::unique_ptr<Command> command_;
};

/// `count` lines of the prefix and a number from 1 on.
std::string numbered_lines(const std::string& prefix, int count);

/// Lines by the text before their first colon.
std::map<std::string, std::string> by_rank(const std::string& output);

}  // namespace mlx::test
