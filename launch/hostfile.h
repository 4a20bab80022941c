#pragma once

// Hostfiles: JSON (comments allowed), either a list of hosts or an object
//   {"backend": "ring", "envs": ["NAME=VALUE"], "hosts": [...]}
// A host is {"ssh": name} with optional "ips" (list of texts), "rdma" (list: for
// each rank null, a device or a list of devices), "user", "port", "identity",
// "slots", "env" (object). A host that is a text is its name.

#include <string>
#include <vector>

#include "mlx/launch/host.h"

namespace mlx::launch {

struct Hostfile {
  std::string backend;    ///< empty: not said
  Variables environment;  ///< of all ranks
  std::vector<Host> hosts;
};

/// Errors: LaunchError(kUsage): "hosts.json:7: hosts[2].port: got 70000, expected ...".
Hostfile read_hostfile(const std::string& path);
/// `path` is for the errors.
Hostfile parse_hostfile(const std::string& text, const std::string& path);
/// The text of a hostfile that reads back as the same.
std::string to_text(const Hostfile& hostfile);

}  // namespace mlx::launch
