#include "mlx/nn/module.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "mlx/core/base/error.h"
#include "mlx/core/io.h"
#include "mlx/core/utils.h"

namespace mlx::nn {

using core::concat;
using core::require;

struct Module::Slot {
  std::string name;
  array value;
  bool buffer = false;
  bool frozen = false;

  bool trainable() const { return !buffer && !frozen; }
};

struct Module::State {
  std::vector<Slot> slots;
  std::vector<std::pair<std::string, Module>> children;
  bool training = true;
};

namespace {

std::string join(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

template <typename Range>
auto find_named(Range& range, std::string_view name) {
  return std::find_if(range.begin(), range.end(),
                      [&](const auto& entry) { return entry.name == name; });
}

template <typename Range>
auto find_child(Range& range, std::string_view name) {
  return std::find_if(range.begin(), range.end(),
                      [&](const auto& entry) { return entry.first == name; });
}

/// At most a few names, for a message.
std::string list_names(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  std::string out;
  for (size_t i = 0; i < names.size() && i < 5; ++i) {
    out += (i ? ", " : "") + names[i];
  }
  return names.size() > 5 ? concat(out, " and ", names.size() - 5, " more") : out;
}

}  // namespace

Module::Module() : state_(std::make_shared<State>()) {}

void Module::put(const std::string& name, array value, bool trained) {
  require(!name.empty(), "[Module::add] A parameter needs a name.");
  require(find_child(state_->children, name) == state_->children.end(),
          "[Module::add] The name is taken by a child: got ", name, ".");
  auto slot = find_named(state_->slots, name);
  if (slot == state_->slots.end()) {
    state_->slots.push_back({name, std::move(value), !trained});
  } else {
    slot->value = std::move(value);
    slot->buffer = !trained;
  }
}

void Module::add(const std::string& name, array parameter) {
  put(name, std::move(parameter), true);
}

void Module::add_buffer(const std::string& name, array buffer) {
  put(name, std::move(buffer), false);
}

void Module::add(const std::string& name, Module child) {
  require(!name.empty(), "[Module::add] A child needs a name.");
  require(!has(name), "[Module::add] The name is taken by a parameter: got ", name, ".");
  for (const auto& [path, module] : child.named_modules()) {
    require(!(module == *this), "[Module::add] A module cannot contain itself: got ", name, ".");
  }
  auto entry = find_child(state_->children, name);
  if (entry == state_->children.end()) {
    state_->children.emplace_back(name, std::move(child));
  } else {
    entry->second = std::move(child);
  }
}

array& Module::operator[](std::string_view name) {
  auto slot = find_named(state_->slots, name);
  if (slot == state_->slots.end()) {
    throw std::out_of_range(concat("[Module] No such parameter: got ", name, "."));
  }
  return slot->value;
}

const array& Module::operator[](std::string_view name) const {
  return const_cast<Module&>(*this)[name];
}

bool Module::has(std::string_view name) const {
  return find_named(state_->slots, name) != state_->slots.end();
}

void Module::for_each(const std::function<void(const std::string&, Slot&)>& fn) const {
  for (const auto& [path, module] : named_modules()) {
    for (Slot& slot : module.state_->slots) {
      fn(join(path, slot.name), slot);
    }
  }
}

NamedArrays Module::named_parameters() const {
  NamedArrays out;
  for_each([&](const std::string& path, Slot& slot) { out.emplace_back(path, slot.value); });
  return out;
}

NamedArrays Module::named_trainable_parameters() const {
  NamedArrays out;
  std::unordered_set<const Slot*> seen;
  for_each([&](const std::string& path, Slot& slot) {
    if (slot.trainable() && seen.insert(&slot).second) {
      out.emplace_back(path, slot.value);
    }
  });
  return out;
}

Tree Module::parameters() const { return Tree::unflatten(named_parameters()); }

Tree Module::trainable_parameters() const { return Tree::unflatten(named_trainable_parameters()); }

std::vector<std::pair<std::string, Module>> Module::children() const { return state_->children; }

std::vector<std::pair<std::string, Module>> Module::named_modules() const {
  std::vector<std::pair<std::string, Module>> out{{"", *this}};
  for (const auto& [name, child] : state_->children) {
    for (auto& [path, module] : child.named_modules()) {
      out.emplace_back(path.empty() ? name : join(name, path), std::move(module));
    }
  }
  return out;
}

void Module::set_frozen(bool frozen, bool recurse, const std::vector<std::string>& keys,
                        bool strict) {
  const auto modules = recurse ? named_modules() : decltype(named_modules()){{"", *this}};
  for (const auto& [path, module] : modules) {
    for (const std::string& key : keys) {
      require(!strict || module.has(key), "[Module::freeze] No such parameter: got ",
              join(path, key), ".");
    }
    for (Slot& slot : module.state_->slots) {
      if (keys.empty() || std::find(keys.begin(), keys.end(), slot.name) != keys.end()) {
        slot.frozen = frozen;
      }
    }
  }
}

Module& Module::freeze(bool recurse, const std::vector<std::string>& keys, bool strict) {
  set_frozen(true, recurse, keys, strict);
  return *this;
}

Module& Module::unfreeze(bool recurse, const std::vector<std::string>& keys, bool strict) {
  set_frozen(false, recurse, keys, strict);
  return *this;
}

Module& Module::train(bool mode) {
  for (const auto& [path, module] : named_modules()) {
    module.state_->training = mode;
  }
  return *this;
}

bool Module::training() const { return state_->training; }

Module& Module::update(const NamedArrays& parameters, bool strict) {
  std::unordered_map<std::string, Slot*> slots;
  for_each([&](const std::string& path, Slot& slot) { slots.emplace(path, &slot); });
  for (const auto& [path, value] : parameters) {
    require(!strict || slots.contains(path), "[Module::update] No such parameter: got ", path, ".");
  }
  for (const auto& [path, value] : parameters) {
    if (auto slot = slots.find(path); slot != slots.end()) {
      slot->second->value = value;
    }
  }
  return *this;
}

Module& Module::update(const Tree& parameters, bool strict) {
  return update(parameters.flatten(), strict);
}

Module& Module::apply(const std::function<array(const array&)>& fn) {
  std::unordered_set<const Slot*> seen;
  for_each([&](const std::string&, Slot& slot) {
    if (seen.insert(&slot).second) {
      slot.value = fn(slot.value);
    }
  });
  return *this;
}

Module& Module::load_weights(const NamedArrays& weights, bool strict) {
  std::unordered_map<std::string, const array*> given;
  for (const auto& [name, value] : weights) {
    given.emplace(name, &value);
  }
  std::vector<std::string> missing;
  for (const auto& [path, current] : named_parameters()) {
    auto found = given.find(path);
    if (found == given.end()) {
      missing.push_back(path);
      continue;
    }
    require(found->second->shape() == current.shape(), "[load_weights] Wrong shape of ", path,
            ": got ", found->second->shape(), ", expected ", current.shape(), ".");
    given.erase(found);
  }
  if (strict) {
    std::vector<std::string> unknown;
    for (const auto& [name, value] : given) {
      unknown.push_back(name);
    }
    require(unknown.empty(), "[load_weights] ", unknown.size(),
            " parameters are not in the model: got ", list_names(unknown), ".");
    require(missing.empty(), "[load_weights] ", missing.size(),
            " parameters are missing: expected ", list_names(missing), ".");
  }
  return update(weights, false);
}

Module& Module::load_weights(const std::string& file, bool strict) {
  auto arrays = core::load_safetensors(file).first;
  return load_weights(NamedArrays(arrays.begin(), arrays.end()), strict);
}

void Module::save_weights(const std::string& file) const {
  const NamedArrays named = named_parameters();
  core::save_safetensors(file, {named.begin(), named.end()});
}

}  // namespace mlx::nn
