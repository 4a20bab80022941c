#pragma once

// The ops behind ops.h, for their derivatives and mappings.

#include <memory>
#include <vector>

#include "mlx/core/graph/op.h"
#include "mlx/core/utils.h"
#include "mlx/distributed/distributed.h"
#include "mlx/distributed/group.h"
#include "mlx/distributed/reduce.h"

namespace mlx::core::distributed {

/// How long each rank's part is along axis 0; empty where all are equal.
using Rows = std::vector<int64_t>;

/// Whose collective, and how long it may take (0: as the group says).
struct GroupHandle {
  std::shared_ptr<detail::GroupImpl> impl;
  Milliseconds limit{0};

  detail::GroupImpl* operator->() const { return impl.get(); }
  detail::GroupImpl& operator*() const { return *impl; }
  bool operator==(const GroupHandle&) const = default;
};

struct CollectiveAttrs {
  GroupHandle group;
  Reduction reduction = Reduction::none;
  int root = -1;
  Rows to_each = {};    // what goes to each rank: sum_scatter, scatter, all_to_all
  Rows from_each = {};  // what comes from each: all_gather, gather, all_to_all
  /// Of an all_gather: what the ranks make of the result differs, so that its
  /// derivative is a sum_scatter. The public one's result is replicated.
  bool varying = false;

  bool operator==(const CollectiveAttrs&) const = default;
};

extern const Op kAllReduce, kAllGather, kSumScatter, kBroadcast, kReduce, kGather, kScatter,
    kAllToAll, kBarrier;

inline const CollectiveAttrs& collective_attrs(const Attrs& attrs) {
  return attrs.get<CollectiveAttrs>();
}

/// Dense in row-major order, which is what moves between ranks.
array dense(const array& x);

/// A node of that op on `x`, made dense.
array collective(const Op& op, const array& x, CollectiveAttrs attrs, Stream stream);

GroupHandle group_or_world(const std::optional<Group>& group);

/// The caller's stream, or the group's own: a device says nothing about which queue.
Stream stream_for(detail::GroupImpl& group, const StreamOrDevice& s);

// --- For kernels.

inline std::span<std::byte> bytes_of(array& x) { return {x.data<std::byte>(), x.nbytes()}; }
void allocate(array& out);

/// For Op::turns: the collectives of a group take turns. AttrsType has a `group`.
template <typename AttrsType>
inline constexpr Turns kGroupTurns{
    [](const Attrs& attrs) { return attrs.get<AttrsType>().group->reserve(); },
    [](const Attrs& attrs, uint64_t turn) { attrs.get<AttrsType>().group->forgo(turn); }};

/// Keeps the buffers of a kernel's arrays.
class BufferKeeper final : public Keeper {
 public:
  explicit BufferKeeper(const KernelArgs& args) : args_(args) {}
  std::shared_ptr<void> keep() const override;

 private:
  const KernelArgs& args_;
};

// --- Rules.

Arrays vjp_all_reduce(const VjpArgs& args);
Arrays jvp_all_reduce(const JvpArgs& args);
Arrays vjp_all_gather(const VjpArgs& args);
Arrays vjp_sum_scatter(const VjpArgs& args);
Arrays vjp_broadcast(const VjpArgs& args);
Arrays vjp_reduce(const VjpArgs& args);
Arrays jvp_reduce(const JvpArgs& args);
Arrays vjp_gather(const VjpArgs& args);
Arrays vjp_scatter(const VjpArgs& args);
Arrays vjp_all_to_all(const VjpArgs& args);

/// The same operation on tangents, which are the inputs' in number and shape.
template <const Op* op>
Arrays linear(const JvpArgs& args) {
  return {collective(*op, args.tangents[0], collective_attrs(args.attrs), args.stream)};
}

/// `value`, evaluated together with `other`: so that a rank takes part in a
/// collective whose result it does not need.
array together(const array& value, const array& other);

/// The same operation element by element: the mapped axis stays.
template <const Op* op>
Mapped vmap_elements(const VmapArgs& args) {
  return {{collective(*op, args.inputs[0], collective_attrs(args.attrs), args.stream)},
          {args.axes[0]}};
}

/// The same operation along axis 0: the mapped axis goes behind it.
Mapped vmap_rows(const Op& op, const VmapArgs& args);
template <const Op* op>
Mapped vmap_rows(const VmapArgs& args) {
  return vmap_rows(*op, args);
}

}  // namespace mlx::core::distributed
