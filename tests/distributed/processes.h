#pragma once

// Ranks as real processes: this program starts itself once for each rank, in a
// job whose rendezvous it serves, as the launcher would.

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mlx/distributed/bootstrap/rendezvous.h"

namespace mlx::core::distributed::testing {

using Variables = std::vector<std::pair<std::string, std::string>>;

class Processes {
 public:
  struct Options {
    int ranks = 2;
    Variables variables = {};   ///< for every rank, besides the job's
    bool rank0_serves = false;  ///< the rendezvous, instead of this process
    Milliseconds heartbeat{10'000};
    std::string address = "127.0.0.1";  ///< where this process serves the rendezvous
    /// More variables for one rank, when the rendezvous is known; they win.
    std::function<Variables(int rank, const Endpoint& rendezvous)> for_rank = {};
    /// Descriptors of network namespaces in which the ranks run; empty: in ours.
    std::vector<int> namespaces = {};
  };

  /// Starts `body` (see run_body) on every rank.
  Processes(const std::string& body, Options options);
  /// Kills whoever is left.
  ~Processes();

  /// Waits until every rank but `except` has printed the text.
  bool wait_for_output(const std::string& text, Milliseconds limit, int except = -1);
  /// Waits until every rank but `except` has ended.
  bool wait_for_end(Milliseconds limit, int except = -1);
  void signal(int rank, int signal);

  /// 128 + n for a rank that signal n ended.
  int exit_code(int rank) const { return ranks_[static_cast<size_t>(rank)].exit_code; }
  const std::string& output(int rank) const { return ranks_[static_cast<size_t>(rank)].output; }
  pid_t pid(int rank) const { return ranks_[static_cast<size_t>(rank)].pid; }
  const Endpoint& rendezvous() const { return rendezvous_; }
  /// What every rank has printed, for messages of failed tests.
  std::string transcript() const;

 private:
  struct Rank {
    pid_t pid = -1;
    int pipe = -1;
    bool running = true;
    int exit_code = -1;
    std::string output;
  };

  void start(int rank, const std::string& body, const Variables& variables, int network);
  bool read_some(Rank& rank);
  void pump(Milliseconds limit);

  Secret secret_ = Secret::random();
  std::unique_ptr<RendezvousServer> server_;
  Endpoint rendezvous_;
  std::vector<Rank> ranks_;
};

/// How long a test waits for what must happen.
constexpr Milliseconds kPatience{60'000};

/// In a rank's process: prints a line, at once.
void say(const std::string& text);

/// In a rank's process: runs the body that the environment names and returns
/// its exit code. -1 where this is not a rank's process.
int run_body();

}  // namespace mlx::core::distributed::testing
