// The collectives that MPI does better than we do: long ones that only copy. Its
// reductions lose against ours over the same messages (docs/mpi.md), and would
// round half types at each step.

#include <climits>

#include "mlx/distributed/algorithms/chunks.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/collective.h"
#include "mlx/distributed/transports/mpi/transport.h"
#include "mlx/distributed/transports/patience.h"

namespace mlx::core::distributed::mpi {

/// The ranks' parts in bytes as MPI wants them; they stay until it is done.
struct MpiTransport::Layout {
  std::vector<int> counts, offsets;

  Layout(const Chunks& chunks, int ranks) {
    for (int rank = 0; rank < ranks; ++rank) {
      counts.push_back(static_cast<int>(chunks.size(rank)));
      offsets.push_back(static_cast<int>(chunks.begin(rank)));
    }
  }
};

bool MpiTransport::is_native(const Collective& c) const {
  constexpr size_t kLong = 8 << 20;
  const bool copies = c.operation == Operation::all_gather || c.operation == Operation::broadcast ||
                      // The sizes of an uneven one are not the same on all ranks.
                      (c.operation == Operation::all_to_all && c.in_parts.empty());
  // Its counts are ints.
  return options_.native && copies && c.out.size() >= kLong && c.out.size() <= INT_MAX;
}

void MpiTransport::run_native(const Collective& c, Deadline deadline) {
  check_aborted();
  const Library& l = mpi_->library();
  const auto count = [](auto bytes) { return static_cast<int>(bytes.size()); };
  if (c.operation == Operation::broadcast) {
    if (rank_ == c.peer) copy_bytes(c.out, c.in);
    mpi_->call(l.ibcast, c.out.data(), count(c.out), l.byte, c.peer, comm_, &native_);
    return wait_native(deadline);
  }
  layout_ = std::make_shared<Layout>(chunks_of_parts(c.out.size(), size(), c.out_parts), size());
  const int* counts = layout_->counts.data();
  const int* offsets = layout_->offsets.data();
  if (c.operation == Operation::all_gather) {
    mpi_->call(l.iallgatherv, c.in.data(), count(c.in), l.byte, c.out.data(), counts, offsets,
               l.byte, comm_, &native_);
  } else {
    mpi_->call(l.ialltoallv, c.in.data(), counts, offsets, l.byte, c.out.data(), counts, offsets,
               l.byte, comm_, &native_);
  }
  wait_native(deadline);
}

void MpiTransport::wait_native(Deadline deadline) {
  Patience patience(options_.crowded);
  while (!mpi_->test(native_)) {
    check_aborted();
    if (Clock::now() >= deadline) {
      Circumstances where;
      where.rank = rank_;
      throw TimeoutError("The deadline has passed", where);
    }
    patience.pause();
  }
}

}  // namespace mlx::core::distributed::mpi
