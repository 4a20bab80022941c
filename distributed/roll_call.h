#pragma once

// Everybody tells everybody where they are, before or instead of moving data:
// who differs and who is missing is named completely, on every rank.

#include <vector>

#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/collective.h"
#include "mlx/distributed/transport.h"

namespace mlx::core::distributed {

/// Some ranks had not come by the deadline; where().peer is the first of them.
class MissingError : public TimeoutError {
  using TimeoutError::TimeoutError;
};

class RollCall {
 public:
  explicit RollCall(Transport& transport)
      : transport_(transport), theirs_(static_cast<size_t>(transport.size())) {}

  /// Returns when all ranks have sent the same header.
  /// Errors: MissingError naming all that are missing; DesyncError that says
  ///         where each rank is, in the same words on all ranks; those of
  ///         Transport::wait.
  void call(const Header& ours, Deadline deadline);

 private:
  std::vector<int> collect(Deadline deadline);
  std::string who_is_where() const;

  Transport& transport_;
  // Members, since after an error a transfer into them may still be pending.
  Header ours_{};
  std::vector<Header> theirs_;
};

}  // namespace mlx::core::distributed
