#pragma once

// A collective as data, and the header that says on the wire which one it is.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "mlx/core/dtype.h"
#include "mlx/distributed/reduce.h"

namespace mlx::core::distributed {

enum class Operation : uint8_t {
  all_reduce,
  all_gather,
  reduce_scatter,
  broadcast,
  barrier,
  send,
  recv,
};

/// One rank's part in a collective. `in` and `out` may be the same memory
/// (all_reduce, broadcast) but must not overlap otherwise.
///
///   all_reduce      in [n]         out [n]
///   all_gather      in [n]         out [ranks * n]
///   reduce_scatter  in [ranks * n] out [n]
///   broadcast       in [n] of the root `peer`; out [n] of everyone
///   barrier         nothing
///   send            in [n], to `peer`
///   recv            out [n], from `peer`
struct Collective {
  Operation operation = Operation::barrier;
  Reduction reduction = Reduction::none;
  Dtype dtype = uint8;
  int peer = -1;
  std::span<const std::byte> in;
  std::span<std::byte> out;

  /// What all ranks must agree on: the bytes of `in`; of `out` for recv and broadcast.
  uint64_t bytes() const;
};

enum class Algorithm : uint8_t { direct, doubling, ring, pairwise };

/// What precedes what a rank sends to another within one collective. Both sides
/// build it on their own, so checking is comparing.
struct Header {
  uint32_t generation;
  uint32_t group;
  uint64_t sequence;  ///< of the group; for send and recv, of the pair
  uint64_t bytes;
  Operation operation;  ///< recv is written as send
  uint8_t dtype;
  Reduction reduction;
  Algorithm algorithm;
  int32_t root;  ///< of a broadcast; -1 otherwise

  bool operator==(const Header&) const = default;
};
static_assert(sizeof(Header) == 32);

/// "all_sum", "all_gather", "sum_scatter", ...: as the public function is called.
const char* operation_name(Operation operation, Reduction reduction);

/// "#17 all_sum float32[4]".
std::string describe(const Header& header);

}  // namespace mlx::core::distributed
