#pragma once

// Functions in files: the graph of a function, with its constants, which other
// programs call without the code that made it.
//
// The files (.mlxfn) have MLX's layout; docs/guide/exporting.md says which functions
// it can import from here and the reverse.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/io.h"

namespace mlx::core {

using Args = std::vector<array>;
using Kwargs = std::unordered_map<std::string, array>;

/// One value of an operation's state. Shape and Strides are one type here, so
/// those two are told apart by index().
using StateT =
    std::variant<bool, int, size_t, float, double, Dtype, Shape, Strides, std::vector<int>,
                 std::vector<size_t>, std::vector<std::tuple<bool, bool, bool>>,
                 std::vector<std::variant<bool, int, float>>, std::optional<float>, std::string>;

/// What a callback gets, by key. "type" says what it is:
///   "inputs"          inputs: (name, shape, dtype) of each, keyword inputs last
///   "keyword_inputs"  keywords: (keyword, name) of each
///   "outputs"         outputs: (name, shape, dtype) of each
///   "constants"       constants: (name, value) of each
///   "primitive"       name, inputs, outputs, and the state as arguments
/// in this order, primitives in an order in which they can be computed.
using ExportCallbackInput =
    std::unordered_map<std::string, std::variant<std::vector<std::tuple<std::string, Shape, Dtype>>,
                                                 std::vector<std::pair<std::string, array>>,
                                                 std::vector<std::pair<std::string, std::string>>,
                                                 std::vector<StateT>, std::string>>;
using ExportCallback = std::function<void(const ExportCallbackInput&)>;

/// Exports a function for several kinds of arguments: each call traces it on
/// arguments that stand for all of the same number, keywords, dtypes and shapes
/// (with `shapeless` numbers of dimensions only).
///
/// The file comes into being, whole, with close() or when the exporter is
/// destroyed; if that happens because an exception is thrown, nothing is written.
///
/// Errors (call): std::runtime_error for a signature that was exported before,
///         and after close(); std::invalid_argument if the graph holds an operation
///         that files cannot hold (collectives, custom primitives), or the function
///         captures one of its arguments or evaluates a placeholder; what it throws.
/// Errors (close): std::runtime_error if the file cannot be written.
class FunctionExporter {
 public:
  class Impl;
  explicit FunctionExporter(std::unique_ptr<Impl> impl);  // for exporter()
  FunctionExporter(FunctionExporter&&) noexcept;
  FunctionExporter& operator=(FunctionExporter&&) = delete;
  /// Closes; an error then goes unnoticed.
  ~FunctionExporter();

  void operator()(const std::initializer_list<array>& args);
  void operator()(const Args& args);
  void operator()(const Kwargs& kwargs);
  void operator()(const Args& args, const Kwargs& kwargs);
  void close();

 private:
  std::unique_ptr<Impl> impl_;
  const int exceptions_;  // in flight when it was made
};

/// A function from a file: one for each signature in it. Calling it builds the
/// graph, as the original would; derivatives, vmap and compile see through it.
/// Copies share the constants, which are read when they are first needed. Any
/// thread may call it once they have been evaluated; everything runs on the
/// calling thread's default stream.
///
/// Errors (call): std::invalid_argument if no signature fits the arguments; the
///         message lists those that there are. With `shapeless`, also if an
///         operation holds the sizes of the call that was exported.
class ImportedFunction {
 public:
  explicit ImportedFunction(const std::string& file);
  explicit ImportedFunction(std::shared_ptr<io::Reader> in_stream);

  std::vector<array> operator()(const std::initializer_list<array>& args) const;
  std::vector<array> operator()(const Args& args) const;
  std::vector<array> operator()(const Kwargs& kwargs) const;
  std::vector<array> operator()(const Args& args, const Kwargs& kwargs) const;

  /// The text that was given when the function was exported.
  const std::string& metadata() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

/// An exporter to a file, which replaces what is there.
/// Errors: std::runtime_error if the file cannot be written.
FunctionExporter exporter(const std::string& file,
                          const std::function<std::vector<array>(const Args&)>& fun,
                          bool shapeless = false, const std::string& metadata = "");
FunctionExporter exporter(const std::string& file,
                          const std::function<std::vector<array>(const Kwargs&)>& fun,
                          bool shapeless = false, const std::string& metadata = "");
FunctionExporter exporter(const std::string& path,
                          const std::function<std::vector<array>(const Args&, const Kwargs&)>& fun,
                          bool shapeless = false, const std::string& metadata = "");

/// The same to something else than a file.
FunctionExporter exporter(std::shared_ptr<io::Writer> out_stream,
                          const std::function<std::vector<array>(const Args&, const Kwargs&)>& fun,
                          bool shapeless = false, const std::string& metadata = "");

/// Exports a function for one kind of arguments. Errors: those of FunctionExporter.
///
///   export_function("double.mlxfn", [](const Args& x) { return Args{x[0] * 2}; }, {array({1,
///   2})});
void export_function(const std::string& file,
                     const std::function<std::vector<array>(const Args&)>& fun, const Args& args,
                     bool shapeless = false, const std::string& metadata = "");
void export_function(const std::string& file,
                     const std::function<std::vector<array>(const Kwargs&)>& fun,
                     const Kwargs& kwargs, bool shapeless = false,
                     const std::string& metadata = "");
void export_function(const std::string& file,
                     const std::function<std::vector<array>(const Args&, const Kwargs&)>& fun,
                     const Args& args, const Kwargs& kwargs, bool shapeless = false,
                     const std::string& metadata = "");

/// The function in a file. What a file says is checked as the arguments of the
/// operations are, so a broken or hostile one gives an error.
///
/// Errors: std::runtime_error if the file cannot be read or is cut off or
///         inconsistent; std::invalid_argument for operations that are unknown or
///         do not take what the file gives them.
ImportedFunction import_function(const std::string& file);
ImportedFunction import_function(std::shared_ptr<io::Reader> in_stream);

/// Calls `callback` with the parts of the graph instead of writing a file, at
/// each call of the exporter. Arrays are named A, B, C, ...
FunctionExporter exporter(const ExportCallback& callback,
                          const std::function<std::vector<array>(const Args&)>& fun,
                          bool shapeless = false);
FunctionExporter exporter(const ExportCallback& callback,
                          const std::function<std::vector<array>(const Kwargs&)>& fun,
                          bool shapeless = false);
FunctionExporter exporter(const ExportCallback& callback,
                          const std::function<std::vector<array>(const Args&, const Kwargs&)>& fun,
                          bool shapeless = false);

void export_function(const ExportCallback& callback,
                     const std::function<std::vector<array>(const Args&)>& fun, const Args& args,
                     bool shapeless = false);
void export_function(const ExportCallback& callback,
                     const std::function<std::vector<array>(const Kwargs&)>& fun,
                     const Kwargs& kwargs, bool shapeless = false);
void export_function(const ExportCallback& callback,
                     const std::function<std::vector<array>(const Args&, const Kwargs&)>& fun,
                     const Args& args, const Kwargs& kwargs, bool shapeless = false);

}  // namespace mlx::core
