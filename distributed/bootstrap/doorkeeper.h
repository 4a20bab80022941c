#pragma once

// Accepts connections and lets in those that prove themselves. Handshakes run
// side by side, so one that stalls delays nobody; who fails or is too slow is
// dropped and logged. So many visitors at a time: beyond that the one who has
// been there longest goes, since proving oneself takes milliseconds.

#include <poll.h>

#include <vector>

#include "mlx/distributed/bootstrap/handshake.h"
#include "mlx/distributed/bootstrap/log.h"
#include "mlx/distributed/bootstrap/socket.h"

namespace mlx::core::distributed {

class Doorkeeper {
 public:
  struct Guest {
    Socket socket;
    Identity identity;
  };

  /// `secret` must outlive it.
  Doorkeeper(std::vector<Socket> listeners, const Secret& secret, const Identity& self,
             Milliseconds limit);

  /// The first one.
  const Socket& listener() const { return listeners_.front(); }

  /// Adds what must be polled before the next serve().
  void watch(std::vector<pollfd>& polled) const;

  /// Moves every handshake on as far as it goes without waiting, and returns
  /// who has proved themselves since. To be called by wake_by() at the latest.
  std::vector<Guest> serve();
  Deadline wake_by() const;

 private:
  struct Visitor {
    Socket socket;
    Handshake handshake;
    Deadline deadline;
  };

  bool advance(Visitor& visitor);
  void accept_new();
  void accept_from(const Socket& listener);
  bool make_room();
  void drop(const Visitor& visitor, const char* why);

  std::vector<Socket> listeners_;
  const Secret* secret_;
  Identity self_;
  Milliseconds limit_;
  std::vector<Visitor> visitors_;  // the oldest first
  Deadline resting_until_{};       // nobody is accepted before: no descriptors
  RareWarnings warnings_;
};

}  // namespace mlx::core::distributed
