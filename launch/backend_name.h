#pragma once

// The backends that --backend and hostfiles name.

#include <string>

namespace mlx::launch {

bool is_backend_name(const std::string& name);

/// "any, ring, mpi, ...", for messages.
std::string backend_names();

}  // namespace mlx::launch
