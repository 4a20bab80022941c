#include <sstream>

#include "mlx/launch/plan.h"
#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

std::string quoted_words(const std::vector<std::string>& words) {
  std::vector<std::string> texts;
  for (const std::string& word : words) texts.push_back(shell_quoted(word));
  return join(texts, " ");
}

std::string assignments(const Variables& variables) {
  std::vector<std::string> texts;
  for (const auto& [name, value] : variables) texts.push_back(name + "=" + shell_quoted(value));
  return join(texts, " ");
}

std::string how_reached(const HostPlan& host, const Options& options) {
  auto words = host.way == Way::srun ? srun_command(host.host, {})
                                     : ssh_command(remote_shell(options), host.host, "");
  if (host.way == Way::here) return "here";
  if (host.way == Way::ssh) words.pop_back();
  return "by " + quoted_words(words);
}

}  // namespace

std::string describe(const Plan& plan, const Options& options) {
  std::ostringstream out;
  out << counted(plan.ranks, "rank") << " on " << counted(plan.hosts.size(), "host");
  if (!plan.backend.empty()) out << ", backend " << plan.backend;
  out << "\ncommand: " << quoted_words(options.command) << "\n";
  if (!options.folder.empty()) out << "folder: " << shell_quoted(options.folder) << "\n";
  if (!plan.environment.empty()) out << "environment: " << assignments(plan.environment) << "\n";
  for (const PlannedFile& file : plan.files) {
    out << "file in memory: " << file.variable << ": " << file.content << "\n";
  }
  for (const HostPlan& host : plan.hosts) {
    out << host.host.name << " (" << how_reached(host, options) << ")\n";
    for (const RankPlan& rank : host.ranks) {
      out << "  rank " << rank.rank << ", local rank " << rank.local_rank;
      if (!rank.environment.empty()) out << ": " << assignments(rank.environment);
      out << "\n";
    }
  }
  return out.str();
}

}  // namespace mlx::launch
