// The stream of frames from a peer of the rendezvous that sends anything.
// What comes out are frames no longer than what came in.

#include <sys/socket.h>

#include <cstdlib>

#include "mlx/distributed/bootstrap/frame.h"

using namespace mlx::core::distributed;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  Socket peer(ends[0]);
  FrameStream stream{Socket(ends[1])};
  send_some(peer.fd(), std::as_bytes(std::span(data, size)));
  size_t taken = 0;
  stream.exchange();
  while (const auto frame = stream.take()) {
    taken += frame->key.size() + frame->value.size();
    if (const auto failure = to_failure(*frame)) to_frame(*failure);
    if (const auto silence = to_silence(*frame)) to_frame(*silence);
  }
  stream.exchange();
  if (taken > size) std::abort();
  return 0;
}
