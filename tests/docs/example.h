#pragma once

// What the generated test cases call.

#include <gtest/gtest.h>

#include <functional>

namespace mlx::core {}

namespace docs {

/// Runs an example. What it writes to std::cout must be `expected`, which is on
/// the page from that line on, but for white space at the ends of lines; if
/// `expected` is null, it may be anything.
void run_example(const std::function<void()>& example, const char* page, int line,
                 const char* expected);

}  // namespace docs
