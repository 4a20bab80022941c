#include "system/trained.h"

#include <cmath>
#include <cstdio>

namespace mlx::test {

bool is_trained(const std::string& output) {
  constexpr double kWeights[] = {0, 1, 2, 5, 6, 7};
  double found[6] = {};
  int end = 0;
  std::sscanf(output.c_str(), "array([%lf, %lf, %lf, ..., %lf, %lf, %lf], dtype=float32)%n",
              &found[0], &found[1], &found[2], &found[3], &found[4], &found[5], &end);
  if (end == 0 || output.substr(static_cast<size_t>(end)) != "\n") return false;
  for (int i = 0; i < 6; ++i) {
    if (std::abs(found[i] - kWeights[i]) > 1e-3) return false;
  }
  return true;
}

}  // namespace mlx::test
