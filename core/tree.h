#pragma once

// Tree: nested dictionaries and lists of arrays. Parameters, gradients,
// optimizer state and checkpoints are trees.

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/transforms.h"

namespace mlx::core {

/// A leaf (one array), a list of trees, or a dictionary of trees in the order
/// of insertion. A leaf's path joins the keys and indices that lead to it with
/// dots, as in MLX: "layers.0.weight". The path of a tree that is a leaf is "".
class Tree {
 public:
  enum class Kind { leaf, list, dictionary };
  using NamedArrays = std::vector<std::pair<std::string, array>>;

  /// An empty dictionary.
  Tree() = default;
  /// A leaf.
  Tree(array leaf);  // NOLINT
  /// A dictionary: Tree{{"weight", w}, {"bias", b}}. Errors: as dictionary().
  Tree(std::initializer_list<std::pair<std::string, Tree>> entries);

  static Tree list(std::vector<Tree> items);
  /// Errors: std::invalid_argument if a key is empty, has a dot or comes twice.
  static Tree dictionary(std::vector<std::pair<std::string, Tree>> entries);

  Kind kind() const { return kind_; }
  bool is_leaf() const { return kind_ == Kind::leaf; }
  /// Number of children; 0 for a leaf.
  size_t size() const { return children_.size(); }
  bool empty() const { return !is_leaf() && children_.empty(); }

  /// Errors: std::invalid_argument if the tree is not a leaf.
  const array& leaf() const;
  /// Keys of a dictionary, in order.
  const std::vector<std::string>& keys() const { return keys_; }
  /// The children of a list or dictionary, in order.
  const std::vector<Tree>& children() const { return children_; }

  bool contains(std::string_view key) const { return find(key) != nullptr; }
  /// Errors: std::out_of_range if there is no such child.
  const Tree& at(std::string_view key) const;
  const Tree& at(size_t index) const;
  /// Adds or replaces an entry of a dictionary. Errors: as dictionary().
  void set(std::string key, Tree value);

  /// Every leaf with its path, in order.
  NamedArrays flatten() const;
  /// The tree with these leaves. A level whose keys are all numbers is a list,
  /// with empty dictionaries where numbers are missing (frozen layers).
  /// Errors: std::invalid_argument if a path comes twice, is the beginning of
  ///         another one, has an empty part or more than 256 parts.
  static Tree unflatten(const NamedArrays& leaves);

  /// The tree of the same structure with fn(leaf) or fn(path, leaf) for every leaf.
  Tree map(const std::function<array(const array&)>& fn) const;
  Tree map_with_path(const std::function<array(const std::string&, const array&)>& fn) const;
  /// The same over the corresponding leaves of several trees.
  /// Errors: std::invalid_argument if the structures differ; names the path.
  static Tree map(const std::function<array(const std::vector<array>&)>& fn,
                  const std::vector<Tree>& trees);

  /// fn(...fn(fn(init, leaf 0), leaf 1)..., last leaf).
  template <typename T, typename Fn>
  T reduce(Fn&& fn, T init) const {
    for (const auto& [path, leaf] : flatten()) {
      init = fn(std::move(init), leaf);
    }
    return init;
  }

  /// Whether kinds, lengths and keys agree at every level; the order of keys does not matter.
  bool same_structure(const Tree& other) const;

 private:
  using Visitor = std::function<array(const std::string&, const std::vector<array>&)>;
  static Tree walk(const std::vector<const Tree*>& trees, const std::string& path,
                   const Visitor& fn);
  /// The child with that key, or null. `guess` is where it probably is.
  const Tree* find(std::string_view key, size_t guess = 0) const;

  Kind kind_ = Kind::dictionary;
  /// One array for a leaf, else none.
  std::vector<array> leaf_;
  std::vector<std::string> keys_;
  std::vector<Tree> children_;
};

template <typename T>
inline constexpr bool is_tree_v = std::is_same_v<std::remove_cvref_t<T>, Tree>;

/// Computes arrays and all leaves of trees: eval(loss, model.parameters(), optimizer.state()).
template <typename... Items>
requires((is_tree_v<Items> || ...) &&
         ((is_tree_v<Items> || is_array_v<Items>)&&...)) void eval(const Items&... items) {
  std::vector<array> all;
  auto collect = [&](const Tree& tree) {
    for (auto& [path, leaf] : tree.flatten()) {
      all.push_back(leaf);
    }
  };
  (collect(items), ...);
  eval(std::move(all));
}

}  // namespace mlx::core
