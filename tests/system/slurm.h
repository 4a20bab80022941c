#pragma once

// Slurm on hosts of ours.

#include <string>
#include <vector>

#include "system/ssh_hosts.h"

namespace mlx::test {

/// A controller on the first host and a node on each, under the hosts' names. Its
/// keys, settings and state vanish with the hosts.
class Slurm {
 public:
  /// Why there can be none here (needs slurm-wlm and munge); empty: there can.
  static std::string missing();

  /// Nodes of four processors, whatever there really are.
  explicit Slurm(SshHosts& hosts);

  /// The command that runs a script on the first host, as a user of Slurm who is logged in there.
  std::vector<std::string> command(const std::string& script) const;

  /// Waits until no job is left and ends the daemons, so that what is left on the hosts is not
  /// Slurm's.
  void stop();

 private:
  void write_settings() const;

  SshHosts& hosts_;
};

}  // namespace mlx::test
