#include "mlx/distributed/transports/nccl/transport.h"

#include <algorithm>
#include <optional>

#include "mlx/core/base/error.h"
#include "mlx/distributed/algorithms/chunks.h"
#include "mlx/distributed/collective.h"

namespace mlx::core::distributed::nccl {
namespace {

struct Arithmetic {
  Type type;
  Op op;
  size_t width;  // bytes of a value of the type
};

Op op_of(Reduction reduction) {
  switch (reduction) {
    case Reduction::prod:
      return Op::prod;
    case Reduction::min:
      return Op::min;
    case Reduction::max:
      return Op::max;
    default:
      return Op::sum;
  }
}

// Empty where NCCL has nothing for it.
std::optional<Arithmetic> arithmetic(Dtype dtype, Reduction reduction) {
  const Op op = op_of(reduction);
  switch (dtype.val()) {
    case Dtype::Val::bool_:  // 0 and 1: "or" is the larger, "and" the smaller
      return Arithmetic{Type::uint8, op == Op::sum ? Op::max : op == Op::prod ? Op::min : op, 1};
    case Dtype::Val::uint8:
      return Arithmetic{Type::uint8, op, 1};
    case Dtype::Val::int8:
      return Arithmetic{Type::int8, op, 1};
    case Dtype::Val::uint32:
      return Arithmetic{Type::uint32, op, 4};
    case Dtype::Val::int32:
      return Arithmetic{Type::int32, op, 4};
    case Dtype::Val::uint64:
      return Arithmetic{Type::uint64, op, 8};
    case Dtype::Val::int64:
      return Arithmetic{Type::int64, op, 8};
    case Dtype::Val::float16:
      return Arithmetic{Type::float16, op, 2};
    case Dtype::Val::bfloat16:
      return Arithmetic{Type::bfloat16, op, 2};
    case Dtype::Val::float32:
      return Arithmetic{Type::float32, op, 4};
    case Dtype::Val::float64:
      return Arithmetic{Type::float64, op, 8};
    case Dtype::Val::complex64:  // real and imaginary parts add up by themselves
      if (op == Op::sum) return Arithmetic{Type::float32, op, 4};
      return {};
    default:
      return {};
  }
}

bool reduces(Operation operation) {
  return operation == Operation::all_reduce || operation == Operation::reduce ||
         operation == Operation::reduce_scatter;
}

/// The calls of one collective, inside a group.
struct Calls {
  Communicator& communicator;
  const Collective& c;
  int rank;
  int size;
  Comm comm;
  Stream stream;
  Arithmetic how;

  const Nccl& nccl() const { return communicator.nccl(); }
  size_t count(size_t bytes) const { return bytes / how.width; }
  Chunks chunks(std::span<const std::byte> all, std::span<const size_t> parts) const {
    return chunks_of_parts(all.size(), size, parts);
  }

  void send(int peer, std::span<const std::byte> bytes) const {
    if (bytes.empty()) return;
    communicator.call(nccl().send, bytes.data(), bytes.size(), Type::uint8, peer, comm, stream);
  }
  void recv(int peer, std::span<std::byte> bytes) const {
    if (bytes.empty()) return;
    communicator.call(nccl().recv, bytes.data(), bytes.size(), Type::uint8, peer, comm, stream);
  }
  void broadcast(int root, std::span<const std::byte> in, std::span<std::byte> out) const {
    if (out.empty()) return;
    communicator.call(nccl().broadcast, in.data(), out.data(), out.size(), Type::uint8, root, comm,
                      stream);
  }

