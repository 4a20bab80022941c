#pragma once

// The launcher with several hosts.

#include <string>

#include "system/launch_job.h"
#include "system/ssh_hosts.h"

namespace mlx::test {

/// Jobs of mlx-launch, which runs on the bridge, over hosts with sshd. After each
/// no process, file or listening port of it may be left on any host. Scripts run
/// on each of the hosts.
class LaunchOnHosts : public LaunchJob {
 protected:
  explicit LaunchOnHosts(int count);
  ~LaunchOnHosts() override;

  void expect_no_processes() override;

  /// "h1,h2".
  std::string names() const;

  SshHosts hosts_;
};

}  // namespace mlx::test
