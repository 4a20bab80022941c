#pragma once

// The launcher's end of what leads to a host: a process (ssh, srun, or the agent
// itself on this host) and the frames through it.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "mlx/launch/channel.h"
#include "mlx/launch/environment.h"
#include "mlx/launch/lost_host.h"
#include "mlx/launch/process.h"

namespace mlx::launch {

class Connection {
 public:
  /// Starts what leads there. Errors: LaunchError when that is not possible.
  Connection(std::string host, Way way, const Program& program, const EnvironmentMap& environment);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  /// Closes, waits a moment for the end, then kills.
  ~Connection();

  /// For the next turn; the handler gets all frames but hello.
  void watch(Poller& poller, const Channel::Handler& handler);
  void send(FrameType type, std::string_view payload = {}) { channel_.send(type, payload); }

  bool answered() const { return hello_.has_value(); }
  const Hello& hello() const { return *hello_; }
  Clock::time_point heard() const { return channel_.heard(); }
  void forgive_silence() { channel_.forgive_silence(); }

  /// Why the host is lost, if it is: a sentence after its name, and lines of what was said.
  struct Loss {
    std::string reason;
    std::string words;
  };
  const std::optional<Loss>& loss() const { return loss_; }
  /// After each turn: sees whether it has ended.
  void look();
  /// It is of no use any more.
  void give_up(const std::string& reason);
  /// The agent is no longer needed; it ends by that.
  void close();

 private:
  Connection(std::string host, Way way, Process process);
  void on_frame(const Frame& frame, const Channel::Handler& handler);
  void read_errors();
  bool wait_until(Clock::time_point deadline);

  const std::string host_;
  const Way way_;
  pid_t pid_ = -1;
  Descriptor process_;  // readable once it has ended
  Descriptor errors_;
  std::string said_;
  Channel channel_;
  std::optional<Hello> hello_;
  std::optional<Loss> loss_;
  std::optional<int> wait_status_;
  std::optional<Clock::time_point> closed_;  // since when no frame can come
};

}  // namespace mlx::launch
