#pragma once

// A link between two ranks that share memory: a ring each way, and a socket
// that wakes a sleeping end and whose closing tells that the peer is gone. Where
// the kernel lets an end read the other's memory, that one lends large messages.

#include <memory>

#include "mlx/distributed/bootstrap/socket.h"
#include "mlx/distributed/transports/link.h"
#include "mlx/distributed/transports/ring_buffer.h"

namespace mlx::core::distributed {

/// The memory of one link. Zero-filled at first.
class Segment {
 public:
  /// Bytes of each ring.
  static constexpr size_t kCapacity = 1 << 20;

  /// Anonymous memory with a descriptor by which another process can map it
  /// too; it vanishes with the last process that does. Empty when there is none.
  static std::unique_ptr<Segment> create();
  /// Maps what another process of this host created. Empty when not possible.
  static std::unique_ptr<Segment> open(int pid, int descriptor);
  ~Segment();

  int descriptor() const { return file_.fd(); }
  void close_descriptor() { file_.close(); }
  /// A word that the creator sets and the opener checks: is it really the same memory?
  uint64_t& mark();
  /// The process at that end, when it lets itself be read and we can; else 0.
  pid_t readable_process(int end);
  RingControl* control(int ring);
  std::byte* data(int ring);

 private:
  Segment(Socket file, std::byte* base) : file_(std::move(file)), base_(base) {}
  static std::unique_ptr<Segment> map(Socket file);
  struct Witness;
  Witness& witness(int end);
  void introduce(int end);

  Socket file_;
  std::byte* base_;
};

/// `end` is 0 or 1: which end of the segment this one is.
std::unique_ptr<Link> make_shared_link(std::shared_ptr<Segment> segment, int end, Socket doorbell);

}  // namespace mlx::core::distributed
