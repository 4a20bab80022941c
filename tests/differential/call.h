#pragma once

// One call that the driver is asked to make: the arrays and the named arguments.

#include <exception>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mlx/core/array.h"

namespace differential {

using mlx::core::array;
using Results = std::vector<array>;

/// The request itself is wrong: an argument is missing, an operation unknown.
class Malformed : public std::exception {
 public:
  explicit Malformed(std::string what) : what_(std::move(what)) {}
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

/// Arguments are read by name; an argument that is absent or null takes the default,
/// and one without a default is Malformed. {"array": i} names an array of the call.
class Call {
 public:
  Call(const nlohmann::json& arguments, std::vector<array> arrays, size_t positional)
      : arguments_(&arguments), arrays_(std::move(arrays)), positional_(positional) {}

  const array& operator[](size_t i) const;
  /// The arrays that are no named arguments.
  std::vector<array> positional() const;
  const std::vector<array>& arrays() const { return arrays_; }
  /// The same call of other arrays.
  Call with(std::vector<array> arrays) const {
    return {*arguments_, std::move(arrays), positional_};
  }

  bool has(const char* name) const;
  bool is_list(const char* name) const;
  bool is_text(const char* name) const;
  bool flag(const char* name, bool otherwise = false) const;
  int integer(const char* name) const;
  int integer(const char* name, int otherwise) const;
  std::optional<int> maybe_integer(const char* name) const;
  uint64_t seed(const char* name) const;
  double number(const char* name) const;
  double number(const char* name, double otherwise) const;
  std::optional<float> maybe_number(const char* name) const;
  std::string text(const char* name, const char* otherwise = "") const;
  /// A list, or one integer as a list.
  std::vector<int> integers(const char* name) const;
  std::optional<std::vector<int>> maybe_integers(const char* name) const;
  mlx::core::Shape shape(const char* name) const;
  mlx::core::Dtype dtype(const char* name) const;
  mlx::core::Dtype dtype(const char* name, mlx::core::Dtype otherwise) const;
  std::optional<mlx::core::Dtype> maybe_dtype(const char* name) const;
  array named(const char* name) const;
  std::optional<array> maybe(const char* name) const;

 private:
  const nlohmann::json& at(const char* name) const;

  const nlohmann::json* arguments_;
  std::vector<array> arrays_;
  size_t positional_;
};

mlx::core::Dtype parse_dtype(const std::string& name);

struct Entry {
  const char* name;
  Results (*run)(const Call&);
};

/// The entry of a function with one result, of `Call c`.
#define FORWARDS(name, ...)                                             \
  Entry {                                                               \
#name, [](const Call& c) -> Results { return {name(__VA_ARGS__)}; } \
  }

// What can be called, a table per file.
std::span<const Entry> elementwise_entries();
std::span<const Entry> reduction_entries();
std::span<const Entry> shape_entries();
std::span<const Entry> indexing_entries();
std::span<const Entry> product_entries();
std::span<const Entry> library_entries();

}  // namespace differential
