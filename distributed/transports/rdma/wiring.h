#pragma once

// Which device reaches which rank.

#include <optional>
#include <string>
#include <vector>

#include "mlx/distributed/bootstrap/environment.h"

namespace mlx::core::distributed::rdma {

/// By the matrix that `ibv_devices` names: row i, column j is the device with
/// which rank i reaches rank j, null for none. Of a list of devices the first is
/// taken. With `jaccl_ring`, only neighbours in the ring are reached.
class Wiring {
 public:
  /// Errors: std::invalid_argument when the matrix makes no sense;
  ///         std::runtime_error when it cannot be read.
  explicit Wiring(const Environment& environment);

  /// The name of the device, "" for any. Empty when the two ranks are not
  /// joined, which is so both ways.
  std::optional<std::string> device(int from, int to) const;

  /// Whether each rank reaches each other one.
  bool complete() const;

 private:
  bool neighbours(int a, int b) const;

  int ranks_;
  bool ring_;
  std::vector<std::vector<std::optional<std::string>>> rows_;  // none: any device
};

}  // namespace mlx::core::distributed::rdma
