#pragma once

// Finding the program that the user named.

#include <string>
#include <vector>

namespace mlx::launch {

struct Program {
  std::string path;                    ///< what to execute, seen from the folder of the ranks
  std::vector<std::string> arguments;  ///< argv, with the program itself
};

/// Names with a slash are paths, seen from `folder`; others are looked up in
/// `search_path` (as $PATH), then in `folder`. A .py file is given to `python`.
///
/// Errors: LaunchError 127 when there is no such file, 126 when it cannot be executed.
Program find_program(const std::vector<std::string>& command, const std::string& folder,
                     const std::string& search_path, const std::string& python = "python3");

/// The absolute path of a Python interpreter: of the file if the name has a slash, else of
/// the one in `search_path`. Errors: as find_program.
std::string find_python(const std::string& name, const std::string& search_path);

}  // namespace mlx::launch
