// Writes every row of export_rows.h into a folder, for scripts/export_interchange.py:
// <number>.mlxfn and <number>.npz with the inputs and results, and names.txt.

#include <fstream>
#include <iostream>

#include "export_rows.h"
#include "mlx/core/export.h"

int main(int argc, char** argv) {
  using namespace mlx::core;
  if (argc != 2) {
    std::cerr << "usage: export_rows <folder>\n";
    return 2;
  }
  const std::string folder = std::string(argv[1]) + "/";
  std::ofstream names(folder + "names.txt");
  int number = 0;
  for (const ExportRow& row : export_rows()) {
    const std::string file = folder + std::to_string(number++);
    export_function(file + ".mlxfn", row.fun, row.inputs);
    std::unordered_map<std::string, array> arrays;
    const Args results = row.fun(row.inputs);
    for (size_t i = 0; i < row.inputs.size(); ++i) {
      arrays.emplace("in" + std::to_string(i), row.inputs[i]);
    }
    for (size_t i = 0; i < results.size(); ++i) {
      arrays.emplace("out" + std::to_string(i), results[i]);
    }
    save_npz(file + ".npz", arrays);
    names << row.name << "\n";
  }
  return 0;
}
