#include "command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace mlx::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr auto kLimit = std::chrono::seconds(600);  // sanitizers make programs slow
#else
constexpr auto kLimit = std::chrono::seconds(60);
#endif
constexpr auto kPollInterval = std::chrono::milliseconds(2);

bool is_zombie(const fs::path& process) {
  const std::string stat = content(process / "stat");
  const size_t end_of_name = stat.rfind(") ");
  return end_of_name == std::string::npos || stat[end_of_name + 2] == 'Z';
}

std::string next_mark() {
  static int count = 0;
  return "MLX_TEST_COMMAND=" + std::to_string(getpid()) + "." + std::to_string(count++);
}

[[noreturn]] void become(const std::vector<std::string>& words, const std::string& mark,
                         const std::string& folder, int in, int out, int err) {
  setpgid(0, 0);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  putenv(const_cast<char*>(mark.c_str()));
  setenv("TMPDIR", folder.c_str(), 1);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(99);
}

}  // namespace

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Command::Command(const std::vector<std::string>& words, const Setting& setting)
    : mark_(next_mark()), folder_(setting.folder), started_(Clock::now()) {
  std::ofstream(path("in"), std::ios::binary) << setting.input;
  const int in = open(path("in").c_str(), O_RDONLY | O_CLOEXEC);
  const auto create = [](const std::string& path) {
    return open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  };
  const int out = create(path("out")), err = create(path("err"));
  pid_ = fork();
  if (pid_ == 0) {
    become(words, mark_, folder_, in, setting.output_fd < 0 ? out : setting.output_fd, err);
  }
  for (int fd : {in, out, err}) close(fd);
}

Command::~Command() {
  for (const pid_t pid : processes()) kill(pid, SIGKILL);
  if (!ended_) waitpid(pid_, nullptr, 0);
}

Finished Command::wait() {
  int status = 0;
  while (waitpid(pid_, &status, WNOHANG) == 0) {
    if (Clock::now() - started_ > kLimit) {
      ADD_FAILURE() << "the launcher does not end; it said:\n" << content(path("err"));
      for (const pid_t pid : processes()) kill(pid, SIGKILL);
      waitpid(pid_, &status, 0);
      break;
    }
    std::this_thread::sleep_for(kPollInterval);
  }
  ended_ = true;
  return {.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
          .out = content(path("out")),
          .err = content(path("err")),
          .seconds = std::chrono::duration<double>(Clock::now() - started_).count()};
}

std::string Command::wait_for_output(const std::string& text) const {
  std::string out;
  while ((out = content(path("out"))).find(text) == std::string::npos) {
    if (Clock::now() - started_ > kLimit) {
      ADD_FAILURE() << "no \"" << text << "\" comes";
      break;
    }
    std::this_thread::sleep_for(kPollInterval);
  }
  return out;
}

std::vector<pid_t> Command::processes() const {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    const std::string environment = '\0' + content(entry.path() / "environ");
    const bool ours = environment.find('\0' + mark_ + '\0') != std::string::npos;
    if (ours && !is_zombie(entry.path())) found.push_back(pid);
  }
  return found;
}

std::string Command::path(const char* stream) const { return folder_ + "/" + stream; }

}  // namespace mlx::test
