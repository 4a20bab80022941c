#pragma once

// How the two ends of an authenticated connection agree on what to use it for.

#include <atomic>
#include <cstdint>
#include <memory>

#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/bootstrap/socket.h"
#include "mlx/distributed/transports/link.h"
#include "mlx/distributed/transports/pulse.h"

namespace mlx::core::distributed {

/// The other end of a connection went or fell silent before there was a link.
class ConnectionError : public DistributedError {
  using DistributedError::DistributedError;
};

/// Whether to share memory.
enum class Sharing : uint8_t { never, if_possible, always };

/// Which connection of its pair of ranks one is.
struct Strand {
  uint32_t number = 0;
  uint32_t count = 1;  ///< 1 to kMostConnections

  bool operator==(const Strand&) const = default;
};

/// What both ends agreed on.
struct Agreement {
  std::unique_ptr<Link> link;
  Strand strand;  ///< the only one where memory is shared
};

/// The connector's side: offers shared memory and says which connection this is.
/// `pulse` is that of a TCP link.
/// Errors: ConnectionError when the other end does not answer; DistributedError
///         when it cannot share memory though it must.
Agreement make_offer(Socket socket, Sharing sharing, Strand strand, std::shared_ptr<Pulse> pulse,
                     const std::atomic<bool>& cancelled);

/// The acceptor's side. `share`: shared memory may be accepted.
/// Errors: ConnectionError, also for an offer that makes no sense.
Agreement answer_offer(Socket socket, bool share, std::shared_ptr<Pulse> pulse);

}  // namespace mlx::core::distributed
