#include "mlx/launch/program.h"

#include <unistd.h>

#include <filesystem>
#include <optional>

#include "mlx/core/base/error.h"
#include "mlx/launch/error.h"

namespace mlx::launch {
namespace {

namespace fs = std::filesystem;

bool is_executable(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && access(path.c_str(), X_OK) == 0;
}

std::optional<fs::path> search(const std::string& name, const std::string& search_path) {
  for (size_t at = 0; at <= search_path.size();) {
    const size_t end = std::min(search_path.find(':', at), search_path.size());
    const fs::path candidate = fs::path(search_path.substr(at, end - at)) / name;
    if (candidate.has_parent_path() && is_executable(candidate)) return candidate;
    at = end + 1;
  }
  return std::nullopt;
}

[[noreturn]] void throw_not_found(const std::string& name, bool searched) {
  throw LaunchError(
      LaunchError::kNotFound,
      core::concat("No such program: ", name,
                   searched ? " (neither in PATH nor in the folder of the ranks)." : "."));
}

void require_file(const fs::path& file, const std::string& name, bool searched) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) throw_not_found(name, searched);
  if (fs::is_directory(file, ignored)) {
    throw LaunchError(LaunchError::kNotExecutable, core::concat("Is a folder: ", name, "."));
  }
}

void require_executable(const fs::path& file, const std::string& name, bool searched) {
  require_file(file, name, searched);
  if (!is_executable(file)) {
    throw LaunchError(LaunchError::kNotExecutable,
                      core::concat("Not executable: ", name, " (chmod +x makes it so)."));
  }
}

Program python_program(const std::vector<std::string>& command, const fs::path& file,
                       const std::string& search_path, const std::string& python) {
  require_file(file, command[0], false);
  Program program{find_python(python, search_path), {python}};
  program.arguments.insert(program.arguments.end(), command.begin(), command.end());
  return program;
}

}  // namespace

Program find_program(const std::vector<std::string>& command, const std::string& folder,
                     const std::string& search_path, const std::string& python) {
  const std::string& name = command[0];
  const fs::path file = fs::path(folder) / name;
  if (name.ends_with(".py")) return python_program(command, file, search_path, python);

  const bool searched = name.find('/') == std::string::npos;
  if (searched) {
    if (const auto found = search(name, search_path)) return {*found, command};
  }
  require_executable(file, name, searched);
  return {searched ? "./" + name : name, command};
}

std::string find_python(const std::string& name, const std::string& search_path) {
  if (name.find('/') != std::string::npos) {
    require_executable(name, name, false);
    return fs::absolute(name).lexically_normal();
  }
  const auto python = search(name, search_path);
  if (!python) throw LaunchError(LaunchError::kNotFound, core::concat("No ", name, " in PATH."));
  return fs::absolute(*python).lexically_normal();
}

}  // namespace mlx::launch
