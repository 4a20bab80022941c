#include "mlx/distributed/bootstrap/environment.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/other_launcher.h"
#include "mlx/distributed/bootstrap/variable.h"

namespace mlx::core::distributed {
namespace {

std::string text_of(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string text_of_either(const char* name, const char* other_name) {
  std::string text = text_of(name);
  return text.empty() ? text_of(other_name) : text;
}

template <typename T>
T number_of(const char* name, T otherwise) {
  return read_number(text_of, name, otherwise);
}

Milliseconds seconds_of(const char* name, Milliseconds otherwise) {
  const double seconds = number_of(name, static_cast<double>(otherwise.count()) / 1000);
  require(seconds > 0 && seconds < 1e9, "[init] ", name, " makes no sense: got ", seconds,
          ", expected a positive number of seconds.");
  return Milliseconds(static_cast<int64_t>(seconds * 1000 + 0.5));
}

std::string read_file(const std::string& path, const char* variable) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) {
    throw std::runtime_error(
        concat("[init] Cannot read the file that ", variable, " names: got ", path, "."));
  }
  return text;
}

Secret read_secret() {
  if (const std::string text = text_of("MLX_JOB_SECRET"); !text.empty()) return Secret(text);
  const std::string path = text_of("MLX_JOB_SECRET_FILE");
  if (path.empty()) return {};
  std::string text = read_file(path, "MLX_JOB_SECRET_FILE");
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  require(!text.empty(), "[init] MLX_JOB_SECRET_FILE holds no secret: got an empty ", path, ".");
  return Secret(std::move(text));
}

std::vector<std::vector<Endpoint>> read_hostfile(const std::string& path) {
  const auto json = nlohmann::json::parse(read_file(path, "MLX_HOSTFILE"), nullptr, false);
  const auto is_list = [](const auto& j) { return j.is_array() && !j.empty(); };
  require(is_list(json) && std::all_of(json.begin(), json.end(), is_list),
          "[init] MLX_HOSTFILE does not list the ranks: expected a JSON list with a list of "
          "\"ip:port\" for each rank in ",
          path, ".");
  std::vector<std::vector<Endpoint>> hosts;
  for (const auto& rank : json) {
    auto& addresses = hosts.emplace_back();
    for (const auto& address : rank) {
      require(address.is_string(), "[init] An address in ", path, " is not a text.");
      addresses.push_back(parse_endpoint(address.get_ref<const std::string&>()));
    }
  }
  return hosts;
}

std::vector<Endpoint> read_data_addresses(const Environment& e) {
  const std::string text = text_of("MLX_DATA_ADDRESSES");
  if (text.empty())
    return e.hosts.empty() ? std::vector<Endpoint>{} : e.hosts[static_cast<size_t>(e.rank)];
  std::vector<Endpoint> addresses;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    try {
      addresses.push_back(parse_address(std::string_view(text).substr(begin, end - begin)));
    } catch (const std::invalid_argument& error) {
      throw_invalid("[init] MLX_DATA_ADDRESSES makes no sense: ", error.what());
    }
    begin = end + 1;
  }
  return addresses;
}

int read_connections_per_ip(const Environment& e) {
  const int connections = number_of("MLX_CONNECTIONS_PER_IP", e.connections_per_ip);
  require(connections >= 1 && connections <= kMostConnections,
          "[init] MLX_CONNECTIONS_PER_IP makes no sense: got ", connections,
          ", expected a number from 1 to ", kMostConnections, ".");
  return connections;
}

// JACCL tells the number of ranks by the device matrix only.
int rows_of_matrix(const std::string& path) {
  const auto json = nlohmann::json::parse(read_file(path, "MLX_IBV_DEVICES"), nullptr, false);
  require(json.is_array() && !json.empty(),
          "[init] MLX_IBV_DEVICES is no matrix: expected a JSON list with a row for each rank in ",
          path, ".");
  return static_cast<int>(json.size());
}

// Where those who use JACCL or NCCL say that they meet.
std::optional<Endpoint> other_rendezvous() {
  if (const auto text = text_of_either("MLX_JACCL_COORDINATOR", "JACCL_COORDINATOR");
      !text.empty()) {
    return parse_endpoint(text);
  }
  const std::string host = text_of("NCCL_HOST_IP");
  if (host.empty()) return {};
  return Endpoint{host, number_of("NCCL_PORT", uint16_t{0})};
}

void look_for_other_launcher(Environment& e) {
  const auto found = find_other_launcher(text_of);
  if (!found) return;
  e.rank = found->rank;
  e.world_size = found->world_size;
  e.local_rank = found->local_rank;
  e.generation = found->generation;
  e.rendezvous = found->rendezvous;
}

std::string choice_of(const char* name, std::initializer_list<const char*> allowed) {
  std::string text = text_of(name);
  if (text.empty()) return text;
  std::string list;
  for (const char* word : allowed) {
    if (text == word) return text;
    list += list.empty() ? word : std::string(", ") + word;
  }
  throw_invalid("[init] ", name, " makes no sense: got \"", text, "\", expected one of ", list,
                ".");
}

std::string seconds_text(Milliseconds limit) {
  return std::to_string(static_cast<double>(limit.count()) / 1000);
}

}  // namespace

