#pragma once

// What was found and decided, for people and for programs.

#include <string>
#include <vector>

#include "mlx/launch/config/choose.h"
#include "mlx/launch/config/findings.h"
#include "mlx/launch/config/setup.h"

namespace mlx::launch::config {

struct Result {
  Survey survey;
  std::vector<Finding> findings;
  Choice choice;  ///< empty for --check
  std::vector<SetupStep> setup;
  bool checked = false;  ///< --check: a hostfile was compared; nothing is chosen
};

/// Hosts, links, findings, and what was chosen. `verbose`: also interfaces, routes,
/// memory nodes, RDMA ports, versions.
std::string to_text(const Result& result, bool verbose);

/// The commands of --auto-setup.
std::string setup_text(const Result& result);

/// All of it; docs/configuring.md describes the fields.
std::string to_json(const Result& result);

/// The links for Graphviz; those of the ring are bold.
std::string to_dot(const Result& result);

}  // namespace mlx::launch::config