  void all_reduce() const {
    communicator.call(nccl().all_reduce, c.in.data(), c.out.data(), count(c.in.size()), how.type,
                      how.op, comm, stream);
  }
  void reduce(int root, std::span<const std::byte> in, std::span<std::byte> out) const {
    if (in.empty()) return;
    communicator.call(nccl().reduce, in.data(), out.data(), count(in.size()), how.type, how.op,
                      root, comm, stream);
  }
  void reduce_scatter() const {
    if (c.in_parts.empty()) {
      communicator.call(nccl().reduce_scatter, c.in.data(), c.out.data(), count(c.out.size()),
                        how.type, how.op, comm, stream);
      return;
    }
    const Chunks parts = chunks(c.in, c.in_parts);
    for (int root = 0; root < size; ++root) reduce(root, parts.of(c.in, root), c.out);
  }
  void all_gather() const {
    if (c.out_parts.empty()) {
      communicator.call(nccl().all_gather, c.in.data(), c.out.data(), c.in.size(), Type::uint8,
                        comm, stream);
      return;
    }
    const Chunks parts = chunks(c.out, c.out_parts);
    for (int root = 0; root < size; ++root) broadcast(root, c.in, parts.of(c.out, root));
  }
  void gather() const {
    send(c.peer, c.in);
    if (rank != c.peer) return;
    const Chunks parts = chunks(c.out, c.out_parts);
    for (int peer = 0; peer < size; ++peer) recv(peer, parts.of(c.out, peer));
  }
  void scatter() const {
    if (rank == c.peer) {
      const Chunks parts = chunks(c.in, c.in_parts);
      for (int peer = 0; peer < size; ++peer) send(peer, parts.of(c.in, peer));
    }
    recv(c.peer, c.out);
  }
  void all_to_all() const {
    const Chunks to = chunks(c.in, c.in_parts), from = chunks(c.out, c.out_parts);
    for (int peer = 0; peer < size; ++peer) {
      send(peer, to.of(c.in, peer));
      recv(peer, from.of(c.out, peer));
    }
  }

  void all() const {
    switch (c.operation) {
      case Operation::all_reduce:
        return all_reduce();
      case Operation::reduce:
        return reduce(c.peer, c.in, c.out);
      case Operation::reduce_scatter:
        return reduce_scatter();
      case Operation::all_gather:
        return all_gather();
      case Operation::broadcast:
        return broadcast(c.peer, c.in, c.out);
      case Operation::gather:
        return gather();
      case Operation::scatter:
        return scatter();
      default:
        return all_to_all();
    }
  }
};

}  // namespace

void NcclTransport::abort() noexcept {
  communicator_->abort();
  control_->abort();
}

std::unique_ptr<Transport> NcclTransport::split(const Part& part, Deadline deadline) {
  auto communicator = communicator_->split(part.color, part.rank, deadline);
  return std::make_unique<NcclTransport>(gpu_, std::move(communicator), links_,
                                         links_->connect(part.group, part.world_ranks));
}

void NcclTransport::check_memory(const char* operation, std::span<const std::byte> bytes) const {
  require(bytes.empty() || gpu_->owns(bytes.data()), "[", operation,
          "] The data is not where it is said to be: got memory of the host, expected a GPU's.");
}

bool NcclTransport::is_native(const Collective& c) const {
  if (!c.on_gpu) return false;
  const char* name = operation_name(c.operation, c.reduction);
  require(!reduces(c.operation) || arithmetic(c.dtype, c.reduction), "[", name,
          "] nccl cannot reduce ", c.dtype, " in this way.");
  check_memory(name, c.in);
  check_memory(name, c.out);
  return true;
}

void NcclTransport::run_native(const Collective& c, Deadline deadline) {
  const Arithmetic how = reduces(c.operation) ? *arithmetic(c.dtype, c.reduction)
                                              : Arithmetic{Type::uint8, Op::sum, 1};
  communicator_->run(
      [&](Comm comm, Stream stream) {
        Calls{*communicator_, c, rank(), size(), comm, stream, how}.all();
      },
      deadline);
}

bool NcclTransport::is_native(std::span<const Transfer> transfers) const {
  const auto on_gpu = [](const Transfer& t) { return t.on_gpu; };
  if (std::none_of(transfers.begin(), transfers.end(), on_gpu)) return false;
  for (const Transfer& t : transfers) {
    check_memory(operation_name(t.operation, Reduction::none), t.in);
    check_memory(operation_name(t.operation, Reduction::none), t.out);
  }
  return true;
}

void NcclTransport::run_native(std::span<const Transfer> transfers, Deadline deadline) {
  const Collective none;
  communicator_->run(
      [&](Comm comm, Stream stream) {
        const Calls calls{*communicator_, none, rank(), size(), comm, stream, {}};
        for (const Transfer& t : transfers) {
          if (t.operation == Operation::send) {
            calls.send(t.peer, t.in);
          } else {
            calls.recv(t.peer, t.out);
          }
        }
      },
      deadline);
}

}  // namespace mlx::core::distributed::nccl
