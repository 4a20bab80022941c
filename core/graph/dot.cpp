// Graphs as text.

#include <ostream>
#include <unordered_set>

#include "mlx/core/graph/names.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/graph_utils.h"
#include "mlx/core/utils.h"

namespace mlx::core {
namespace {

/// What leads to the outputs, inputs before what uses them; an operation with
/// several results is there once.
Arrays in_order(const Arrays& outputs) {
  Arrays order;
  std::unordered_set<const Node*> seen;
  struct Visit {
    array x;
    size_t next;  // of its inputs
  };
  std::vector<Visit> stack;
  const auto enter = [&](const array& x) {
    if (seen.insert(first_result(x.node())).second) stack.push_back({x, 0});
  };
  for (const array& out : outputs) {
    enter(out);
    while (!stack.empty()) {
      Visit& top = stack.back();
      if (top.next < top.x.inputs().size()) {
        const array in = top.x.inputs()[top.next++];
        enter(in);
      } else {
        order.push_back(top.x);
        stack.pop_back();
      }
    }
  }
  return order;
}

}  // namespace

const std::string& NodeNamer::get_name(const array& x) {
  return names_.try_emplace(x.id(), letter_name(names_.size())).first->second;
}

void NodeNamer::set_name(const array& x, std::string name) {
  names_.insert_or_assign(x.id(), std::move(name));
}

void print_graph(std::ostream& os, NodeNamer namer, const std::vector<array>& outputs) {
  const Arrays order = in_order(outputs);
  for (const array& x : order) {
    if (x.has_primitive()) continue;
    os << "Input " << namer.get_name(x) << " [" << x.shape() << ", " << x.dtype() << "]\n";
  }
  for (const array& x : order) {
    if (!x.has_primitive()) continue;
    os << x.node()->op->name << " ";
    for (const array& in : x.inputs()) {
      os << namer.get_name(in) << " [" << in.shape() << ", " << in.dtype() << "] ";
    }
    os << "->";
    for (const array& out : x.outputs()) {
      os << " " << namer.get_name(out) << " [" << out.shape() << ", " << out.dtype() << "]";
    }
    os << "\n";
  }
}

void export_to_dot(std::ostream& os, NodeNamer namer, const std::vector<array>& outputs) {
  std::unordered_set<std::uintptr_t> sinks;
  for (const array& out : outputs) sinks.insert(out.id());
  const auto quoted = [&](const array& x) {
    std::string text = "\"";
    for (const char c : namer.get_name(x)) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    return text + '"';
  };
  os << "digraph {\n";
  size_t operations = 0;
  for (const array& x : in_order(outputs)) {
    if (!x.has_primitive()) {
      os << "{ rank=source; " << quoted(x) << "; }\n";
      continue;
    }
    const size_t id = ++operations;
    os << "{ " << id << " [label =\"" << x.node()->op->name << "\", shape=rectangle]; }\n";
    for (const array& in : x.inputs()) os << quoted(in) << " -> " << id << "\n";
    for (const array& out : x.outputs()) {
      os << (sinks.contains(out.id()) ? "{ rank=sink; " : "{ ") << quoted(out) << "; }\n"
         << id << " -> " << quoted(out) << "\n";
    }
  }
  os << "}\n";
}

}  // namespace mlx::core
