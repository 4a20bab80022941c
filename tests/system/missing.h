#pragma once

#include <string>

namespace mlx::test {

/// What this machine lacks for the tests of this program, which defines it; empty: nothing.
std::string missing();

}  // namespace mlx::test
