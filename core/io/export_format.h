#pragma once

// The layout of files of functions (.mlxfn), between bytes and structs. What
// the operations in it mean is in export_table.h.
//
// Little-endian throughout; a string or list is its length (uint64) and its
// elements; a dtype is its number (int32) and size (uint8).
//
//   file      version (string), number of functions (int32), shapeless (bool),
//             metadata (string), the functions
//   function  keywords, ids of the inputs (uint64), their types (shape, dtype),
//             ids of the outputs, number of entries (uint64), the entries
//   entry     id; an operation (1), an input (0 0) or a constant (0 1)
//   operation ids of the inputs; stream, type and index of the device (int32
//             each); name; state; number of results besides the first (uint64);
//             if there are none the shape and dtype, else ids, shapes, dtypes
//   constant  shape, dtype, elements; or nothing if the id was there before
//   note      a constant of uint8: kNoteMagic, number of entries (uint64), an entry

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mlx/core/export.h"
#include "mlx/core/graph/op.h"

namespace mlx::core::io {

using Id = uint64_t;
using State = std::vector<StateT>;

/// Which alternative of StateT each letter of a schema stands for: its index.
inline constexpr std::string_view kStateCodes = "biufdtsrIU??oS";

inline constexpr std::string_view kNoteMagic = "MLXCNOTE";

inline StateT shape_state(const Shape& shape) { return StateT(std::in_place_index<6>, shape); }
inline StateT strides_state(const Strides& strides) {
  return StateT(std::in_place_index<7>, strides);
}

struct ExportedInput {
  Id id;
};
struct ExportedConstant {
  Id id;
  array value;
};
struct ExportedStep {
  std::string name;
  State state;
  Device device;
  std::vector<Id> inputs;
  std::vector<Id> outputs;
  std::vector<Type> types;  // of the outputs
};
/// Says that the next entries are one operation of ours, for readers that have
/// it. For all others it is a constant that nothing uses.
struct ExportedNote {
  Id id;
  ExportedStep step;
  uint64_t covers;  // entries
};
using ExportedEntry = std::variant<ExportedInput, ExportedConstant, ExportedStep, ExportedNote>;

struct ExportedFunction {
  /// Of the last inputs, sorted.
  std::vector<std::string> keywords;
  std::vector<Id> inputs;
  std::vector<Type> types;  // of the inputs
  std::vector<Id> outputs;
  std::vector<ExportedEntry> entries;
};

struct ExportedFile {
  bool shapeless = false;
  std::string metadata;
  std::vector<ExportedFunction> functions;
};

/// Writes the file; evaluates the constants.
/// Errors: std::invalid_argument if a size does not fit into the layout's 32 bits.
void write_export(Writer& writer, const ExportedFile& file);

/// The letters of the state of the operation with this name; null if there is none.
using SchemaOf = const std::string_view* (*)(std::string_view name);

/// Reads the file. Large constants stay in it until they are evaluated.
/// Errors: std::runtime_error if it is cut off or says what no file can;
///         std::invalid_argument for an operation without a schema, except in notes,
///         which then are constants.
ExportedFile read_export(const std::shared_ptr<Reader>& reader, SchemaOf schema_of);

}  // namespace mlx::core::io
