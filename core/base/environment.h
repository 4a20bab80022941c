#pragma once

#include <string>

namespace mlx::core {

/// The environment variables that core reads, once, at first use.
struct Environment {
  /// MLX_DISABLE_FUSION=1: every element-wise operation runs by itself.
  bool disable_fusion;
  /// MLX_DISABLE_COMPILE=1: compiled functions are called as they are.
  bool disable_compile;
  /// Not MLX_MAP_FILES=0: the data of large arrays in files are mapped, not read.
  bool map_files;
  /// MLX_TRACE=file: where the timeline goes; empty: nowhere. The number of a
  /// process that was started with others stands for "%r", or else before the
  /// last dot of the name.
  std::string trace_file;
  /// That number: MLX_RANK or what mpirun, Slurm or torchrun set; -1 without one.
  int rank;

  static const Environment& get();
};

/// The file for the process with that number, which may be -1.
std::string trace_file_of(std::string pattern, int rank);

}  // namespace mlx::core
