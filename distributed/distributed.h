#pragma once

// Groups of processes that run collectives together.

#include <cstddef>
#include <functional>
#include <memory>
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

/// Some ranks of a job, in an order. A handle: copies are the same group.
struct Group {
  Group(std::shared_ptr<detail::GroupImpl> group) : group_(std::move(group)) {}  // NOLINT

  /// This process's number in the group, from 0.
  int rank() const;
  /// How many processes the group has.
  int size() const;

  /// The sub-group of the ranks that pass the same color, ordered by key.
  ///
  /// Ranks:  every rank of the group, at the same point.
  /// Errors: std::runtime_error: no backend can divide its groups yet.
  Group split(int color, int key = -1) const;

  const std::shared_ptr<detail::GroupImpl>& raw_group() const { return group_; }

 private:
  std::shared_ptr<detail::GroupImpl> group_;
};

/// The group of all ranks of the job that the environment describes (see
/// bootstrap/environment.h; mlx-launch sets it), made on the first call and
/// kept for each backend. "any" is the backend that was made first, or else the
/// first of nccl, ring, mpi and rdma that is available and has a job. Without a
/// job: a group of one, on which collectives are no-ops.
///
/// Ranks:  every rank of the job; returns when all have come.
/// Errors: std::invalid_argument for an unknown backend; std::runtime_error if
///         `strict` and there is no job or the backend is not available.
///         When there is a job but it does not come together, TimeoutError,
///         AuthenticationError or PeerLostError, even if not strict: a rank
///         that went on alone would compute something else.
Group init(bool strict = false, const std::string& bk = "any");

/// For backends that need the program's help to meet; ours do not.
/// Errors: as above; std::invalid_argument if bk is not "jaccl".
Group init(bool strict, const std::string& bk, AllGatherFactory factory);

/// Forgets the groups that init() has made; they end with their last handle.
void clear_backends();

}  // namespace mlx::core::distributed
