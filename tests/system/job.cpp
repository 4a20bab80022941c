#include "job.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace mlx::test {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPollInterval = std::chrono::milliseconds(2);

/// Whether a process has this text, NAME=VALUE, in its environment.
bool has_variable(const std::string& environment, const std::string& text) {
  return environment.starts_with(text + '\0') ||
         environment.find('\0' + text + '\0') != std::string::npos;
}

bool is_zombie(pid_t pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const size_t state = stat.rfind(") ");
  return state == std::string::npos || stat[state + 2] == 'Z';
}

/// Processes with all of these variables in their environment.
std::vector<pid_t> find_processes(const std::vector<std::string>& variables) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) {
      continue;
    }
    const std::string environment = read_file(entry.path() / "environ");
    bool all = !environment.empty();
    for (const std::string& variable : variables) {
      all = all && has_variable(environment, variable);
    }
    if (all && !is_zombie(pid)) {
      found.push_back(pid);
    }
  }
  return found;
}

[[noreturn]] void become(const std::vector<std::string>& command, const std::string& output,
                         const Variables& environment) {
  setpgid(0, 0);
  const int out = open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int in = open("/dev/null", O_RDONLY);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  for (const auto& [name, value] : environment) {
    setenv(name.c_str(), value.c_str(), 1);
  }
  std::vector<char*> arguments;
  for (const std::string& word : command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Job::Job(const std::vector<std::string>& command, const std::string& folder,
         const Variables& environment) {
  static std::atomic<int> count{0};
  const std::string name = std::to_string(getpid()) + "." + std::to_string(count++);
  mark_ = "MLX_TEST_JOB=" + name;
  output_path_ = folder + "/output." + name;
  Variables all = environment;
  all.emplace_back("MLX_TEST_JOB", name);
  pid_ = fork();
  if (pid_ == 0) {
    become(command, output_path_, all);
  }
}

Job::~Job() {
  // Only what carries our mark; the launcher's ranks have groups of their own.
  for (pid_t pid : processes()) {
    kill(pid, SIGKILL);
  }
  if (!ended_) {
    waitpid(pid_, nullptr, 0);
  }
}

void Job::poll() {
  int status = 0;
  if (!ended_ && waitpid(pid_, &status, WNOHANG) == pid_) {
    ended_ = true;
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

bool Job::running() {
  poll();
  return !ended_;
}

Outcome Job::wait(Seconds limit) {
  const auto start = Clock::now();
  while (running()) {
    if (Clock::now() - start > limit) {
      ADD_FAILURE() << "the job did not end within " << limit.count() << " s:\n" << output();
      for (pid_t pid : processes()) {
        kill(pid, SIGKILL);
      }
      waitpid(pid_, nullptr, 0);
      ended_ = true;
      break;
    }
    std::this_thread::sleep_for(kPollInterval);
  }
  return {exit_code_, output(), Clock::now() - start};
}

std::vector<pid_t> Job::processes() const { return find_processes({mark_}); }

pid_t Job::rank(int number) const {
  const auto start = Clock::now();
  while (Clock::now() - start < std::chrono::seconds(20)) {
    const auto found = find_processes({mark_, "MLX_RANK=" + std::to_string(number)});
    if (found.size() == 1) {
      return found[0];
    }
    std::this_thread::sleep_for(kPollInterval);
  }
  throw std::runtime_error("rank " + std::to_string(number) + " never started:\n" + output());
}

std::string Job::output() const { return read_file(output_path_); }

}  // namespace mlx::test
