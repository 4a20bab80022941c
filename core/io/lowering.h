#pragma once

// Lowering: the recording of a function as entries of a file.

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "mlx/core/io/export_format.h"
#include "mlx/core/ops/formula.h"
#include "mlx/core/transform/record.h"

namespace mlx::core::io {

/// The name under which an operation is stored that MLX does not have.
std::string own_name(const Op& op);

/// Gives out the ids of one file.
class Ids {
 public:
  Id next() { return ++last_; }
  Id last() const { return last_; }
  /// The same array gets the same id, so that it is in the file once.
  Id of_constant(const array& x) {
    const auto [at, is_new] = constants_.try_emplace(x.id(), last_ + 1, x);
    last_ += is_new;
    return at->second.first;
  }

 private:
  Id last_ = 0;
  /// With the array, whose address would be another's if it went.
  std::unordered_map<std::uintptr_t, std::pair<Id, array>> constants_;
};

/// Collects the entries of one function.
class Lowering {
 public:
  Lowering(Ids& ids, bool shapeless) : ids_(ids), shapeless_(shapeless) {}

  bool shapeless() const { return shapeless_; }
  const Type& type(Id id) const { return types_.at(id); }
  const Shape& shape(Id id) const { return type(id).shape; }
  Dtype dtype(Id id) const { return type(id).dtype; }

  /// Adds an operation with one result, or several.
  Id add(std::string_view name, State state, std::vector<Id> inputs, Type type);
  std::vector<Id> add_all(std::string_view name, State state, std::vector<Id> inputs,
                          std::span<const Type> types);

  Id constant(const array& value);
  Id scalar(double value, Dtype dtype);
  /// Nothing is added for what the array is already.
  Id cast(Id x, Dtype dtype);
  Id reshape(Id x, const Shape& shape);
  Id broadcast(Id x, const Shape& shape);
  /// All of them broadcast to `shape`; without shapes, to what they make together.
  std::vector<Id> broadcast_together(const std::vector<Id>& inputs, const Shape& shape);
  Id squeeze(Id x, const std::vector<int>& axes);

  /// Adds an operation of ours as what `body` adds for it, with a note that names
  /// it. The body may give the first results only.
  std::vector<Id> add_noted(const Op& op, State state, const std::vector<Id>& inputs,
                            std::span<const Type> types,
                            const std::function<std::vector<Id>()>& body);
  /// The same where a formula says what it is.
  std::vector<Id> add_as(Formula formula, const Op& op, const Attrs& attrs, State state,
                         const std::vector<Id>& inputs, std::span<const Type> types);

  /// All of a recording, on these inputs; returns the outputs.
  /// Errors: std::invalid_argument for an operation that cannot be stored.
  std::vector<Id> add_recording(const detail::Recording& recording, const std::vector<Id>& inputs);
  Id add_input(const Type& type);

  std::vector<ExportedEntry> entries;

 private:
  Ids& ids_;
  const bool shapeless_;
  Device device_ = Device::cpu;
  std::unordered_map<Id, Type> types_;
};

/// The function as it goes into the file. The last inputs have the keywords.
ExportedFunction lower(const detail::Recording& recording, std::vector<std::string> keywords,
                       Ids& ids, bool shapeless);

}  // namespace mlx::core::io
