#include "distributed/processes.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "mlx/distributed/bootstrap/environment.h"
#include "mlx/distributed/bootstrap/socket.h"

extern char** environ;

namespace mlx::core::distributed::testing {
namespace {

Endpoint free_address() {
  const Socket probe = listen_on({"127.0.0.1", 0});
  return local_endpoint(probe);
}

std::vector<std::string> merged_environment(const Variables& variables) {
  std::vector<std::string> all;
  for (const auto& [name, value] : variables) all.push_back(name + "=" + value);
  for (char** entry = environ; *entry; ++entry) all.emplace_back(*entry);
  return all;
}

}  // namespace

Processes::Processes(const std::string& body, Options options) {
  Environment job;
  job.world_size = options.ranks;
  job.secret = secret_;
  job.limits.heartbeat = options.heartbeat;
  job.launcher_serves = !options.rank0_serves;
  if (options.rank0_serves) {
    rendezvous_ = free_address();
  } else {
    server_ = std::make_unique<RendezvousServer>(RendezvousServer::Options{
        {options.address, 0}, secret_, 0, options.ranks, options.heartbeat});
    rendezvous_ = server_->address();
  }
  job.rendezvous = rendezvous_;
  ranks_.resize(static_cast<size_t>(options.ranks));
  for (int rank = 0; rank < options.ranks; ++rank) {
    job.rank = job.local_rank = rank;
    // Earlier entries win: getenv() finds the first.
    Variables variables = options.for_rank ? options.for_rank(rank, rendezvous_) : Variables{};
    variables.insert(variables.end(), options.variables.begin(), options.variables.end());
    const Variables of_job = environment_variables(job);
    variables.insert(variables.end(), of_job.begin(), of_job.end());
    const auto at = static_cast<size_t>(rank);
    start(rank, body, variables, options.namespaces.empty() ? -1 : options.namespaces[at]);
  }
}

void Processes::start(int rank, const std::string& body, const Variables& variables, int network) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  Variables all = variables;
  all.emplace_back("MLX_TEST_BODY", body);
  std::vector<std::string> texts = merged_environment(all);
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  char program[] = "/proc/self/exe";
  char* const arguments[] = {program, nullptr};
  const pid_t pid = fork();
  if (pid == 0) {
    if (network >= 0 && setns(network, CLONE_NEWNET) != 0) _exit(126);
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    execve(program, arguments, pointers.data());
    _exit(127);
  }
  close(ends[1]);
  Rank& r = ranks_[static_cast<size_t>(rank)];
  r.pid = pid;
  r.pipe = ends[0];
}

Processes::~Processes() {
  for (Rank& r : ranks_) {
    if (r.running) {
      kill(r.pid, SIGKILL);
      waitpid(r.pid, nullptr, 0);
    }
    close(r.pipe);
  }
}

void Processes::signal(int rank, int number) {
  kill(ranks_[static_cast<size_t>(rank)].pid, number);
}

// False at the end of its output.
bool Processes::read_some(Rank& r) {
  char buffer[4096];
  const ssize_t n = read(r.pipe, buffer, sizeof buffer);
  if (n > 0) r.output.append(buffer, static_cast<size_t>(n));
  return n > 0;
}

void Processes::pump(Milliseconds limit) {
  std::vector<pollfd> polled;
  for (const Rank& r : ranks_) polled.push_back({r.running ? r.pipe : -1, POLLIN, 0});
  poll(polled.data(), polled.size(), static_cast<int>(limit.count()));
  for (size_t i = 0; i < ranks_.size(); ++i) {
    Rank& r = ranks_[i];
    if (!r.running) continue;
    if (polled[i].revents != 0 && read_some(r)) continue;
    int status = 0;
    if (waitpid(r.pid, &status, WNOHANG) != r.pid) continue;
    while (read_some(r)) {
    }
    r.running = false;
    r.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

bool Processes::wait_for_output(const std::string& text, Milliseconds limit, int except) {
  const Deadline deadline = after(limit);
  const auto all = [&] {
    for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank) {
      if (rank != except && output(rank).find(text) == std::string::npos) return false;
    }
    return true;
  };
  while (!all()) {
    if (Clock::now() > deadline) return false;
    pump(Milliseconds{10});
  }
  return true;
}

bool Processes::wait_for_end(Milliseconds limit, int except) {
  const Deadline deadline = after(limit);
  const auto ended = [&] {
    for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank) {
      if (rank != except && ranks_[static_cast<size_t>(rank)].running) return false;
    }
    return true;
  };
  while (!ended()) {
    if (Clock::now() > deadline) return false;
    pump(Milliseconds{10});
  }
  return true;
}

std::string Processes::transcript() const {
  std::string text;
  for (size_t rank = 0; rank < ranks_.size(); ++rank) {
    const Rank& r = ranks_[rank];
    text += "--- rank " + std::to_string(rank) + ", " +
            (r.running ? "still running" : "exit code " + std::to_string(r.exit_code)) + ":\n" +
            r.output;
  }
  return text;
}

void say(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

}  // namespace mlx::core::distributed::testing
