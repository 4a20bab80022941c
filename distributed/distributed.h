#pragma once

// Groups of processes that run collectives together.

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "mlx/distributed/bootstrap/errors.h"

namespace mlx::core::distributed {

namespace detail {
class GroupImpl;
}

/// A byte-level exchange among the ranks that a program brings along: given
/// rank and size, a function that gathers everybody's bytes.
using AllGatherFn = std::function<void(const char*, char*, size_t)>;
using AllGatherFactory = std::function<AllGatherFn(int, int)>;

/// Whether processes can work together at all: always.
bool is_available();

/// Whether the backend can be used by this build on this machine: "any", "ring"
/// (shared memory within a host, TCP between hosts), "mpi" (Open MPI is installed),
/// "rdma" or "jaccl" (there is an RDMA device), "nccl" (the library and a GPU are
/// there). Asking has no side effects.
/// Errors: std::invalid_argument for any other name.
bool is_available(const std::string& bk);

/// Some ranks of a job, in an order. A handle: copies are the same group. Handles
/// of one group may differ in their timeout.
struct Group {
  Group(std::shared_ptr<detail::GroupImpl> group) : group_(std::move(group)) {}  // NOLINT

  /// This process's number in the group, from 0.
  int rank() const;
  /// How many processes the group has.
  int size() const;

  /// The sub-group of the ranks that pass the same color, ordered by key.
  ///
  /// Groups work at the same time, and a failure is the affair of those that the
  /// rank belongs to. A group of one is its own sub-group.
  ///
  /// @param key  -1: the rank in this group. Equal keys are ordered by rank.
  /// Ranks:  every rank of the group, at the same point.
  /// Errors: as of a collective.
  Group split(int color, int key = -1) const;

  /// The same group, with another limit for the operations that are built with
  /// the handle: all_sum(x, group.with_timeout(5s)). Derivatives keep it.
  ///
  /// Errors: std::invalid_argument if it is not positive.
  Group with_timeout(std::chrono::milliseconds limit) const;
  /// How long an operation of the group may take where with_timeout() says
  /// nothing, on this rank. At first MLX_OPERATION_LIMIT.
  ///
  /// Errors: std::invalid_argument if it is not positive.
  void set_timeout(std::chrono::milliseconds limit);
  std::chrono::milliseconds timeout() const;

  /// Gives the group up: on every rank, pending and later operations throw
  /// AbortedError with the reason. Callable from any thread.
  void abort(const std::string& reason);

  /// The group of the ranks that remain after a failure, in the same order:
  /// they meet again where the job met, without being started anew. A group
  /// that has not failed is given up first, so that all its ranks come here.
  /// init() goes on returning the group of all ranks: pass the new one on.
  ///
  /// Ranks:  every rank of the group that is alive. Who dies meanwhile is left
  ///         out; who was given up as lost (it had been stopped, or cut off)
  ///         cannot come back.
  /// Errors: TimeoutError naming a rank that is alive and does not come within
  ///         MLX_CONNECT_LIMIT; PeerLostError if the rendezvous went with rank
  ///         0, or with the launcher.
  Group shrink() const;

  const std::shared_ptr<detail::GroupImpl>& raw_group() const { return group_; }
  /// What with_timeout() has said.
  std::optional<std::chrono::milliseconds> own_timeout() const { return limit_; }

 private:
  std::shared_ptr<detail::GroupImpl> group_;
  std::optional<std::chrono::milliseconds> limit_;  // else the group's
};

/// Returns when every rank has come, as barrier(), or says who has not: all
/// others throw a TimeoutError that lists the missing ranks, and the group is
/// given up. Runs at once, after what was evaluated before.
///
/// Ranks:  every rank of the group, in the order of its collectives.
/// Errors: std::invalid_argument if the limit is not positive; those of a collective.
void monitored_barrier(const Group& group, std::chrono::milliseconds limit);

/// The group of all ranks of the job that the environment describes (see
/// bootstrap/environment.h; mlx-launch sets it), made on the first call and
/// kept for each backend. "any" is the backend that was made first, or else the
/// first of nccl, ring, mpi and rdma that is available and has a job. Without a
/// job: a group of one, on which collectives are no-ops.
///
/// Ranks:  every rank of the job; returns when all have come.
/// Errors: std::invalid_argument for an unknown backend; std::runtime_error if
///         `strict` and there is no job or the backend is not available, which
///         says what is missing, for "any" with each backend.
///         When there is a job but it does not come together, TimeoutError,
///         AuthenticationError or PeerLostError, even if not strict: a rank
///         that went on alone would compute something else.
Group init(bool strict = false, const std::string& bk = "any");

/// For backends that need the program's help to meet; ours do not.
/// Errors: as above; std::invalid_argument if bk is not "jaccl".
Group init(bool strict, const std::string& bk, AllGatherFactory factory);

/// Writes the last collectives of every group of this process into `folder`,
/// made if it is not there: one JSON file for each group, which mlx-flight
/// explains together with those of the other ranks. What cannot be written is
/// in the log.
void dump_flight_records(const std::string& folder);

/// Forgets the groups that init() has made; they end with their last handle,
/// and this process then leaves the job. A job is joined once: init() after
/// that finds no rendezvous, unless a new job is in the environment. While some
/// handle is left, init() makes new groups of the same job, which all ranks
/// have to do.
void clear_backends();

}  // namespace mlx::core::distributed
