#include "mlx/launch/plan.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "mlx/core/base/error.h"
#include "mlx/launch/allocation.h"
#include "mlx/launch/error.h"
#include "mlx/launch/hostfile.h"
#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

using core::concat;

// The hosts as they were listed, and how many ranks each entry of the list gets.
struct Listed {
  Hostfile file;
  std::vector<int> ranks;
  bool by_slurm = false;
};

Listed list_hosts(const Options& options, const EnvironmentMap& environment) {
  Listed listed;
  std::vector<Host>& hosts = listed.file.hosts;
  bool slots_count = true;
  if (!options.hosts.empty()) {
    for (const std::string& text : options.hosts) hosts.push_back(parse_host(text));
  } else if (!options.hostfile.empty()) {
    listed.file = read_hostfile(options.hostfile);
  } else if (auto allocation = find_allocation(environment)) {
    hosts = std::move(allocation->hosts);
    listed.by_slurm = allocation->way == Way::srun;
    slots_count = !options.ranks_given;
  } else {
    hosts.push_back(parse_host("localhost"));
  }
  for (const Host& host : hosts) {
    listed.ranks.push_back((slots_count ? host.slots : 1) * options.ranks);
  }
  return listed;
}

HostPlan& place_of(const Host& host, bool by_slurm, Plan& plan) {
  for (HostPlan& known : plan.hosts) {
    if (known.host.same_login(host)) return known;
  }
  const Way way = by_slurm ? Way::srun : host.is_here() ? Way::here : Way::ssh;
  return plan.hosts.emplace_back(HostPlan{host, way, {}});
}

// Where the rank accepts connections; "*" is the address by which it reaches the others.
std::string data_addresses(const Host& host, const Options& options, int rank) {
  if (!options.starting_port) return join(host.ips, ",");
  const int port = *options.starting_port + 1 + rank;
  std::vector<std::string> addresses;
  for (const std::string& ip : host.ips) {
    const bool v6 = ip.find(':') != ip.npos;
    addresses.push_back(v6 ? concat("[", ip, "]:", port) : concat(ip, ":", port));
  }
  return addresses.empty() ? concat("*:", port) : join(addresses, ",");
}

// --env has the last word.
Variables without(const Variables& variables, const Variables& stronger) {
  Variables out;
  for (const auto& variable : variables) {
    const auto is_it = [&](const auto& other) { return other.first == variable.first; };
    if (std::none_of(stronger.begin(), stronger.end(), is_it)) out.push_back(variable);
  }
  return out;
}

void add_ranks(const Listed& listed, const Options& options, Plan& plan) {
  for (size_t i = 0; i < listed.ranks.size(); ++i) {
    const Host& host = listed.file.hosts[i];
    HostPlan& place = place_of(host, listed.by_slurm, plan);
    for (int k = 0; k < listed.ranks[i]; ++k) {
      RankPlan rank{plan.ranks++, static_cast<int>(place.ranks.size()), {}};
      Variables own = host.environment;
      const std::string addresses = data_addresses(host, options, rank.rank);
      const bool by_mpi = plan.backend == "mpi";  // which finds its own ways
      if (!addresses.empty() && !by_mpi) own.emplace_back("MLX_DATA_ADDRESSES", addresses);
      rank.environment = without(own, options.environment);
      place.ranks.push_back(std::move(rank));
    }
  }
}

void add_variables(const Hostfile& file, const Options& options, Plan& plan) {
  const bool ring_of_jaccl = plan.backend == "jaccl-ring";
  if (ring_of_jaccl) {
    plan.backend = "jaccl";
    plan.environment.emplace_back("MLX_JACCL_RING", "1");
  }
  if (!plan.backend.empty()) plan.environment.emplace_back("MLX_BACKEND", plan.backend);
  if (options.connections_per_ip != 1) {
    plan.environment.emplace_back("MLX_CONNECTIONS_PER_IP",
                                  std::to_string(options.connections_per_ip));
  }
  for (const Variables* variables : {&file.environment, &options.environment}) {
    plan.environment.insert(plan.environment.end(), variables->begin(), variables->end());
  }
}

