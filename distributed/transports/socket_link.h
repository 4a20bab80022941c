#pragma once

// A link over one TCP connection.

#include <memory>

#include "mlx/distributed/bootstrap/socket.h"
#include "mlx/distributed/transports/link.h"
#include "mlx/distributed/transports/pulse.h"

namespace mlx::core::distributed {

/// `pulse` counts what passes.
std::unique_ptr<Link> make_socket_link(Socket socket, std::shared_ptr<Pulse> pulse);

}  // namespace mlx::core::distributed
