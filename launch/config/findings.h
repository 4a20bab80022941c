#pragma once

// What is wrong, or worth knowing, about hosts and the ways between them.

#include <string>
#include <vector>

#include "mlx/launch/config/survey.h"

namespace mlx::launch::config {

struct Finding {
  bool problem = true;  ///< a job will fail or suffer; otherwise a remark
  std::string kind;     ///< "host", "path", "port", "version", "clock", "mtu", "speed", ...
  std::string text;     ///< a sentence that names the hosts
  std::vector<int> hosts;
};

/// Problems first.
std::vector<Finding> findings_of(const Survey& survey);

/// What the hosts are called: as the user named them.
const std::string& name_of(const Survey& survey, int host);
std::vector<std::string> names_of(const Survey& survey, const std::vector<int>& hosts);

/// "refused (Connection refused)": how a connection failed, in words.
std::string words_for(const Reach& reach);

}  // namespace mlx::launch::config
