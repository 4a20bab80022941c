#pragma once

// Where a group comes from, and so where the groups made of it come from.

#include <cstdint>
#include <memory>
#include <vector>

#include "mlx/distributed/bootstrap/meetings.h"
#include "mlx/distributed/transport.h"

namespace mlx::core::distributed::detail {

class GroupImpl;

class Origin {
 public:
  virtual ~Origin() = default;

  /// The ids that this process has not used start here.
  virtual uint32_t next_id() = 0;
  /// Uses the ids from `first` to before `end`. False, and none is used, when
  /// one of them was.
  virtual bool take_ids(uint32_t first, uint32_t end) = 0;

  /// A group of these ranks, in that order; this process is among them. All of
  /// them call it at the same point, with an id that none of them has used.
  /// `transport` is theirs; null: they connect anew.
  virtual std::shared_ptr<GroupImpl> group(uint32_t id, uint64_t generation,
                                           std::vector<int> world_ranks,
                                           std::unique_ptr<Transport> transport) = 0;

  /// Waits for those of the group's ranks that are still in the job.
  /// Errors: TimeoutError naming who has not come; PeerLostError when there is
  ///         no place to meet any more.
  virtual Meeting meet_again(uint32_t group, const std::vector<int>& world_ranks) = 0;
};

}  // namespace mlx::core::distributed::detail
