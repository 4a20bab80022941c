#pragma once

namespace mlx::core {

/// The environment variables that core reads, once, at first use.
struct Environment {
  /// MLX_DISABLE_FUSION=1: every element-wise operation runs by itself.
  bool disable_fusion;
  /// MLX_DISABLE_COMPILE=1: compiled functions are called as they are.
  bool disable_compile;

  static const Environment& get();
};

}  // namespace mlx::core
