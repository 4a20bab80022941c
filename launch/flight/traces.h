#pragma once

// Joins the traces that the ranks of a job wrote (MLX_TRACE) into one.

#include <string>
#include <vector>

namespace mlx::launch::flight {

/// A Chrome trace with the events of all files in the order of their times,
/// which count from the first event. Files of one host share a clock; those of
/// several are laid side by side by the clock of the world, so they are off by
/// what their clocks differ.
/// Errors: std::runtime_error naming the file that is no trace, or two files of
///         the same process.
std::string merge_traces(const std::vector<std::string>& files);

}  // namespace mlx::launch::flight
