// Makes calls of the library for scripts/differential.py, one after the other until its input ends.
//
// A request is a line of JSON and the bytes of its arrays, row-major, one after the other:
//   {"op": "sum", "arrays": [{"shape": [2, 3], "dtype": "float32", "views": [...]}], "positional":
//   1,
//    "args": {"axis": 0}, "transform": {"kind": "vjp", "of": [0], "extra": 1}}
// The answer is {"outputs": [{"shape", "dtype"}]} and their bytes, or {"error", "text"}.
// A view is {"perm": [...]}, {"slice": [[start, stop, step], ...]} with stop null for the end in
// the direction of the step, or {"broadcast": [...]}. Transforms: vjp and jvp are with respect to
// the arrays `of`; the last `extra` arrays are the cotangents or tangents. vmap has `in_axes`, one
// per array, -1 for one that is not mapped.

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <unordered_map>

#include "call.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace differential {
namespace {

using namespace mlx::core;  // NOLINT
using nlohmann::json;

array slice_as_asked(const array& a, const json& steps) {
  Shape start;
  Shape stop;
  Shape strides;
  for (size_t i = 0; i < steps.size(); ++i) {
    const ShapeElem step = steps[i][2];
    start.push_back(steps[i][0].get<ShapeElem>());
    stop.push_back(!steps[i][1].is_null() ? steps[i][1].get<ShapeElem>()
                   : step > 0             ? a.shape(static_cast<int>(i))
                                          : -a.shape(static_cast<int>(i)) - 1);
    strides.push_back(step);
  }
  return slice(a, start, stop, strides);
}

array view_as_asked(const array& a, const json& view) {
  if (view.contains("perm")) {
    return transpose(a, view["perm"].get<std::vector<int>>());
  }
  if (view.contains("broadcast")) {
    const auto sizes = view["broadcast"].get<std::vector<ShapeElem>>();
    return broadcast_to(a, Shape(sizes.begin(), sizes.end()));
  }
  return slice_as_asked(a, view.at("slice"));
}

array read_array(const json& description, std::istream& in) {
  const auto sizes = description.at("shape").get<std::vector<ShapeElem>>();
  const Shape shape(sizes.begin(), sizes.end());
  const Dtype dtype = parse_dtype(description.at("dtype"));
  size_t bytes = dtype.size();
  for (const ShapeElem size : sizes) {
    bytes *= static_cast<size_t>(size);
  }
  allocator::Buffer buffer = allocator::malloc(std::max<size_t>(bytes, 1));
  in.read(static_cast<char*>(buffer.raw_ptr()), static_cast<std::streamsize>(bytes));
  return array(buffer, shape, dtype);
}

std::vector<array> read_arrays(const json& request, std::istream& in) {
  std::vector<array> arrays;
  for (const json& description : request.at("arrays")) {
    arrays.push_back(read_array(description, in));
  }
  return arrays;
}

void apply_views(const json& request, std::vector<array>& arrays) {
  for (size_t i = 0; i < arrays.size(); ++i) {
    for (const json& view : request["arrays"][i].value("views", json::array())) {
      arrays[i] = view_as_asked(arrays[i], view);
    }
    // What operations get is evaluated, as views of a program's own arrays usually are.
    arrays[i].eval();
  }
}

const Entry& find_entry(const std::string& name) {
  static const auto entries = [] {
    std::unordered_map<std::string, Entry> all;
    for (const auto& table : {elementwise_entries(), reduction_entries(), shape_entries(),
                              indexing_entries(), product_entries(), library_entries()}) {
      for (const Entry& entry : table) {
        all.emplace(entry.name, entry);
      }
    }
    return all;
  }();
  const auto found = entries.find(name);
  if (found == entries.end()) {
    throw Malformed("unknown operation " + name);
  }
  return found->second;
}

/// vjp and jvp with respect to some arrays of the call, the others being constants.
Results differentiate(const Entry& entry, const Call& call, const json& transform) {
  const auto of = transform.at("of").get<std::vector<size_t>>();
  const auto extra = static_cast<std::ptrdiff_t>(transform.at("extra").get<size_t>());
  const std::vector<array> given(call.arrays().end() - extra, call.arrays().end());
  const std::vector<array> operands(call.arrays().begin(), call.arrays().end() - extra);
  std::vector<array> primals;
  for (const size_t i : of) {
    primals.push_back(operands.at(i));
  }
  const auto function = [&](const std::vector<array>& values) {
    std::vector<array> arrays = operands;
    for (size_t i = 0; i < of.size(); ++i) {
      arrays[of[i]] = values[i];
    }
    return entry.run(call.with(std::move(arrays)));
  };
  auto [outputs, derivatives] =
      transform.at("kind") == "vjp" ? vjp(function, primals, given) : jvp(function, primals, given);
  outputs.insert(outputs.end(), derivatives.begin(), derivatives.end());
  return outputs;
}

Results run(const Entry& entry, const Call& call, const json& request) {
  if (!request.contains("transform")) {
    return entry.run(call);
  }
  const json& transform = request["transform"];
  if (transform.at("kind") == "vmap") {
    const auto function = [&](const std::vector<array>& values) {
      return entry.run(call.with(values));
    };
    return vmap(function, transform.at("in_axes").get<std::vector<int>>())(call.arrays());
  }
  return differentiate(entry, call, transform);
}

void answer_error(const char* type, const std::exception& error) {
  std::cout << json{{"error", type}, {"text", error.what()}}.dump() << '\n' << std::flush;
}

void answer(Results outputs) {
  json description = json::array();
  for (array& output : outputs) {
    output = contiguous(output);
  }
  eval(outputs);
  for (const array& output : outputs) {
    description.push_back(
        {{"shape", std::vector<ShapeElem>(output.shape().begin(), output.shape().end())},
         {"dtype", dtype_name(output.dtype())}});
  }
  std::cout << json{{"outputs", description}}.dump() << '\n';
  for (const array& output : outputs) {
    if (output.size() > 0) {
      std::cout.write(output.data<char>(), static_cast<std::streamsize>(output.nbytes()));
    }
  }
  std::cout << std::flush;
}

void serve(const std::string& line) {
  try {
    const json request = json::parse(line);
    std::vector<array> arrays = read_arrays(request, std::cin);
    const Entry& entry = find_entry(request.at("op"));
    apply_views(request, arrays);
    answer(run(entry, Call(request["args"], std::move(arrays), request.at("positional")), request));
  } catch (const std::invalid_argument& error) {
    answer_error("ValueError", error);
  } catch (const std::out_of_range& error) {
    answer_error("IndexError", error);
  } catch (const std::overflow_error& error) {
    answer_error("OverflowError", error);
  } catch (const std::runtime_error& error) {
    answer_error("RuntimeError", error);
  } catch (const Malformed& error) {
    answer_error("Malformed", error);
  } catch (const std::exception& error) {
    answer_error("Exception", error);
  }
}

}  // namespace
}  // namespace differential

int main() {
  std::ios::sync_with_stdio(false);
  std::string line;
  while (std::getline(std::cin, line)) {
    differential::serve(line);
  }
  return 0;
}
