#pragma once

// A link over one TCP connection.

#include <memory>

#include "mlx/distributed/bootstrap/socket.h"
#include "mlx/distributed/transports/link.h"

namespace mlx::core::distributed {

std::unique_ptr<Link> make_socket_link(Socket socket);

}  // namespace mlx::core::distributed
