#pragma once

// A collective as data, and the header that says on the wire which one it is.

#include <cstddef>
#include <cstdint>
#include <memory>
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
  reduce,
  gather,
  scatter,
  all_to_all,
  barrier,
  send,
  recv,
  split,  ///< of the group's transport; moves no data
};

/// Keeps the memory of a call alive beyond it, for a library that cannot be
/// told to stop using it after a failure.
class Keeper {
 public:
  virtual std::shared_ptr<void> keep() const = 0;

 protected:
  ~Keeper() = default;
};

/// One rank's part in a collective. `in` and `out` may be the same memory
/// (all_reduce, broadcast, reduce) but must not overlap otherwise.
///
///   all_reduce      in [n]         out [n]
///   all_gather      in [n]         out [ranks * n]
///   reduce_scatter  in [ranks * n] out [n]
///   broadcast       in [n] of the root `peer`; out [n] of everyone
///   reduce          in [n]         out [n] of the root
///   gather          in [n]         out [ranks * n] of the root
///   scatter         in [ranks * n] of the root; out [n]
///   all_to_all      in [ranks * n] out [ranks * n]
///   barrier         nothing
///
/// Where the ranks' parts differ in size, `in_parts` (reduce_scatter, scatter,
/// all_to_all) and `out_parts` (all_gather, gather, all_to_all) hold the bytes
/// of each; they are empty otherwise. All ranks know them, root or not; those
/// of an all_to_all are each rank's own.
struct Collective {
  Operation operation = Operation::barrier;
  Reduction reduction = Reduction::none;
  Dtype dtype = uint8;
  int peer = -1;
  std::span<const std::byte> in = {};
  std::span<std::byte> out = {};
  std::span<const size_t> in_parts = {};
  std::span<const size_t> out_parts = {};
  const Keeper* keeper = nullptr;
  bool on_gpu = false;  ///< `in` and `out` are in the memory of GPUs, on all ranks

  /// What all ranks must agree on: the bytes of one rank's even part, or of all
  /// uneven parts together; 0 for an uneven all_to_all, whose pairs agree.
  uint64_t bytes() const;
};

/// A message from one rank to another; several of them move at the same time.
/// A receive takes the first message of its peer that has its tag.
struct Transfer {
  Operation operation = Operation::send;  ///< or recv
  Dtype dtype = uint8;
  int peer = -1;
  int tag = 0;
  std::span<const std::byte> in = {};  ///< of a send
  std::span<std::byte> out = {};       ///< of a recv
  bool on_gpu = false;                 ///< in the memory of a GPU, at both ends

  uint64_t bytes() const { return operation == Operation::send ? in.size() : out.size(); }
};

enum class Algorithm : uint8_t {
  direct,
  doubling,
  ring,
  both_ways,
  pairwise,
  tree,
  hierarchical,
  native
};

/// What precedes what a rank sends to another within one collective. Both sides
/// build it on their own, so checking is comparing.
struct Header {
  uint32_t generation;
  uint32_t group;
  uint64_t sequence;  ///< of the group; for a send, of the pair and tag
  uint64_t bytes;
  Operation operation;  ///< a recv is written as send
  uint8_t dtype;
  Reduction reduction;
  Algorithm algorithm;
  int32_t root;    ///< of broadcast, reduce, gather and scatter; -1 otherwise
  int32_t tag;     ///< of a send; 0 otherwise
  uint32_t parts;  ///< a digest of uneven parts that all ranks know; of a send, of the header

  bool operator==(const Header&) const = default;
};
static_assert(sizeof(Header) == 40);

/// "all_sum", "all_gather", "sum_scatter", ...: as the public function is called.
const char* operation_name(Operation operation, Reduction reduction);

/// "#17 all_sum float32[4]".
std::string describe(const Header& header);

}  // namespace mlx::core::distributed