Environment read_environment() {
  Environment e;
  e.rank = number_of(text_of("MLX_RANK").empty() ? "JACCL_RANK" : "MLX_RANK", 0);
  e.ibv_devices = text_of_either("MLX_IBV_DEVICES", "JACCL_IBV_DEVICES");
  const bool by_matrix = text_of("MLX_WORLD_SIZE").empty() && !e.ibv_devices.empty();
  e.world_size = by_matrix ? rows_of_matrix(e.ibv_devices) : number_of("MLX_WORLD_SIZE", 1);
  if (const std::string path = text_of("MLX_HOSTFILE"); !path.empty()) {
    e.hosts = read_hostfile(path);
    e.world_size = static_cast<int>(e.hosts.size());
    e.rendezvous = e.hosts[0][0];
  }
  if (const std::string text = text_of("MLX_RENDEZVOUS"); !text.empty()) {
    try {
      e.rendezvous = parse_endpoint(text);
    } catch (const std::invalid_argument& error) {
      throw_invalid("[init] MLX_RENDEZVOUS makes no sense: ", error.what());
    }
  }
  if (!e.rendezvous) e.rendezvous = other_rendezvous();
  require(e.rank < e.world_size, "[init] MLX_RANK makes no sense: got ", e.rank,
          ", expected less than the ", e.world_size, " ranks of the job.");
  e.data_addresses = read_data_addresses(e);
  e.connections_per_ip = read_connections_per_ip(e);
  e.local_rank = number_of("MLX_LOCAL_RANK", number_of("OMPI_COMM_WORLD_LOCAL_RANK", e.rank));
  e.generation = number_of("MLX_GENERATION", uint64_t{0});
  if (!e.rendezvous && e.world_size == 1) look_for_other_launcher(e);
  e.launcher_serves = choice_of("MLX_RENDEZVOUS_OWNER", {"launcher", "rank0"}) == "launcher";
  e.secret = read_secret();
  e.limits.connect = seconds_of("MLX_CONNECT_LIMIT", e.limits.connect);
  e.limits.operation = seconds_of("MLX_OPERATION_LIMIT", e.limits.operation);
  e.limits.heartbeat = seconds_of("MLX_HEARTBEAT_LIMIT", e.limits.heartbeat);
  e.backend = choice_of("MLX_BACKEND", {"any", "ring", "mpi", "rdma", "jaccl", "nccl"});
  e.transport = choice_of("MLX_TRANSPORT", {"auto", "tcp", "shm", "rdma"});
  e.algorithm = choice_of("MLX_ALGORITHM", {"direct", "doubling", "ring", "both_ways", "pairwise",
                                            "tree", "hierarchical"});
  e.host_id = text_of("MLX_HOST_ID");
  e.flight_folder = text_of("MLX_FLIGHT_DIR");
  e.detail = choice_of("MLX_DISTRIBUTED_DEBUG", {"off", "detail"}) == "detail";
  e.mpi_library = text_of("MLX_MPI_LIBNAME");
  e.started_by_mpi =
      !text_of("OMPI_COMM_WORLD_SIZE").empty() || !text_of_either("PMIX_RANK", "PMI_RANK").empty();
  e.ibv_port = number_of("MLX_IBV_PORT", 0);
  e.ibv_gid_index = number_of("MLX_IBV_GID_INDEX", -1);
  const std::string ring = text_of_either("MLX_JACCL_RING", "JACCL_RING");
  e.jaccl_ring = !ring.empty() && ring != "0";
  return e;
}

bool single_copy_allowed() { return text_of("MLX_SINGLE_COPY") != "0"; }

std::vector<std::pair<std::string, std::string>> environment_variables(const Environment& e) {
  std::vector<std::pair<std::string, std::string>> out{
      {"MLX_RANK", std::to_string(e.rank)},
      {"MLX_WORLD_SIZE", std::to_string(e.world_size)},
      {"MLX_LOCAL_RANK", std::to_string(e.local_rank)},
      {"MLX_GENERATION", std::to_string(e.generation)},
      {"MLX_RENDEZVOUS_OWNER", e.launcher_serves ? "launcher" : "rank0"},
      {"MLX_JOB_SECRET", e.secret.text()},
      {"MLX_CONNECT_LIMIT", seconds_text(e.limits.connect)},
      {"MLX_OPERATION_LIMIT", seconds_text(e.limits.operation)},
      {"MLX_HEARTBEAT_LIMIT", seconds_text(e.limits.heartbeat)}};
  if (e.rendezvous) out.emplace_back("MLX_RENDEZVOUS", to_string(*e.rendezvous));
  if (e.connections_per_ip != 1) {
    out.emplace_back("MLX_CONNECTIONS_PER_IP", std::to_string(e.connections_per_ip));
  }
  if (!e.transport.empty()) out.emplace_back("MLX_TRANSPORT", e.transport);
  if (!e.algorithm.empty()) out.emplace_back("MLX_ALGORITHM", e.algorithm);
  if (!e.host_id.empty()) out.emplace_back("MLX_HOST_ID", e.host_id);
  if (!e.flight_folder.empty()) out.emplace_back("MLX_FLIGHT_DIR", e.flight_folder);
  return out;
}

}  // namespace mlx::core::distributed
