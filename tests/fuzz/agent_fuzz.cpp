// What an agent sends to mlx-launch, and mlx-launch to it: frames after whatever a
// login shell printed, each read as what its type says.

#include <cstddef>
#include <cstdint>

#include "mlx/launch/protocol.h"

namespace {

using namespace mlx::launch;

void read_payload(const Frame& frame) {
  std::string_view payload = frame.payload;
  switch (frame.type) {
    case FrameType::hello:
      to_hello(payload);
      break;
    case FrameType::prepare:
      to_prepare(payload);
      break;
    case FrameType::refused:
      to_refused(payload);
      break;
    case FrameType::started:
      to_started(payload);
      break;
    case FrameType::ended:
      to_ended(payload);
      break;
    case FrameType::taken:
    case FrameType::passed:
      to_offset(payload);
      break;
    case FrameType::output:
      take_output_header(payload);
      break;
    default:
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FrameReader reader(FrameReader::Begin::after_magic);
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  try {
    while (!rest.empty()) {
      const auto room = reader.room();
      const size_t n = rest.copy(room.data(), room.size());
      reader.filled(n);
      rest.remove_prefix(n);
      while (const auto frame = reader.next()) {
        try {
          read_payload(*frame);
        } catch (const ProtocolError&) {  // the next frame may make sense
        }
      }
    }
  } catch (const ProtocolError&) {
  }
  return 0;
}
