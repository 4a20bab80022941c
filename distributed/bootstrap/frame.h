#pragma once

// What the rendezvous and its clients say to each other: frames of a type, a
// key and a value, over one connection.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/bootstrap/socket.h"

namespace mlx::core::distributed {

struct Frame {
  enum class Type : uint8_t { beat, set, get, value, failure, farewell, silence, meet, leave };

  Type type = Type::beat;
  std::string key;
  std::string value;
};

/// A rank waits for data of another one and tells it how much it has had.
struct Silence {
  uint32_t group = 0;
  int waiting = -1;  ///< in the numbering of the world, as below
  int silent = -1;
  uint64_t received = 0;
};

Frame to_frame(const Silence& silence);
/// Empty when the frame makes no sense.
std::optional<Silence> to_silence(const Frame& frame);

Frame to_frame(const Failure& failure);
/// Empty when the frame makes no sense.
std::optional<Failure> to_failure(const Frame& frame);

/// Frames over a non-blocking socket.
class FrameStream {
 public:
  explicit FrameStream(Socket socket) : socket_(std::move(socket)) {}

  const Socket& socket() const { return socket_; }

  /// Queues a frame and sends what fits.
  void put(const Frame& frame);
  bool sending() const { return !out_.empty(); }

  /// Moves bytes both ways as far as it goes without waiting. False when the
  /// other end is gone or sends nonsense; frames that came before are still there.
  bool exchange();
  /// The next complete frame.
  std::optional<Frame> take();

 private:
  bool flush();
  bool fill();

  Socket socket_;
  std::vector<std::byte> in_;
  std::vector<std::byte> out_;
  bool broken_ = false;
};

}  // namespace mlx::core::distributed
