#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fashion_mnist {

/// The content of an IDX file of bytes: a header with the sizes, then the values.
struct Idx {
  std::vector<int64_t> shape;
  std::vector<uint8_t> values;
};

/// Reads an IDX file, gzipped or not.
/// Errors: std::runtime_error naming the file if it cannot be read, is not IDX, has not
///         `dimensions` dimensions, ends early, has a wrong checksum or goes on after its end.
Idx read_idx(const std::string& path, size_t dimensions);

}  // namespace fashion_mnist
