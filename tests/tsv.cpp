#include "tsv.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace mlx::test {

std::vector<std::vector<std::string>> read_tsv(const std::string& name) {
  std::ifstream file(std::string(MLX_GOLDEN_DIR) + "/" + name);
  if (!file) {
    throw std::runtime_error("Cannot read tests/golden/" + name);
  }
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') {
      continue;
    }
    std::istringstream fields(line);
    std::vector<std::string>& row = rows.emplace_back();
    for (std::string field; std::getline(fields, field, '\t');) {
      row.push_back(field);
    }
  }
  return rows;
}

std::vector<float> numbers_in(const std::string& text) {
  std::vector<float> numbers;
  for (const char* at = text.c_str(); *at != '\0';) {
    char* end = nullptr;
    const float value = std::strtof(at, &end);
    if (end == at) {
      ++at;
    } else {
      numbers.push_back(value);
      at = end;
    }
  }
  return numbers;
}

}  // namespace mlx::test
