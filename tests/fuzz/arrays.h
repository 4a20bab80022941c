#pragma once

// For the fuzzers of files of arrays: a file in memory, and the evaluation of
// what was loaded from it.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "mlx/core/io.h"

namespace mlx::fuzz {

/// The bytes as a file. Whoever reads beyond its end aborts: a reader has to
/// know from the header that it must not.
std::shared_ptr<core::io::Reader> open(const uint8_t* data, size_t size);

/// Reads the array's data, checks that they fill its shape, and looks at each byte.
/// Errors: std::runtime_error if the file's bytes are no such data.
void evaluate(core::array a);

}  // namespace mlx::fuzz
