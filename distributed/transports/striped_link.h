#pragma once

// A link over several others, for hosts joined by several cables and for networks
// in which one connection does not get the whole rate. The stream is cut into
// pieces of a fixed size that the links carry in turn, so where a byte is in the
// stream says which link it takes, and nothing else has to be said. Pieces move
// side by side; the links get equal shares, so the slowest sets the pace. What is
// small lies within a piece and takes one link. Without one of them the others
// are of no use: the peer is gone.

#include <memory>
#include <vector>

#include "mlx/distributed/transports/link.h"

namespace mlx::core::distributed {

constexpr size_t kStripePiece = 64 * 1024;

/// Both ends pass the links in the same order.
std::unique_ptr<Link> make_striped_link(std::vector<std::unique_ptr<Link>> links);

}  // namespace mlx::core::distributed