// From the rows of the hosts, which have a column for each host or for each slot, to
// a row and a column for each rank.
nlohmann::json matrix_of_ranks(const Listed& listed) {
  const std::vector<Host>& hosts = listed.file.hosts;
  const bool by_host = hosts[0].rdma.size() == hosts.size();
  nlohmann::json matrix = nlohmann::json::array();
  for (size_t from = 0; from < hosts.size(); ++from) {
    nlohmann::json row = nlohmann::json::array();
    size_t first_column = 0;
    for (size_t to = 0; to < hosts.size(); ++to) {
      const int slots = by_host ? 1 : hosts[to].slots;
      for (int k = 0; k < listed.ranks[to]; ++k) {
        const auto slot = static_cast<size_t>(k * slots / listed.ranks[to]);
        const auto& devices = hosts[from].rdma[first_column + slot];
        auto& entry = row.emplace_back();  // null
        if (devices.size() == 1) entry = devices[0];
        if (devices.size() > 1) entry = devices;
      }
      first_column += static_cast<size_t>(slots);
    }
    for (int k = 0; k < listed.ranks[from]; ++k) matrix.push_back(row);
  }
  return matrix;
}

void check_ranks(const Listed& listed, const Options& options) {
  int64_t total = 0;
  for (const int ranks : listed.ranks) total += ranks;
  if (total > kMostRanks)
    throw_usage("Too many ranks: got ", total, ", expected up to ", kMostRanks, ".");
  const int64_t last_port = options.starting_port.value_or(0) + total;
  if (options.starting_port && last_port > kMostPort) {
    throw_usage("--starting-port: the last of ", total, " ranks would listen on port ", last_port,
                ", expected up to ", kMostPort, ".");
  }
}

void check_options(const Plan& plan, const Options& options) {
  const int input = options.input_rank.value_or(-1);
  const int quiet = options.quiet_ranks.empty() ? -1 : *options.quiet_ranks.rbegin();
  for (const auto& [option, rank] : {std::pair("--stdin", input), {"--quiet-ranks", quiet}}) {
    if (rank < plan.ranks) continue;
    throw_usage(option, ": there is no rank ", rank, ", the last of the job is ", plan.ranks - 1,
                ".");
  }
  if (!options.mpi_arguments.empty() && plan.backend != "mpi") {
    throw_usage("--mpi-arg is for the backend mpi, which nobody asked for (--backend mpi).");
  }
  const auto is_here = [](const HostPlan& host) { return host.way == Way::here; };
  const bool some_here = std::any_of(plan.hosts.begin(), plan.hosts.end(), is_here);
  std::error_code ignored;
  if (some_here && !options.folder.empty() &&
      !std::filesystem::is_directory(options.folder, ignored)) {
    throw_usage("--cwd: no such folder: ", options.folder, ".");
  }
}

}  // namespace

bool Plan::on_several_hosts() const {
  return hosts.size() > 1 || (hosts.size() == 1 && hosts[0].way != Way::here);
}

const HostPlan& Plan::host_of(int rank) const {
  for (const HostPlan& host : hosts) {
    const auto is_it = [&](const RankPlan& r) { return r.rank == rank; };
    if (std::any_of(host.ranks.begin(), host.ranks.end(), is_it)) return host;
  }
  core::throw_invalid("There is no rank ", rank, ", the last of the job is ", ranks - 1, ".");
}

Plan make_plan(const Options& options) { return make_plan(options, inherited_environment()); }

Plan make_plan(const Options& options, const EnvironmentMap& environment) {
  const Listed listed = list_hosts(options, environment);
  check_ranks(listed, options);
  Plan plan;
  plan.backend = options.backend.empty() ? listed.file.backend : options.backend;
  add_ranks(listed, options, plan);
  add_variables(listed.file, options, plan);
  if (!listed.file.hosts[0].rdma.empty()) {
    plan.files.push_back({"MLX_IBV_DEVICES", matrix_of_ranks(listed).dump()});
  }
  check_options(plan, options);
  return plan;
}

RemoteShell remote_shell(const Options& options) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.connect);
  return {options.ssh, options.ssh_options, static_cast<int>(seconds.count())};
}

}  // namespace mlx::launch
