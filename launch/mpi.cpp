#include "mlx/launch/mpi.h"

#include <stdio.h>
#include <unistd.h>

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/launch/error.h"
#include "mlx/launch/placement.h"
#include "mlx/launch/program.h"
#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

using core::concat;
using Words = std::vector<std::string>;

// Of the process that is mpirun: its ranks are others, and meet by MPI.
constexpr const char* kNotForRanks[] = {
    "MLX_RANK",          "MLX_WORLD_SIZE",       "MLX_LOCAL_RANK",
    "MLX_RENDEZVOUS",    "MLX_RENDEZVOUS_OWNER", "MLX_JOB_SECRET",
    "MLX_DATA_ADDRESSES"};

std::string first_line_of(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return "";
  std::string text;
  for (int c; (c = fgetc(pipe)) != EOF;) text += static_cast<char>(c);
  pclose(pipe);
  return text.substr(0, text.find('\n'));
}

void check_for_mpirun(const Plan& plan, const Options& options) {
  if (!options.quiet_ranks.empty()) {
    throw_usage("--quiet-ranks: the output of all ranks comes from mpirun with --backend mpi.");
  }
  const Host* first = nullptr;
  for (const HostPlan& place : plan.hosts) {
    const Host& host = place.host;
    for (const RankPlan& rank : place.ranks) {
      if (rank.environment.empty()) continue;
      throw_usage(host.name, ": mpirun gives all ranks the same variables: got ",
                  rank.environment[0].first, " for this host alone.");
    }
    if (place.way != Way::ssh) continue;
    if (host.name.find(':') != host.name.npos) {
      throw_usage(host.name, ": mpirun takes names and IPv4 addresses.");
    }
    if (!first) first = &host;
    if (host.user != first->user || host.port != first->port || host.identity != first->identity) {
      throw_usage(host.name,
                  ": mpirun takes the same user, port and identity for all hosts, "
                  "unless ssh's own configuration says more.");
    }
  }
}

class MpirunCommand {
 public:
  MpirunCommand(const MpiRun& mpirun, const Plan& plan, const Options& options)
      : version_(mpirun.version), plan_(plan), options_(options) {
    words_ = {"env"};
    for (const char* name : kNotForRanks) add({"-u", name});
    add({mpirun.path});
  }

  Words words(bool as_root) && {
    if (as_root) add({"--allow-run-as-root"});
    add_hosts();
    add_settings();
    for (const std::string& name : names()) add({"-x", name});
    words_.insert(words_.end(), options_.mpi_arguments.begin(), options_.mpi_arguments.end());
    add_program();
    return std::move(words_);
  }

 private:
  void add(std::initializer_list<std::string> words) {
    words_.insert(words_.end(), words.begin(), words.end());
  }
  void add_either(std::initializer_list<std::string> of_4,
                  std::initializer_list<std::string> of_5) {
    add(version_ == 4 ? of_4 : of_5);
  }

  // On this host alone mpirun counts the processors, and lets ranks give way where
  // they are too few; elsewhere the slots are what we say.
  void add_hosts() {
    add({"-n", std::to_string(plan_.ranks)});
    add_either({"--oversubscribe"}, {"--map-by", ":OVERSUBSCRIBE"});
    if (!plan_.on_several_hosts()) return;
    Words hosts;
    for (const HostPlan& place : plan_.hosts) {
      hosts.push_back(concat(place.host.name, ":", place.ranks.size()));
    }
    add({"--host", join(hosts, ",")});
    const auto by_ssh = [](const HostPlan& place) { return place.way == Way::ssh; };
    const auto other = std::find_if(plan_.hosts.begin(), plan_.hosts.end(), by_ssh);
    if (other == plan_.hosts.end()) return;
    Words ssh = ssh_command(remote_shell(options_), other->host, "");
    ssh.resize(ssh.size() - 2);  // mpirun adds the host and the command
    if (!other->host.user.empty()) ssh.insert(ssh.end(), {"-l", other->host.user});
    add_either({"--mca", "plm_rsh_agent", join(ssh, " ")},
               {"--prtemca", "plm_ssh_agent", join(ssh, " ")});
  }

