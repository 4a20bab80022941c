#pragma once

// Graphs as text, to look at.

#include <iosfwd>
#include <string>
#include <unordered_map>
#include <vector>

#include "mlx/core/array.h"

namespace mlx::core {

/// Names of arrays: those that were set, and A, B, C, ... for all others as they are met.
class NodeNamer {
 public:
  const std::string& get_name(const array& x);
  void set_name(const array& x, std::string name);

 private:
  std::unordered_map<std::uintptr_t, std::string> names_;
};

/// Writes what has not been evaluated yet and leads to the outputs, a line for
/// each operation in an order in which they can be computed.
void print_graph(std::ostream& os, NodeNamer namer, const std::vector<array>& outputs);

/// The same in the language of Graphviz: `dot -Tsvg` draws it.
///
///   std::ofstream file("graph.dot");
///   export_to_dot(file, x * 2 + 1);
void export_to_dot(std::ostream& os, NodeNamer namer, const std::vector<array>& outputs);

template <typename... T, typename = enable_for_arrays_t<T...>>
void print_graph(std::ostream& os, T&&... outputs) {
  print_graph(os, NodeNamer(), {std::forward<T>(outputs)...});
}
template <typename... T, typename = enable_for_arrays_t<T...>>
void print_graph(std::ostream& os, NodeNamer namer, T&&... outputs) {
  print_graph(os, std::move(namer), std::vector<array>{std::forward<T>(outputs)...});
}
template <typename... T, typename = enable_for_arrays_t<T...>>
void export_to_dot(std::ostream& os, T&&... outputs) {
  export_to_dot(os, NodeNamer(), {std::forward<T>(outputs)...});
}
template <typename... T, typename = enable_for_arrays_t<T...>>
void export_to_dot(std::ostream& os, NodeNamer namer, T&&... outputs) {
  export_to_dot(os, std::move(namer), std::vector<array>{std::forward<T>(outputs)...});
}

}  // namespace mlx::core
