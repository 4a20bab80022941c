#pragma once

// The header of a .npy file: a Python dictionary as text.

#include <memory>
#include <string>
#include <string_view>

#include "mlx/core/graph/op.h"
#include "mlx/core/io.h"

namespace mlx::core::io {

struct NpyHeader {
  Type type;
  bool swaps_bytes = false;
  bool is_column_major = false;
};

/// The dictionary's text for a row-major array.
std::string print_npy_header(const Type& type);

/// Errors: std::runtime_error if the text is not such a dictionary or names a
/// dtype that we do not have. `label` names the file.
NpyHeader parse_npy_header(std::string_view text, const std::string& label);

/// load() of a stream. With `fills_file`, bytes after the array's are an error.
array load_npy(std::shared_ptr<Reader> in_stream, bool fills_file, StreamOrDevice s);

}  // namespace mlx::core::io
