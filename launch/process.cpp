#include "mlx/launch/process.h"

#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "mlx/core/base/error.h"
#include "mlx/launch/error.h"

namespace mlx::launch {
namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

// What happens between fork and exec.
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

[[noreturn]] void throw_not_started(const Program& program, int error) {
  const int code = error == ENOENT                       ? LaunchError::kNotFound
                   : error == EACCES || error == ENOEXEC ? LaunchError::kNotExecutable
                                                         : LaunchError::kFailed;
  const char* hint = error == ENOENT    ? " (or the interpreter in its first line is missing)"
                     : error == ENOEXEC ? " (does a script lack its \"#!\" line?)"
                                        : "";
  throw LaunchError(
      code, core::concat("Cannot start ", program.path, ": ", std::strerror(error), hint, "."));
}

}  // namespace

Process start_process(const Program& program, const EnvironmentMap& environment,
                      const std::string& folder) {
  Pipe input = make_pipe(), output = make_pipe(), errors = make_pipe();
  SpawnPlan plan;
  posix_spawn_file_actions_adddup2(&plan.actions, input.read_end.fd(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&plan.actions, output.write_end.fd(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&plan.actions, errors.write_end.fd(), STDERR_FILENO);
  if (!folder.empty()) posix_spawn_file_actions_addchdir_np(&plan.actions, folder.c_str());

  std::vector<std::string> arguments = program.arguments, variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  Process process;
  const int error = posix_spawn(&process.pid, program.path.c_str(), &plan.actions, &plan.attributes,
                                pointers(arguments).data(), pointers(variables).data());
  if (error != 0) throw_not_started(program, error);
  process.input = std::move(input.write_end);
  process.output = std::move(output.read_end);
  process.errors = std::move(errors.read_end);
  return process;
}

void adopt_orphans() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

std::vector<pid_t> children() {
  std::vector<pid_t> out;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(thread.path() / "children");
    for (pid_t pid; file >> pid;) out.push_back(pid);
  }
  return out;
}

}  // namespace mlx::launch
