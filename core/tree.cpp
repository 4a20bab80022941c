#include "mlx/core/tree.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>

#include "mlx/core/base/error.h"

namespace mlx::core {
namespace {

constexpr size_t kMaxDepth = 256;
// Larger numbers are keys: one bad name must not make a huge list of holes.
constexpr size_t kMaxListSize = 1'000'000;

const char* kind_name(Tree::Kind kind) {
  switch (kind) {
    case Tree::Kind::leaf:
      return "an array";
    case Tree::Kind::list:
      return "a list";
    default:
      return "a dictionary";
  }
}

std::string join(const std::string& path, std::string_view part) {
  return path.empty() ? std::string(part) : concat(path, ".", part);
}

std::string_view path_name(const std::string& path) {
  return path.empty() ? std::string_view("the root") : std::string_view(path);
}

void check_key(std::string_view key) {
  require(!key.empty() && key.find('.') == std::string_view::npos, "[Tree] Key \"", key,
          "\": expected a text without dots.");
}

/// The number that `part` is as a list index, or kMaxListSize if it is none.
size_t list_index(std::string_view part) {
  size_t index = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
  const bool is_number = error == std::errc() && end == part.data() + part.size() &&
                         (part.size() == 1 || part.front() != '0');
  return is_number ? std::min(index, kMaxListSize) : kMaxListSize;
}

// ---- unflatten

/// What is left of a leaf's path below the current level.
struct Rest {
  std::string_view parts;
  bool ended;
  const std::pair<std::string, array>* leaf;
};

struct Branch {
  std::string_view key;
  std::vector<Rest> leaves;
};

// Splits the leaves by the first part of their paths, in order of appearance.
std::vector<Branch> split(const std::vector<Rest>& leaves) {
  std::vector<Branch> branches;
  std::unordered_map<std::string_view, size_t> index;
  for (const Rest& rest : leaves) {
    require(!rest.ended, "[Tree::unflatten] Path \"", rest.leaf->first,
            "\" comes twice or is the beginning of another one.");
    const size_t dot = rest.parts.find('.');
    const std::string_view key = rest.parts.substr(0, dot);
    require(!key.empty(), "[Tree::unflatten] Path \"", rest.leaf->first, "\" has an empty part.");
    const auto [at, is_new] = index.emplace(key, branches.size());
    if (is_new) {
      branches.push_back({key, {}});
    }
    const bool ended = dot == std::string_view::npos;
    branches[at->second].leaves.push_back(
        {ended ? std::string_view() : rest.parts.substr(dot + 1), ended, rest.leaf});
  }
  return branches;
}

Tree build(const std::vector<Rest>& leaves, size_t depth) {
  if (leaves.size() == 1 && leaves[0].ended) {
    return leaves[0].leaf->second;
  }
  require(depth < kMaxDepth, "[Tree::unflatten] Path of ", leaves.front().leaf->first.size(),
          " characters has more than ", kMaxDepth, " parts.");
  const std::vector<Branch> branches = split(leaves);
  size_t list_size = 0;
  for (const Branch& branch : branches) {
    list_size = std::max(list_size, list_index(branch.key) + 1);
  }
  if (list_size <= kMaxListSize) {
    std::vector<Tree> items(list_size);
    for (const Branch& branch : branches) {
      items[list_index(branch.key)] = build(branch.leaves, depth + 1);
    }
    return Tree::list(std::move(items));
  }
  std::vector<std::pair<std::string, Tree>> entries;
  for (const Branch& branch : branches) {
    entries.emplace_back(branch.key, build(branch.leaves, depth + 1));
  }
  return Tree::dictionary(std::move(entries));
}

}  // namespace

Tree::Tree(array leaf) : kind_(Kind::leaf) { leaf_.push_back(std::move(leaf)); }

Tree::Tree(std::initializer_list<std::pair<std::string, Tree>> entries)
    : Tree(dictionary({entries.begin(), entries.end()})) {}

Tree Tree::list(std::vector<Tree> items) {
  Tree tree;
  tree.kind_ = Kind::list;
  tree.children_ = std::move(items);
  return tree;
}

Tree Tree::dictionary(std::vector<std::pair<std::string, Tree>> entries) {
  Tree tree;
  std::unordered_set<std::string_view> seen;
  tree.keys_.reserve(entries.size());  // so that the views in `seen` stay valid
  for (auto& [key, value] : entries) {
    check_key(key);
    tree.keys_.push_back(std::move(key));
    require(seen.insert(tree.keys_.back()).second, "[Tree] Key \"", tree.keys_.back(),
            "\" comes twice.");
    tree.children_.push_back(std::move(value));
  }
  return tree;
}

const array& Tree::leaf() const {
  require(is_leaf(), "[Tree] Got ", kind_name(kind_), " of ", size(), ", expected an array.");
  return leaf_.front();
}

const Tree* Tree::find(std::string_view key, size_t guess) const {
  if (guess < keys_.size() && keys_[guess] == key) {
    return &children_[guess];
  }
  const auto found = std::find(keys_.begin(), keys_.end(), key);
  return found == keys_.end() ? nullptr : &children_[static_cast<size_t>(found - keys_.begin())];
}

const Tree& Tree::at(std::string_view key) const {
  const Tree* found = find(key);
  if (found == nullptr) {
    throw std::out_of_range(concat("[Tree] No key \"", key, "\" in ", kind_name(kind_), "."));
  }
  return *found;
}

const Tree& Tree::at(size_t index) const {
  if (index >= children_.size()) {
    throw std::out_of_range(
        concat("[Tree] Index ", index, " in ", kind_name(kind_), " of ", size(), "."));
  }
  return children_[index];
}

void Tree::set(std::string key, Tree value) {
  require(kind_ == Kind::dictionary, "[Tree] Key \"", key, "\" of ", kind_name(kind_),
          ", expected a dictionary.");
  check_key(key);
  const auto found = std::find(keys_.begin(), keys_.end(), key);
  if (found != keys_.end()) {
    children_[static_cast<size_t>(found - keys_.begin())] = std::move(value);
    return;
  }
  keys_.push_back(std::move(key));
  children_.push_back(std::move(value));
}

Tree::NamedArrays Tree::flatten() const {
  NamedArrays leaves;
  map_with_path([&](const std::string& path, const array& leaf) {
    leaves.emplace_back(path, leaf);
    return leaf;
  });
  return leaves;
}

Tree Tree::unflatten(const NamedArrays& leaves) {
  if (leaves.empty()) {
    return {};
  }
  std::vector<Rest> rests;
  for (const auto& leaf : leaves) {
    rests.push_back({leaf.first, leaf.first.empty(), &leaf});
  }
  return build(rests, 0);
}

Tree Tree::map(const std::function<array(const array&)>& fn) const {
  return walk({this}, "",
              [&](const std::string&, const std::vector<array>& leaf) { return fn(leaf[0]); });
}

Tree Tree::map_with_path(const std::function<array(const std::string&, const array&)>& fn) const {
  return walk({this}, "", [&](const std::string& path, const std::vector<array>& leaf) {
    return fn(path, leaf[0]);
  });
}

Tree Tree::map(const std::function<array(const std::vector<array>&)>& fn,
               const std::vector<Tree>& trees) {
  require(!trees.empty(), "[Tree::map] Got no trees, expected at least one.");
  std::vector<const Tree*> roots;
  for (const Tree& tree : trees) {
    roots.push_back(&tree);
  }
  return walk(roots, "",
              [&](const std::string&, const std::vector<array>& leaves) { return fn(leaves); });
}

Tree Tree::walk(const std::vector<const Tree*>& trees, const std::string& path, const Visitor& fn) {
  const Tree& first = *trees.front();
  for (const Tree* tree : trees) {
    require(tree->kind_ == first.kind_ && tree->size() == first.size(),
            "[Tree::map] Structures differ at ", path_name(path), ": got ", kind_name(tree->kind_),
            " of ", tree->size(), ", expected ", kind_name(first.kind_), " of ", first.size(), ".");
  }
  if (first.is_leaf()) {
    std::vector<array> leaves;
    for (const Tree* tree : trees) {
      leaves.push_back(tree->leaf_.front());
    }
    return fn(path, leaves);
  }
  Tree result;
  result.kind_ = first.kind_;
  result.keys_ = first.keys_;
  std::vector<const Tree*> children(trees.size());
  for (size_t i = 0; i < first.size(); ++i) {
    const bool is_list = first.kind_ == Kind::list;
    const std::string key = is_list ? std::to_string(i) : first.keys_[i];
    for (size_t t = 0; t < trees.size(); ++t) {
      children[t] = is_list ? &trees[t]->children_[i] : trees[t]->find(key, i);
      require(children[t] != nullptr, "[Tree::map] Structures differ at ", path_name(path),
              ": key \"", key, "\" is missing.");
    }
    result.children_.push_back(walk(children, join(path, key), fn));
  }
  return result;
}

bool Tree::same_structure(const Tree& other) const {
  if (kind_ != other.kind_ || size() != other.size()) {
    return false;
  }
  for (size_t i = 0; i < size(); ++i) {
    const Tree* match = kind_ == Kind::list ? &other.children_[i] : other.find(keys_[i], i);
    if (match == nullptr || !children_[i].same_structure(*match)) {
      return false;
    }
  }
  return true;
}

}  // namespace mlx::core
