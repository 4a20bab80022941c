#pragma once

// The operation that reads an array's data, and what all formats share.

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "mlx/core/array.h"
#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/io.h"

namespace mlx::core::io {

/// Where the data of an array lies and how.
struct LoadAttrs {
  std::shared_ptr<Reader> reader;
  size_t offset;
  Type type;
  /// The bytes of every number are in the other order.
  bool swaps_bytes = false;
  bool is_column_major = false;
  bool operator==(const LoadAttrs& other) const {
    return reader == other.reader && offset == other.offset && type.shape == other.type.shape &&
           type.dtype == other.type.dtype && swaps_bytes == other.swaps_bytes &&
           is_column_major == other.is_column_major;
  }
};

extern const Op kLoad;

/// More dimensions than this are taken for an error.
inline constexpr size_t kMaxDimensions = 64;

/// Bytes of an array of this type; the largest size_t if they cannot be counted.
size_t count_bytes(const Type& type);

/// Writes the elements in row-major order.
void write_data(Writer& writer, const array& a);

bool has_extension(std::string_view path, std::string_view extension);

/// Throws std::runtime_error "[op] label: ..." about a bad file.
template <typename... Parts>
[[noreturn]] void throw_bad_file(std::string_view op, std::string_view label,
                                 const Parts&... parts) {
  throw std::runtime_error(concat("[", op, "] ", label, ": ", parts...));
}

}  // namespace mlx::core::io
