#pragma once

#include <utility>

namespace mlx::nn {

/// Height and width of a window, a stride or a padding; one number gives both.
struct Extent2d {
  Extent2d(int both) : height(both), width(both) {}
  Extent2d(int height, int width) : height(height), width(width) {}

  std::pair<int, int> pair() const { return {height, width}; }

  int height;
  int width;
};

}  // namespace mlx::nn
