#pragma once

// Module: a handle to a named tree of arrays and child modules.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/tree.h"

namespace mlx::nn {

using core::array;
using core::Tree;

using NamedArrays = std::vector<std::pair<std::string, array>>;

/// A named tree of arrays and child modules, by reference: copies share the
/// tree. A layer is a class derived from it that puts its arrays into the tree
/// (`add`) and reads them when it is called (`operator[]`); so is a model:
///
///   struct MLP : nn::Module {
///     nn::Linear fc1, fc2;
///     MLP(int in, int hidden, int out) : fc1(in, hidden), fc2(hidden, out) {
///       add("fc1", fc1);
///       add("fc2", fc2);
///     }
///     array operator()(const array& x) { return fc2(nn::relu(fc1(x))); }
///   };
///
/// Arrays are named by the path that leads to them, such as `fc1.weight`; the
/// names are those of MLX, so that its files load. A child added twice is
/// shared: it has two names, and one gradient, under the first.
class Module {
 public:
  Module();

  /// Adds or replaces a parameter.
  /// Errors: std::invalid_argument if `name` is empty or a child's.
  void add(const std::string& name, array parameter);
  /// Adds or replaces a child. A name such as `layers.0` makes a list.
  /// Errors: std::invalid_argument if `name` is empty, or a parameter's, or `child` contains this.
  void add(const std::string& name, Module child);
  /// Adds or replaces an array that is saved with the parameters but never trained.
  void add_buffer(const std::string& name, array buffer);

  /// A parameter or buffer of this module itself.
  /// Errors: std::out_of_range.
  const array& operator[](std::string_view name) const;
  array& operator[](std::string_view name);
  bool has(std::string_view name) const;  ///< a parameter or buffer of this module itself

  /// All parameters and buffers, with their paths.
  Tree parameters() const;
  NamedArrays named_parameters() const;
  /// Those that are neither frozen nor buffers.
  Tree trainable_parameters() const;
  NamedArrays named_trainable_parameters() const;

  /// The direct children, by name.
  std::vector<std::pair<std::string, Module>> children() const;
  /// This module (path "") and all below it, parents first.
  std::vector<std::pair<std::string, Module>> named_modules() const;

  /// Excludes parameters from training, or includes them again. `keys` limits
  /// it to parameters of these names in every module; `recurse` = false to this module.
  /// Errors: std::invalid_argument if `strict` and a module lacks one of the keys.
  Module& freeze(bool recurse = true, const std::vector<std::string>& keys = {},
                 bool strict = false);
  Module& unfreeze(bool recurse = true, const std::vector<std::string>& keys = {},
                   bool strict = false);

  /// Chooses how layers such as Dropout behave, here and below.
  Module& train(bool mode = true);
  Module& eval() { return train(false); }
  bool training() const;  ///< true at first

  /// Replaces the arrays that `parameters` names.
  /// Errors: std::invalid_argument if `strict` and a name is not in this module.
  Module& update(const Tree& parameters, bool strict = true);
  Module& update(const NamedArrays& parameters, bool strict = true);
  /// Replaces every parameter and buffer by fn(it).
  Module& apply(const std::function<array(const array&)>& fn);

  /// Takes the arrays of a safetensors file by name.
  /// Errors: std::invalid_argument if a shape differs, or, when `strict`, a
  ///         name is missing or unknown. The module is then as it was.
  Module& load_weights(const std::string& file, bool strict = true);
  Module& load_weights(const NamedArrays& weights, bool strict = true);
  void save_weights(const std::string& file) const;  ///< all arrays, as safetensors

  /// Whether both are handles to the same tree.
  friend bool operator==(const Module& a, const Module& b) { return a.state_ == b.state_; }

 private:
  struct State;
  struct Slot;
  void put(const std::string& name, array value, bool trained);
  void set_frozen(bool frozen, bool recurse, const std::vector<std::string>& keys, bool strict);
  /// Calls fn(path, slot) for every array, in order of addition, parents first.
  void for_each(const std::function<void(const std::string&, Slot&)>& fn) const;

  std::shared_ptr<State> state_;
};

}  // namespace mlx::nn
