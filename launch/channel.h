#pragma once

// Frames over a pair of pipes. Reading and writing never block: what the other
// end does not take waits in memory, and who sends much looks at unsent().

#include <functional>
#include <string>

#include "mlx/launch/descriptor.h"
#include "mlx/launch/poller.h"
#include "mlx/launch/protocol.h"

namespace mlx::launch {

class Channel {
 public:
  /// Called for each frame as it arrives; may send.
  using Handler = std::function<void(const Frame&)>;

  Channel(Descriptor in, Descriptor out, FrameReader::Begin begin);

  /// For the next turn.
  void watch(Poller& poller, const Handler& handler);
  void send(FrameType type, std::string_view payload = {});
  void send_output(const OutputHeader& header, std::string_view bytes);
  /// Writes bytes that are no frame.
  void send_raw(std::string_view bytes);
  size_t unsent() const { return unsent_.size() - sent_; }

  /// The other end has closed, is gone, or has said what makes no sense to the reader or
  /// to the handler (ProtocolError): that is error(), else it is empty.
  bool ended() const { return ended_; }
  const std::string& error() const { return error_; }
  /// When something came last.
  Clock::time_point heard() const { return heard_; }
  /// As if something had come now.
  void forgive_silence() { heard_ = Clock::now(); }
  /// Tells the other end that nothing will come any more.
  void close_output();

 private:
  void read_some(const Handler& handler);
  void write_some();

  Descriptor in_, out_;
  FrameReader reader_;
  std::string unsent_;
  size_t sent_ = 0;  // bytes of unsent_ that are gone
  bool ended_ = false;
  std::string error_;
  Clock::time_point heard_ = Clock::now();
};

}  // namespace mlx::launch
