#include <sstream>

#include "mlx/launch/plan.h"
#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

std::string quoted_words(const std::vector<std::string>& words) {
  std::vector<std::string> texts;
  for (const std::string& word : words) texts.push_back(quoted(word));
  return join(texts, " ");
}

std::string assignments(const Variables& variables) {
  std::vector<std::string> texts;
  for (const auto& [name, value] : variables) texts.push_back(name + "=" + quoted(value));
  return join(texts, " ");
}

std::string way_to(const HostPlan& host, const Options& options) {
  auto words = host.way == Way::srun ? srun_command(host.host, {})
                                     : ssh_command(remote_shell(options), host.host, "");
  if (host.way == Way::here) return "here";
  if (host.way == Way::ssh) words.pop_back();
  return "by " + quoted_words(words);
}

std::string counted(size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

std::string describe(const Plan& plan, const Options& options) {
  std::ostringstream out;
  out << counted(static_cast<size_t>(plan.ranks), "rank") << " on "
      << counted(plan.hosts.size(), "host");
  if (!plan.backend.empty()) out << ", backend " << plan.backend;
  out << "\ncommand: " << quoted_words(options.command) << "\n";
  if (!options.folder.empty()) out << "folder: " << quoted(options.folder) << "\n";
  if (!plan.environment.empty()) out << "environment: " << assignments(plan.environment) << "\n";
  for (const PlannedFile& file : plan.files) {
    out << "file in memory: " << file.variable << ": " << file.content << "\n";
  }
  for (const HostPlan& host : plan.hosts) {
    out << host.host.name << " (" << way_to(host, options) << ")\n";
    for (const RankPlan& rank : host.ranks) {
      out << "  rank " << rank.rank << ", local rank " << rank.local_rank;
      if (!rank.environment.empty()) out << ": " << assignments(rank.environment);
      out << "\n";
    }
  }
  return out.str();
}

}  // namespace mlx::launch
