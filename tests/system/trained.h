#pragma once

#include <string>

namespace mlx::test {

/// Whether this is what examples/linear_regression prints as one job: rank 0 alone
/// tells the weights 0 to 7, nearly.
bool is_trained(const std::string& output);

}  // namespace mlx::test
