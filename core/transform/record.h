#pragma once

// Recordings: the graph of one run of a function, to be repeated on other inputs.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "mlx/core/graph/op.h"

namespace mlx::core::detail {

/// The graph as a list. Every array in it has a slot: the inputs first, then
/// the constants, then the results of the steps in turn.
struct Recording {
  using Slot = uint32_t;

  struct Step {
    const Op* op;
    Attrs attrs;
    Stream stream;
    uint32_t operands;  // how many of Recording::operands
    uint32_t results;   // how many of Recording::results
  };

  std::vector<Type> inputs;
  Arrays constants;
  /// In the order in which the function created them, which repeating keeps:
  /// collectives are issued in that order.
  std::vector<Step> steps;
  std::vector<Slot> operands;
  std::vector<Type> results;
  std::vector<Slot> outputs;
  /// Of the steps, if any, the first operation that holds sizes.
  const Op* holds_sizes = nullptr;
};

struct RecordOptions {
  bool shapeless;
  /// Merge equal operations and constants; leave out what only derivatives need.
  bool simplify;
};

/// Runs the function on placeholders.
/// Errors: std::invalid_argument if the function captures one of its inputs; what it throws.
Recording record(const std::function<Arrays(const Arrays&)>& fun, const Arrays& inputs,
                 RecordOptions options);

/// The function's outputs for other inputs, of the same number and dtypes; on the
/// recorded streams, or all on `stream`.
/// Errors: std::invalid_argument if shapes differ and an operation holds sizes
///         or does not take the new ones.
Arrays replay(const Recording& recording, const Arrays& inputs,
              std::optional<Stream> stream = std::nullopt);

}  // namespace mlx::core::detail