  void add_settings() {
    if (!options_.folder.empty()) add({"--wdir", options_.folder});
    if (options_.tag_output) add_either({"--tag-output"}, {"--output", "tag"});
    // Without it rank 0 gets the input: Open MPI 4.1 waits for ever with "--stdin all".
    if (const auto rank = options_.input_rank) {
      add({"--stdin", *rank < 0 ? "none" : std::to_string(*rank)});
    }
    if (options_.binding == Binding::none) add({"--bind-to", "none"});
    if (options_.binding == Binding::core) add({"--bind-to", "core"});
    if (options_.binding == Binding::numa) add({"--bind-to", "numa"});
  }

  std::set<std::string> names() const {
    std::set<std::string> names{"MLX_GENERATION", "MLX_RESTART_COUNT"};
    for (const auto& [name, value] : plan_.environment) names.insert(name);
    return names;
  }

  void add_program() {
    if (options_.command[0].ends_with(".py")) add({options_.python});
    words_.insert(words_.end(), options_.command.begin(), options_.command.end());
  }

  const int version_;
  const Plan& plan_;
  const Options& options_;
  Words words_;
};

// As many as the ranks of the fullest host can have.
int threads_of_a_rank(const Plan& plan, const Options& options, const EnvironmentMap& environment) {
  size_t ranks = 1;
  for (const HostPlan& host : plan.hosts) ranks = std::max(ranks, host.ranks.size());
  return place(this_machine(environment), static_cast<int>(ranks), options.binding)[0].threads;
}

}  // namespace

Job mpi_job(const Plan& plan, const Options& options, const EnvironmentMap& environment) {
  const auto path = environment.find("PATH");
  const std::string search_path = path == environment.end() ? "/usr/bin:/bin" : path->second;
  Options resolved = options;
  if (!plan.on_several_hosts()) {
    const Program program =
        find_program(options.command, options.folder, search_path, options.python);
    resolved.command = program.arguments;
    resolved.command[0] = program.path;
  }
  const bool own_threads = environment.contains("OMP_NUM_THREADS");
  return over_mpirun(find_mpirun(search_path), plan, resolved,
                     own_threads ? 0 : threads_of_a_rank(plan, options, environment),
                     geteuid() == 0);
}

MpiRun find_mpirun(const std::string& search_path) {
  std::string path;
  try {
    path = find_program({"mpirun"}, "/", search_path).path;
  } catch (const LaunchError&) {
    throw LaunchError(LaunchError::kNotFound,
                      "There is no mpirun in PATH: --backend mpi needs Open MPI (Debian and "
                      "Ubuntu: apt install openmpi-bin; Fedora: dnf install openmpi).");
  }
  const std::string line = first_line_of(shell_quoted(path) + " --version 2>&1");
  constexpr std::string_view kName = "(Open MPI) ";
  const size_t at = line.find(kName);
  const std::string version = at == line.npos ? "" : line.substr(at + kName.size());
  const int major = number_in(version.substr(0, version.find('.')), 1000);
  if (major < 4) {
    throw LaunchError(
        LaunchError::kFailed,
        concat("--backend mpi needs Open MPI 4 or newer: got \"", line, "\" from ", path, "."));
  }
  return {path, major == 4 ? 4 : 5};
}

Job over_mpirun(const MpiRun& mpirun, const Plan& plan, const Options& options, int threads,
                bool as_root) {
  check_for_mpirun(plan, options);
  Plan full = plan;
  if (threads > 0 && !sets(plan.environment, "OMP_NUM_THREADS")) {
    full.environment.emplace_back("OMP_NUM_THREADS", std::to_string(threads));
  }
  Job job{{}, options, {}};
  job.options.command = MpirunCommand(mpirun, full, options).words(as_root);
  job.options.tag_output = false;
  job.options.input_rank.reset();
  job.options.binding = Binding::none;
  if (as_root) {
    job.notes.push_back("mpirun is told --allow-run-as-root, since you are root.");
  }
  job.plan.backend = plan.backend;
  job.plan.ranks = 1;
  job.plan.hosts = {HostPlan{parse_host("localhost"), Way::here, {RankPlan{}}}};
  job.plan.environment = std::move(full.environment);
  return job;
}

}  // namespace mlx::launch
