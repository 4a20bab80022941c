#pragma once

// Operations that only move elements, as rows: each says where an element of
// the result comes from.

#include <functional>
#include <optional>
#include <vector>

#include "core/layouts.h"

namespace mlx::test {

struct Movement {
  using Op = std::function<core::array(const core::array&)>;
  /// The input's index of an index of the result; none for an element that is 1.
  using Source = std::function<std::optional<core::Shape>(const core::Shape&)>;

  const char* name;
  core::Shape in;
  Op op;
  core::Shape out;
  Source source;
};

/// Results that can share the input's memory.
std::vector<Movement> view_rows();
/// Results with memory of their own.
std::vector<Movement> join_rows();

}  // namespace mlx::test
