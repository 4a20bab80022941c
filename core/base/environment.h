#pragma once

namespace mlx::core {

/// The environment variables that core reads, once, at first use.
struct Environment {
  /// MLX_DISABLE_FUSION=1: every element-wise operation runs by itself.
  bool disable_fusion;

  static const Environment& get();
};

}  // namespace mlx::core
