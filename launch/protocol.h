#pragma once

// What the launcher and its agent on each host say to each other: frames
//   type: 1 byte, length of the payload: 4 bytes, little endian, payload
// over the agent's standard input and output. Output and input of ranks are raw
// bytes, everything else is JSON, packed (MessagePack: texts may be any bytes).

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "mlx/launch/host.h"
#include "mlx/launch/options.h"
#include "mlx/launch/plan.h"

namespace mlx::launch {

/// Changes with the meaning of any frame but hello.
constexpr int kProtocol = 1;

enum class FrameType : uint8_t {
  hello = 1,   ///< agent: Hello; before anything else
  prepare,     ///< launcher: Prepare
  ready,       ///< agent: it could start the ranks
  refused,     ///< agent: Refused
  go,          ///< launcher: start the ranks
  started,     ///< agent: Started
  output,      ///< agent: OutputHeader, then bytes; none: the stream has ended
  passed,      ///< launcher: Offset: so many bytes of output have been passed on
  input,       ///< launcher: bytes for standard input of the ranks
  input_end,   ///< launcher: no more of them
  taken,       ///< agent: Offset: how far the fastest rank has read of the input
  input_done,  ///< agent: no rank reads input any more
  ended,       ///< agent: Ended
  stop,        ///< launcher: SIGTERM, and SIGKILL after the grace time
  kill,        ///< launcher: SIGKILL
  done,        ///< agent: nothing of the ranks is left, and all they wrote was sent
  ping,        ///< both
};
constexpr auto kLastFrameType = FrameType::ping;

constexpr size_t kFrameHeader = 5;
constexpr size_t kLongestPayload = size_t{64} << 20;
/// How far output may be ahead of what was passed on, lest a slow reader fill our memory.
constexpr uint64_t kOutputWindow = uint64_t{2} << 20;

/// Silence would mean that the other end is gone: each says something so often, and
/// at least so many times within the limit of silence.
constexpr std::chrono::milliseconds kPingInterval{1'000};
constexpr int kPingsInLimit = 4;

/// A login shell may print before the agent does; its first frame follows this.
constexpr std::string_view kMagic{"\0mlx-launch agent\n", 18};
constexpr size_t kMostNoise = size_t{1} << 20;

/// The other end says what makes no sense.
class ProtocolError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A payload that lies in the reader's buffer until more is read.
struct Frame {
  FrameType type;
  std::string_view payload;
};

void append_frame(std::string& out, FrameType type, std::string_view payload);

/// Cuts a stream of bytes into frames.
class FrameReader {
 public:
  enum class Begin { at_once, after_magic };
  explicit FrameReader(Begin begin) : skipping_(begin == Begin::after_magic) {}

  /// Where the next bytes belong; never empty.
  std::span<char> room();
  void filled(size_t count) { end_ += count; }
  /// The next whole frame. Errors: ProtocolError.
  std::optional<Frame> next();

 private:
  bool skip_noise();

  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;  // what is unread
  bool skipping_;
  size_t noise_ = 0;
};

struct Hello {
  int protocol = kProtocol;
  std::string version;
  std::string host;              ///< its own name
  std::string launcher_address;  ///< where the launcher is, seen from there; empty: not known
};

/// One generation of the job, as far as a host needs to know it.
struct Prepare {
  std::vector<RankPlan> ranks;
  std::set<int> readers;  ///< the ranks that get input
  Variables environment;  ///< of all ranks, stronger than what the host has
  std::vector<PlannedFile> files;
  std::vector<std::string> command;
  std::string python;
  std::string folder;  ///< empty: the agent's
  std::optional<Binding> binding;
  std::chrono::milliseconds grace{0};      ///< between SIGTERM and SIGKILL
  std::chrono::milliseconds connect{0};    ///< to reach the rendezvous
  std::chrono::milliseconds heartbeat{0};  ///< silence after which the launcher is lost; 0: none
  std::string rendezvous;                  ///< to be reached first; empty: nothing to try
};

struct Refused {
  int exit_code = 1;
  std::string reason;
};

struct Started {
  std::vector<std::pair<int, pid_t>> processes;  ///< by rank
};

struct Ended {
  int rank = 0;
  int wait_status = 0;
  bool stopped = false;  ///< the agent had begun to stop it
};

struct Offset {
  uint64_t bytes = 0;
};

struct OutputHeader {
  static constexpr size_t kSize = 5;
  uint32_t rank = 0;
  uint8_t stream = 0;  ///< 0: standard output, 1: standard error
};

std::string to_payload(const Hello& hello);
std::string to_payload(const Prepare& prepare);
std::string to_payload(const Refused& refused);
std::string to_payload(const Started& started);
std::string to_payload(const Ended& ended);
std::string to_payload(const Offset& offset);
std::string to_payload(const OutputHeader& header);

/// Errors of all: ProtocolError.
Hello to_hello(std::string_view payload);
Prepare to_prepare(std::string_view payload);
Refused to_refused(std::string_view payload);
Started to_started(std::string_view payload);
Ended to_ended(std::string_view payload);
Offset to_offset(std::string_view payload);
/// Takes it off the front of the payload.
OutputHeader take_output_header(std::string_view& payload);

}  // namespace mlx::launch
