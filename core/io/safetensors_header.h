#pragma once

// The header of a safetensors file: names, types and places as JSON.

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mlx/core/graph/op.h"

namespace mlx::core::io {

/// A tensor and its bytes, counted from the end of the header.
struct TensorEntry {
  std::string name;
  Type type;
  size_t begin;
  size_t end;
};

struct SafetensorsHeader {
  std::vector<TensorEntry> tensors;
  std::unordered_map<std::string, std::string> metadata;
};

/// The header as JSON. Errors: std::invalid_argument if a text is not UTF-8.
std::string print_safetensors_header(const SafetensorsHeader& header);

/// Errors: std::runtime_error if the text is not such a header, a tensor's
/// bytes are not within `data_bytes`, do not fit its type or overlap another's.
/// `label` names the file.
SafetensorsHeader parse_safetensors_header(std::string_view text, size_t data_bytes,
                                           const std::string& label);

}  // namespace mlx::core::io
