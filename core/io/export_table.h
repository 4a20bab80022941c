#pragma once

// Which entry of a file stands for which operation: a table with a row for each
// operation that is written and one for each name that is read.
//
// Names and states are MLX's. Where an operation here is several there, its
// writer makes several entries; a reader calls the public function that an
// entry means, which checks its arguments.

#include <span>
#include <string_view>
#include <vector>

#include "mlx/core/base/error.h"
#include "mlx/core/io/export_format.h"
#include "mlx/core/io/lowering.h"

namespace mlx::core::io {

/// One operation of a recording.
struct WriteArgs {
  const Op& op;
  const Attrs& attrs;
  const std::vector<Id>& in;
  std::span<const Type> out;
};

/// Writes what `formula` says, under the operation's name in files of ours.
template <Formula formula>
std::vector<Id> write_as(Lowering& to, const WriteArgs& args) {
  return to.add_as(formula, args.op, args.attrs, {}, args.in, args.out);
}

struct WriteRow {
  const Op* op;
  /// Adds the entries; returns the ids of the results.
  std::vector<Id> (*write)(Lowering& to, const WriteArgs& args);
};

/// One entry: its inputs, and the types that its results must have.
struct ReadArgs {
  Inputs in;
  const State& state;
  std::span<const Type> out;

  template <typename T>
  const T& get(size_t i) const {
    return std::get<T>(state[i]);
  }
  int integer(size_t i) const { return get<int>(i); }
  bool flag(size_t i) const { return get<bool>(i); }
  const std::vector<int>& integers(size_t i) const { return get<std::vector<int>>(i); }
  const Shape& shape(size_t i) const { return std::get<6>(state[i]); }
};

inline constexpr int kAnyNumber = -1;

struct ReadRow {
  std::string_view name;
  /// The letters of kStateCodes.
  std::string_view schema;
  int min_inputs;
  int max_inputs;
  Arrays (*read)(const ReadArgs& args);
  /// Broadcasts its inputs itself, so that entries which do it are not needed.
  bool broadcasts = false;
};

/// The matrix with the batch axes of a product.
Id in_batch(Lowering& to, Id matrix, const Shape& product);

/// Null if the operation has no row.
const WriteRow* find_writer(const Op& op);
const ReadRow* find_reader(std::string_view name);

// The parts of the table, one in each export_*.cpp.
std::vector<Id> write_elementwise(Lowering& to, const WriteArgs& args);
std::span<const ReadRow> elementwise_readers();
std::span<const WriteRow> shape_writers();
std::span<const ReadRow> shape_readers();
std::span<const WriteRow> reduction_writers();
std::span<const ReadRow> reduction_readers();
std::span<const WriteRow> indexing_writers();
std::span<const ReadRow> indexing_readers();
std::span<const WriteRow> product_writers();
std::span<const ReadRow> product_readers();
std::span<const WriteRow> chosen_writers();
std::span<const ReadRow> chosen_readers();
std::span<const WriteRow> quantized_writers();
std::span<const ReadRow> quantized_readers();
std::span<const WriteRow> linalg_writers();
std::span<const ReadRow> linalg_readers();
std::span<const WriteRow> fast_writers();
std::span<const ReadRow> fast_readers();

}  // namespace mlx::core::io
