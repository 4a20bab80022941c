#include "mlx/distributed/transports/offer.h"

#include <poll.h>
#include <unistd.h>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/environment.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/bootstrap/log.h"
#include "mlx/distributed/bootstrap/secret.h"
#include "mlx/distributed/transports/shared_link.h"
#include "mlx/distributed/transports/socket_link.h"

namespace mlx::core::distributed {
namespace {

struct Offer {
  uint64_t mark;       // is in the memory too: proof that both see the same
  int32_t pid;         // 0: no shared memory offered
  int32_t descriptor;  // in that process
  Strand strand;
};

struct Answer {
  uint32_t shared;  // 1: the memory is accepted
  Strand strand;    // as it was understood
};

constexpr Milliseconds kLimit{5000};

void receive_all(const Socket& socket, std::span<std::byte> bytes,
                 const std::atomic<bool>& cancelled) {
  const Deadline deadline = after(kLimit);
  while (!bytes.empty()) {
    if (cancelled || Clock::now() > deadline) {
      throw ConnectionError("it does not say what link to use");
    }
    if (!wait_ready(socket.fd(), POLLIN, after(Milliseconds{50}))) continue;
    const auto n = receive_some(socket.fd(), bytes);
    if (!n) throw ConnectionError("it hung up before saying what link to use");
    bytes = bytes.subspan(*n);
  }
}

// A fresh connection's buffer takes these few bytes at once.
void send_all(const Socket& socket, std::span<const std::byte> bytes) {
  if (send_some(socket.fd(), bytes) != bytes.size()) {
    throw ConnectionError("it hung up before a link was made");
  }
}

}  // namespace

Agreement make_offer(Socket socket, Sharing sharing, Strand strand, std::shared_ptr<Pulse> pulse,
                     const std::atomic<bool>& cancelled) {
  Offer offer{};
  offer.strand = strand;
  std::shared_ptr<Segment> segment = sharing == Sharing::never ? nullptr : Segment::create();
  if (segment) {
    fill_random(std::as_writable_bytes(std::span(&offer.mark, 1)));
    segment->mark() = offer.mark;
    offer.pid = getpid();
    offer.descriptor = segment->descriptor();
  } else if (sharing == Sharing::if_possible) {
    log_warning("There is no memory to share with a rank of this host: it is reached over TCP");
  }
  send_all(socket, std::as_bytes(std::span(&offer, 1)));
  Answer answer;
  receive_all(socket, std::as_writable_bytes(std::span(&answer, 1)), cancelled);
  if (answer.strand != strand) throw ConnectionError("it misunderstood which connection this is");
  if (answer.shared == 0) {
    if (sharing == Sharing::always) throw DistributedError("[shm] The ranks share no memory.");
    return {make_socket_link(std::move(socket), std::move(pulse)), strand};
  }
  if (!segment) throw ConnectionError("it accepted memory that it was not offered");
  segment->close_descriptor();
  return {make_shared_link(std::move(segment), 0, std::move(socket)), Strand{}};
}

Agreement answer_offer(Socket socket, bool share, std::shared_ptr<Pulse> pulse) {
  Offer offer;
  receive_all(socket, std::as_writable_bytes(std::span(&offer, 1)), false);
  const auto [number, count] = offer.strand;
  if (number >= count || count > kMostConnections) {
    throw ConnectionError(concat("it is number ", number, " of ", count, " connections"));
  }
  std::shared_ptr<Segment> segment;
  if (share && offer.pid > 0) {
    segment = Segment::open(offer.pid, offer.descriptor);
    if (segment && segment->mark() != offer.mark) segment = nullptr;
  }
  const Answer answer{segment ? 1u : 0u, offer.strand};
  send_all(socket, std::as_bytes(std::span(&answer, 1)));
  if (!segment) return {make_socket_link(std::move(socket), std::move(pulse)), offer.strand};
  segment->close_descriptor();
  return {make_shared_link(std::move(segment), 1, std::move(socket)), Strand{}};
}

}  // namespace mlx::core::distributed
