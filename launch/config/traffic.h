#pragma once

// A small TCP server and its client, to see whether hosts reach each other and
// how fast. Only who knows the secret of this survey is served, the same
// handshake as between ranks says who answers, and everything has a deadline.

#include <cstdint>
#include <memory>
#include <string>

#include "mlx/distributed/bootstrap/secret.h"
#include "mlx/distributed/bootstrap/time_limit.h"

namespace mlx::launch::config {

using core::distributed::Deadline;
using core::distributed::Milliseconds;
using core::distributed::Secret;

/// Answers for one host, in threads of its own, until it goes away.
class TrafficServer {
 public:
  TrafficServer(Secret secret, int host);
  ~TrafficServer();

  /// Listens on all addresses; 0: on a free port. Returns the port, or 0 with a reason.
  uint16_t listen(uint16_t port, std::string& reason);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The most time that data flows for a measurement.
constexpr Milliseconds kLongestFlow{5'000};

/// Whom to talk to.
struct Target {
  int host = 0;         ///< whose server must answer
  std::string address;  ///< of it
  uint16_t port = 0;
  std::string from;  ///< our address; empty: the system's choice
};

enum class Outcome {
  ok,
  refused,      ///< nobody listens, or a firewall rejects
  timeout,      ///< nothing comes back: a firewall drops, or nobody is there
  unreachable,  ///< there is no way
  stranger      ///< something else answers at that address
};

/// "ok", "refused", ...
const char* outcome_name(Outcome outcome);

struct Reach {
  Outcome outcome = Outcome::ok;
  std::string detail;  ///< what the system says
};

/// Who tests: the secret and the number of the host.
struct Caller {
  const Secret* secret;
  int host;
};

/// Connects and shakes hands.
Reach reach(const Caller& caller, const Target& target, Deadline deadline);

struct Measurement {
  double round_trip = 0;  ///< seconds, the median of small messages
  double forth = 0;       ///< bits per second from us to the target
  double back = 0;        ///< and from it to us
  Reach reach;            ///< not ok: nothing was measured
};

/// Sends small messages to and fro, then data for about `duration` each way.
Measurement measure(const Caller& caller, const Target& target, Milliseconds duration);

}  // namespace mlx::launch::config
