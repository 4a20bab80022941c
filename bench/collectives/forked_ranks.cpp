#include "forked_ranks.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <vector>

namespace mlx::bench {
namespace {

int run_rank(int rank, const std::function<int(int)>& body) {
  try {
    return body(rank);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rank %d: %s\n", rank, error.what());
    return 1;
  }
}

}  // namespace

int run_as_ranks(int ranks, const std::function<int(int)>& body) {
  const pid_t parent = getpid();
  std::vector<pid_t> others;
  for (int rank = 1; rank < ranks; ++rank) {
    const pid_t pid = fork();
    if (pid < 0) throw std::runtime_error("Cannot start a process.");
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      _exit(getppid() == parent ? run_rank(rank, body) : 1);
    }
    others.push_back(pid);
  }
  int result = run_rank(0, body);
  for (const pid_t pid : others) {
    if (result != 0) kill(pid, SIGKILL);
    int status = 0;
    waitpid(pid, &status, 0);
    if (result == 0 && status != 0) result = 1;
  }
  return result;
}

}  // namespace mlx::bench
