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
  DynamicLibrary(const std::string& name, int flags) : library_(dlopen(name.c_str(), flags)) {
    if (!library_) reason = dlerror();
  }

  template <typename... P>
  void find(Function<P...>& function) {
    function.address = reinterpret_cast<int (*)(P...)>(symbol(function.name));
  }
  template <typename Pointer>
  void find(Pointer& pointer, const char* name) {
    pointer = reinterpret_cast<Pointer>(symbol(name));
  }

  std::string reason;  ///< why it cannot be used; empty: all is well

 private:
  void* symbol(const char* name) {
    void* found = library_ ? dlsym(library_, name) : nullptr;
    if (!found && reason.empty()) reason = concat("it has no ", name);
    return found;
  }

  void* library_;
};

}  // namespace mlx::core::distributed
