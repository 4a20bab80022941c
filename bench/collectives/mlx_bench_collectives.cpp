// mlx-bench-collectives: how fast the collectives are, and whether they are right.

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <filesystem>

#include "mlx/distributed/bootstrap/environment.h"
#include "mlx_system.h"
#include "plot.h"
#include "report.h"

namespace {

using namespace mlx::bench;
namespace dist = mlx::core::distributed;

const Program kProgram{.name = "mlx-bench-collectives",
                       .purpose = "Measures collectives over a range of sizes, and checks them.",
                       .starts_ranks = true,
                       .is_ours = true};
constexpr int kDefaultRanks = 2;

bool is_part_of_a_job() {
  const dist::Environment environment = dist::read_environment();
  return environment.rendezvous || environment.started_by_mpi || !environment.hosts.empty() ||
         environment.world_size > 1;
}

// Becomes the launcher, which starts this program as several ranks.
int relaunch(const Options& options, const std::vector<std::string>& arguments) {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string launcher = self.parent_path() / "mlx-launch";
  std::vector<std::string> words{
      launcher, "-n", std::to_string(options.ranks ? options.ranks : kDefaultRanks), "--", self};
  words.insert(words.end(), arguments.begin(), arguments.end());
  if (isatty(STDERR_FILENO)) words.push_back("--progress");
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  execv(launcher.c_str(), pointers.data());
  std::fprintf(stderr, "%s: cannot start %s\n", kProgram.name.c_str(), launcher.c_str());
  return 1;
}

int plot_earlier_runs(const Options& options) {
  std::vector<Report> reports;
  for (const std::string& file : options.compare) reports.push_back(read_report(file));
  write_plot(options.plot, reports);
  return 0;
}

int measure_as_rank(const Options& options) {
  const dist::Environment environment = dist::read_environment();
  const dist::Group group = dist::init(environment.world_size > 1, options.backend);
  if (options.ranks && options.ranks != group.size()) {
    std::fprintf(stderr, "%s: --ranks is %d in a job of %d\n", kProgram.name.c_str(), options.ranks,
                 group.size());
    return kWrongUsage;
  }
  const auto system = options.graph ? graph_system(group) : layer_system(group);
  std::string name = "mlx " + options.backend;
  if (!environment.transport.empty()) name += " " + environment.transport;
  if (!environment.algorithm.empty()) name += " " + environment.algorithm;
  if (options.graph) name += " arrays";
  return measure_and_report(*system, name, options);
}

int run(const std::vector<std::string>& arguments) {
  const auto request = parse_command_line(kProgram, arguments);
  if (const Answer* answer = std::get_if<Answer>(&request)) {
    std::fputs(answer->text.c_str(), answer->exit_code == 0 ? stdout : stderr);
    return answer->exit_code;
  }
  const Options& options = std::get<Options>(request);
  if (!options.compare.empty()) return plot_earlier_runs(options);
  return is_part_of_a_job() ? measure_as_rank(options) : relaunch(options, arguments);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", kProgram.name.c_str(), error.what());
    return 1;
  }
}
