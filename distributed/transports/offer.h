#pragma once

// How the two ends of an authenticated connection agree on what to use it for.

#include <atomic>
#include <cstdint>
#include <memory>

#include "mlx/distributed/bootstrap/socket.h"
#include "mlx/distributed/transports/link.h"

namespace mlx::core::distributed {

/// Whether to share memory.
enum class Sharing : uint8_t { never, if_possible, always };

/// The connector's side: offers shared memory, and returns the link that both
/// ends agreed on.
/// Errors: DistributedError when the other end does not answer, or cannot share
///         memory though it must.
std::unique_ptr<Link> make_offer(Socket socket, Sharing sharing,
                                 const std::atomic<bool>& cancelled);

/// The acceptor's side. `share`: shared memory may be accepted.
std::unique_ptr<Link> answer_offer(Socket socket, bool share);

}  // namespace mlx::core::distributed
