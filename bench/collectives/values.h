#pragma once

// Inputs whose results are known exactly: small integers that differ by rank and
// place, so that a part in the wrong place or a rank left out shows.

#include "operations.h"

namespace mlx::bench {

/// This rank's input.
void fill_input(const Case& c, std::span<std::byte> in);

/// How many elements of this rank's result differ from the one computed here.
size_t count_wrong(const Case& c, std::span<const std::byte> out);

}  // namespace mlx::bench
