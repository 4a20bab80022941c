#pragma once

// A library that is loaded when it is first asked for, and its functions as a
// table: nothing of it is needed to build, and a test can fill the table itself.

#include <dlfcn.h>

#include <string>

#include "mlx/core/base/error.h"

namespace mlx::core::distributed {

/// A function of such a library; it returns a code.
template <typename... P>
struct Function {
  const char* name;
  int (*address)(P...) = nullptr;
};

/// Never closed: such libraries leave threads and exit handlers behind.
class DynamicLibrary {
 public:
  /// `flags`: of dlopen.
  DynamicLibrary(std::string name, int flags)
      : name_(std::move(name)), library_(dlopen(name_.c_str(), flags)) {
    if (!library_) got = dlerror();  // begins with the name
  }

  template <typename... P>
  void find(Function<P...>& function) {
    function.address = reinterpret_cast<int (*)(P...)>(symbol(function.name));
  }
  /// Null where the library is older than the function.
  template <typename... P>
  void find_if_there(Function<P...>& function) {
    if (!library_) return;
    function.address = reinterpret_cast<int (*)(P...)>(dlsym(library_, function.name));
  }
  /// `version`: of the symbol, where there are several.
  template <typename Pointer>
  void find(Pointer& pointer, const char* name, const char* version = nullptr) {
    pointer = reinterpret_cast<Pointer>(symbol(name, version));
  }

  std::string got;  ///< instead of a library that can be used; empty: all is well

  /// The same as a sentence; empty if all is well.
  std::string sentence(std::string_view what_is_wrong, std::string_view expected) const {
    return got.empty() ? "" : concat(what_is_wrong, ": got ", got, ", expected ", expected, ".");
  }

 private:
  void* symbol(const char* name, const char* version = nullptr) {
    if (!library_) return nullptr;
    void* found = version ? dlvsym(library_, name, version) : dlsym(library_, name);
    if (!found && got.empty()) got = concat("no ", name, " in ", name_);
    return found;
  }

  const std::string name_;
  void* library_;
};

}  // namespace mlx::core::distributed
