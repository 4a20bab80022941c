#pragma once

#include <string>
#include <vector>

namespace mlx::test {

/// The fields of every line of tests/golden/<name>, comments and empty lines left out.
std::vector<std::vector<std::string>> read_tsv(const std::string& name);

/// The numbers in a text such as "['0.5', '-1e-05']", in order.
std::vector<float> numbers_in(const std::string& text);

}  // namespace mlx::test
