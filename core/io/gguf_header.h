#pragma once

// The header of a GGUF file: metadata, names, types and places.

#include <string>
#include <unordered_map>
#include <vector>

#include "mlx/core/graph/op.h"
#include "mlx/core/io.h"
#include "mlx/core/io/gguf_types.h"

namespace mlx::core::io {

inline constexpr std::string_view kGgufMagic = "GGUF";
inline constexpr uint32_t kGgufVersion = 3;
inline constexpr uint32_t kGgufAlignment = 32;
inline constexpr size_t kMaxGgufDimensions = 8;

// Types of metadata that are no numbers.
inline constexpr uint32_t kGgufText = 8;
inline constexpr uint32_t kGgufList = 9;

/// The numbers by their type in metadata; null if there is none or it is another kind.
const Dtype* find_gguf_number(uint32_t id);
/// -1 if the format has none for it.
int find_gguf_number_id(Dtype dtype);

struct GgufTensor {
  std::string name;
  const GgufType* type;
  Shape shape;
  /// From the beginning of the file.
  size_t offset;
  size_t bytes;
};

struct GgufHeader {
  std::vector<GgufTensor> tensors;
  std::unordered_map<std::string, GGUFMetaData> metadata;
};

/// Errors: std::runtime_error if it is not such a file, a type is not known, or
/// a tensor's bytes are not within the file or overlap another's.
GgufHeader read_gguf_header(Reader& reader);

}  // namespace mlx::core::io
