#pragma once

// What a process learns from its environment about the job it belongs to.
// Environment variables are read here and nowhere else below distributed/.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mlx/distributed/bootstrap/endpoint.h"
#include "mlx/distributed/bootstrap/secret.h"
#include "mlx/distributed/bootstrap/time_limit.h"

namespace mlx::core::distributed {

/// The most connections that a pair of ranks may have.
constexpr int kMostConnections = 64;

/// How long to wait for what. In the environment in seconds (fractions allowed).
struct Limits {
  Milliseconds connect{60'000};     ///< MLX_CONNECT_LIMIT: rendezvous, connecting, accepting
  Milliseconds operation{600'000};  ///< MLX_OPERATION_LIMIT: one collective
  Milliseconds heartbeat{10'000};   ///< MLX_HEARTBEAT_LIMIT: silence after which a peer is lost
};

/// One process's view of its job.
struct Environment {
  int rank = 0;        ///< MLX_RANK
  int world_size = 1;  ///< MLX_WORLD_SIZE, or the length of the hostfile or device matrix
  /// MLX_LOCAL_RANK (or OMPI_COMM_WORLD_LOCAL_RANK): number among the ranks of this host.
  int local_rank = 0;
  uint64_t generation = 0;  ///< MLX_GENERATION: counts restarts of the job
  /// MLX_RENDEZVOUS=host:port, or the first address of rank 0 in the hostfile, or
  /// MLX_JACCL_COORDINATOR (JACCL_COORDINATOR), or NCCL_HOST_IP and NCCL_PORT.
  std::optional<Endpoint> rendezvous;
  /// MLX_RENDEZVOUS_OWNER=launcher: the launcher serves it; otherwise rank 0 does.
  bool launcher_serves = false;
  /// MLX_JOB_SECRET, or the content of the file MLX_JOB_SECRET_FILE.
  Secret secret;
  /// MLX_HOSTFILE: a JSON list of ranks, each a list of "ip:port". Empty without one.
  std::vector<std::vector<Endpoint>> hosts;
  /// MLX_DATA_ADDRESSES: where this rank accepts connections for data, "ip" or "ip:port" with
  /// commas between; else its entry of the hostfile. "*", and empty: where it reaches the
  /// rendezvous from.
  std::vector<Endpoint> data_addresses;
  int connections_per_ip = 1;  ///< MLX_CONNECTIONS_PER_IP: of a pair of ranks, at each address
  Limits limits;

  std::string
      backend;  ///< MLX_BACKEND: the one that init() takes as "any"; empty: the first usable
  std::string transport;  ///< MLX_TRANSPORT: tcp, shm, rdma or auto (the default)
  /// MLX_ALGORITHM: direct, doubling, ring, both_ways, pairwise, tree or hierarchical; empty:
  /// choose
  std::string algorithm;
  std::string host_id;        ///< MLX_HOST_ID: ranks with equal ids share memory; default: boot id
  std::string flight_folder;  ///< MLX_FLIGHT_DIR: where the flight recorder dumps; empty: nowhere
  /// MLX_DISTRIBUTED_DEBUG=detail: compares each collective across all ranks before it moves data.
  bool detail = false;

  std::string
      mpi_library;  ///< MLX_MPI_LIBNAME: the name of Open MPI's library; empty: libmpi.so.40
  /// OMPI_COMM_WORLD_SIZE, PMIX_RANK or PMI_RANK is there: mpirun or srun started this process.
  bool started_by_mpi = false;
  /// MLX_IBV_DEVICES (or JACCL_IBV_DEVICES): a file with a JSON matrix, for each pair of ranks
  /// null, a device's name, or a list of names. Empty: the first usable port.
  std::string ibv_devices;
  int ibv_port = 0;         ///< MLX_IBV_PORT: number of the device's port; 0: the first active one
  int ibv_gid_index = -1;   ///< MLX_IBV_GID_INDEX: -1: chosen by type and address family
  bool jaccl_ring = false;  ///< MLX_JACCL_RING (or JACCL_RING): a ring even if the matrix is full

  bool serves_rendezvous() const { return rank == 0 && !launcher_serves; }
};

/// Reads the variables above. Where they tell of no job: those of other launchers
/// (other_launcher.h).
/// Errors: std::invalid_argument naming the variable that makes no sense;
///         std::runtime_error for a file that cannot be read.
Environment read_environment();

/// MLX_SINGLE_COPY is not 0: large messages within a host may be read straight out of the
/// sender's memory. Read each time.
bool single_copy_allowed();

/// The variables that tell a rank of a job what `environment` says, for
/// whoever starts it. The caller overrides rank and local_rank for each.
std::vector<std::pair<std::string, std::string>> environment_variables(
    const Environment& environment);

}  // namespace mlx::core::distributed
