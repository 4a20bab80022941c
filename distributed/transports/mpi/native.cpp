// Collectives by MPI's own: which of them, and how.

#include <array>
#include <climits>

#include "mlx/distributed/algorithms/chunks.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/collective.h"
#include "mlx/distributed/transports/mpi/transport.h"
#include "mlx/distributed/transports/patience.h"

namespace mlx::core::distributed::mpi {
namespace {

struct Arithmetic {
  Datatype type;
  Op op;
};

// Null where MPI's arithmetic is not ours, bit by bit and on all ranks alike: it
// rounds half types at each step, and NaN and the two zeros make the result of
// min and max depend on the order; so does a product of complex numbers.
Arithmetic arithmetic(const Library& l, Dtype dtype, Reduction reduction) {
  const bool adds = reduction == Reduction::sum || reduction == Reduction::prod;
  const Op op = reduction == Reduction::sum    ? l.sum
                : reduction == Reduction::prod ? l.prod
                : reduction == Reduction::min  ? l.min
                                               : l.max;
  switch (dtype.val()) {
    case Dtype::Val::bool_:  // 0 and 1: "or" is the larger, "and" the smaller
      return {l.uint8, op == l.sum ? l.max : op == l.prod ? l.min : op};
    // Signed integers wrap as unsigned ones do.
    case Dtype::Val::uint8:
      return {l.uint8, op};
    case Dtype::Val::int8:
      return {adds ? l.uint8 : l.int8, op};
    case Dtype::Val::uint16:
      return {l.uint16, op};
    case Dtype::Val::int16:
      return {adds ? l.uint16 : l.int16, op};
    case Dtype::Val::uint32:
      return {l.uint32, op};
    case Dtype::Val::int32:
      return {adds ? l.uint32 : l.int32, op};
    case Dtype::Val::uint64:
      return {l.uint64, op};
    case Dtype::Val::int64:
      return {adds ? l.uint64 : l.int64, op};
    case Dtype::Val::float32:
      return {adds ? l.float32 : nullptr, op};
    case Dtype::Val::float64:
      return {adds ? l.float64 : nullptr, op};
    case Dtype::Val::complex64:
      return {reduction == Reduction::sum ? l.complex64 : nullptr, op};
    default:
      return {nullptr, op};
  }
}

bool reduces(Operation operation) {
  return operation == Operation::all_reduce || operation == Operation::reduce ||
         operation == Operation::reduce_scatter;
}

}  // namespace

/// The ranks' parts as MPI wants them; they stay until it is done.
struct MpiTransport::Layout {
  std::vector<int> counts, offsets;

  Layout(const Chunks& chunks, int ranks, size_t width) {
    for (int rank = 0; rank < ranks; ++rank) {
      counts.push_back(static_cast<int>(chunks.size(rank) / width));
      offsets.push_back(static_cast<int>(chunks.begin(rank) / width));
    }
  }
};

bool MpiTransport::is_native(const Collective& c) const {
  const auto ranks = static_cast<uint64_t>(size());
  const bool counts_fit = c.bytes() * ranks <= INT_MAX;
  const bool known =
      !reduces(c.operation) || arithmetic(mpi_->library(), c.dtype, c.reduction).type != nullptr;
  // The sizes of an uneven all_to_all are not the same on all ranks.
  const bool agreed = c.operation != Operation::all_to_all || c.in_parts.empty();
  return counts_fit && known && agreed;
}

void MpiTransport::wait_native(Deadline deadline) {
  Patience patience(crowded_);
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

void MpiTransport::run_native(const Collective& c, Deadline deadline) {
  check_aborted();
  const Library& l = mpi_->library();
  const auto [type, op] =
      reduces(c.operation) ? arithmetic(l, c.dtype, c.reduction) : Arithmetic{l.byte, nullptr};
  const size_t width = reduces(c.operation) ? c.dtype.size() : 1;
  const bool root = rank_ == c.peer;
  const void* in = c.in.data();
  void* out = c.out.data();
  const auto count = [&](auto bytes) { return static_cast<int>(bytes.size() / width); };
  const auto layout = [&](size_t bytes, std::span<const size_t> parts) -> const Layout& {
    layout_ = std::make_shared<Layout>(chunks_of_parts(bytes, size(), parts), size(), width);
    return *layout_;
  };
  switch (c.operation) {
    case Operation::all_reduce:
      mpi_->call(l.iallreduce, in == out ? kInPlace : in, out, count(c.out), type, op, comm_,
                 &native_);
      break;
    case Operation::reduce:
      mpi_->call(l.ireduce, root && in == out ? kInPlace : in, out, count(c.in), type, op, c.peer,
                 comm_, &native_);
      break;
    case Operation::reduce_scatter:
      mpi_->call(l.ireduce_scatter, in, out, layout(c.in.size(), c.in_parts).counts.data(), type,
                 op, comm_, &native_);
      break;
    case Operation::broadcast:
      if (root) copy_bytes(c.out, c.in);
      mpi_->call(l.ibcast, out, count(c.out), type, c.peer, comm_, &native_);
      break;
    case Operation::all_gather: {
      const Layout& parts = layout(c.out.size(), c.out_parts);
      mpi_->call(l.iallgatherv, in, count(c.in), type, out, parts.counts.data(),
                 parts.offsets.data(), type, comm_, &native_);
      break;
    }
    case Operation::gather: {
      const Layout& parts = layout(c.out.size(), c.out_parts);
      mpi_->call(l.igatherv, in, count(c.in), type, out, parts.counts.data(), parts.offsets.data(),
                 type, c.peer, comm_, &native_);
      break;
    }
    case Operation::scatter: {
      const Layout& parts = layout(c.in.size(), c.in_parts);
      mpi_->call(l.iscatterv, in, parts.counts.data(), parts.offsets.data(), type, out,
                 count(c.out), type, c.peer, comm_, &native_);
      break;
    }
    case Operation::all_to_all: {
      const Layout& parts = layout(c.in.size(), {});
      mpi_->call(l.ialltoallv, in, parts.counts.data(), parts.offsets.data(), type, out,
                 parts.counts.data(), parts.offsets.data(), type, comm_, &native_);
      break;
    }
    default:
      mpi_->call(l.ibarrier, comm_, &native_);
  }
  wait_native(deadline);
}

}  // namespace mlx::core::distributed::mpi
