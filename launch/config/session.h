#pragma once

// A conversation with the probe on one host: here a child process, elsewhere
// behind one ssh connection.

#include <chrono>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>

#include "mlx/launch/host.h"
#include "mlx/launch/remote_shell.h"

namespace mlx::launch::config {

/// Why a host cannot be asked, in words for the user.
class HostLost : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Session {
 public:
  /// Starts the probe. Errors: HostLost.
  Session(const Host& host, const RemoteShell& shell);
  /// Ends it.
  ~Session();

  /// The next document that it prints.
  /// Errors: HostLost when it ends, is silent until then, or says what nobody understands.
  nlohmann::json receive(std::chrono::steady_clock::time_point deadline);
  /// Asks and waits for the answer. Errors: as above.
  nlohmann::json ask(const nlohmann::json& request, std::chrono::milliseconds limit);

  /// The probe has nobody to answer any more, and ends; a later end is quick then.
  void end_input();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Runs a shell command on the host, for at most a minute. Returns what went wrong;
/// empty: nothing.
std::string run_there(const Host& host, const RemoteShell& shell, const std::string& command);

/// What the end of ssh or of the probe means. `status` is that of waitpid,
/// `said` its standard error.
std::string explain_end(const Host& host, int status, const std::string& said);

/// How a session reaches the host: words of a command that is run here.
std::vector<std::string> session_command(const Host& host, const RemoteShell& shell,
                                         const std::string& our_program);

/// Ctrl-C and other signals end the sessions, then this process. Before any thread is started.
void end_sessions_by_signals();

}  // namespace mlx::launch::config
