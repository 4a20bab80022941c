#pragma once

// Where a transport gets its links: one for each pair of ranks, made when first
// used. The lower rank of a pair connects, the higher one accepts.

#include <memory>

#include "mlx/distributed/bootstrap/bell.h"
#include "mlx/distributed/transports/link.h"

namespace mlx::core::distributed {

class Connector {
 public:
  virtual ~Connector() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// How many ranks of the group run on this host: more than its cores means
  /// that who waits must give way.
  virtual int ranks_on_host() const = 0;
  /// As Transport::host_of.
  virtual int host_of(int /*peer*/) const { return 0; }

  /// The link to `peer`, or null when it is not there yet (the bell rings when
  /// that may have changed).
  /// Errors: PeerLostError, AuthenticationError, AbortedError.
  virtual std::unique_ptr<Link> link(int peer) = 0;

  /// Rung by new links, departures and aborts.
  virtual Bell& bell() = 0;
  /// Makes a link() in progress give up; the links touch no more memory of the
  /// caller's when it returns. Callable from any thread.
  virtual void abort() noexcept = 0;
};

}  // namespace mlx::core::distributed
