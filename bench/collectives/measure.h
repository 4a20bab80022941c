#pragma once

// The one measuring loop, for this library and its peers alike.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "operations.h"

namespace mlx::bench {

/// An operation on its buffers, ready to be called again and again.
struct Call {
  std::function<void()> run;
  /// Puts the input where the call overwrites it, for one that works in place.
  std::function<void()> load = [] {};
  /// Copies the result to `out`, for one that puts it elsewhere.
  std::function<void()> store = [] {};
};

/// One rank of a communication library.
class System {
 public:
  virtual ~System() = default;
  virtual int rank() const = 0;
  virtual int ranks() const = 0;

  /// Empty if the library has no such operation. Ranks: all.
  virtual std::optional<Call> prepare(const Case& c, std::span<const std::byte> in,
                                      std::span<std::byte> out) = 0;
  virtual void barrier() = 0;

  enum class Merge { sum, max };
  /// Replaces each value by its sum or maximum over all ranks.
  virtual void merge(std::span<double> values, Merge how) = 0;
};

struct Plan {
  std::vector<Op> ops;
  Dtype dtype = core::float32;
  size_t min_bytes = 4;
  size_t max_bytes = size_t{64} << 20;
  size_t factor = 4;
  int warmup = 5;
  int iterations = 0;  ///< 0: as many as fit into 0.2 s
  bool check = true;
};

struct Row {
  std::string op;
  size_t bytes = 0;
  size_t count = 0;
  int iterations = 0;
  double min_us = 0;
  double median_us = 0;
  double p99_us = 0;
  double algbw = 0;  ///< GB/s: bytes over the median
  double busbw = 0;
  std::optional<uint64_t> wrong = {};  ///< elements, on all ranks; empty: not checked
};

/// Measures everything of the plan that the system can do. Every call starts
/// after a barrier, and takes as long as on the rank where it takes longest. With
/// a root, a second barrier is part of it: the root, or the others, may be done
/// before the data have gone anywhere.
/// `starting` hears of each size, `done` gets each result; both on all ranks.
void measure(System& system, const Plan& plan, const std::function<void(const Case&)>& starting,
             const std::function<void(const Row&)>& done);

/// Rank 0 comes that much late to an all_sum: the share of a core that the rank
/// with the largest one uses while it waits.
double waiting_share(System& system, double seconds);

}  // namespace mlx::bench
