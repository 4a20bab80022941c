#include "mlx/launch/protocol.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "mlx/core/base/error.h"

namespace mlx::launch {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr size_t kLeastRoom = size_t{64} << 10;
constexpr size_t kUsualBuffer = size_t{1} << 20;

void append_number(std::string& out, uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(number >> shift & 0xff);
}

uint32_t number_at(const char* bytes) {
  uint32_t number = 0;
  for (int i = 3; i >= 0; --i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

std::string pack(const json& document) {
  std::string out;
  json::to_msgpack(document, out);
  return out;
}

// What is missing or of another type becomes a ProtocolError.
template <typename Read>
auto unpack(const char* name, std::string_view payload, const Read& read) {
  try {
    return read(json::from_msgpack(payload.begin(), payload.end()));
  } catch (const json::exception& error) {
    throw ProtocolError(core::concat("a frame \"", name, "\" makes no sense: ", error.what()));
  }
}

json ranks_json(const std::vector<RankPlan>& ranks) {
  json out = json::array();
  for (const RankPlan& rank : ranks) {
    out.push_back(
        {{"rank", rank.rank}, {"local_rank", rank.local_rank}, {"environment", rank.environment}});
  }
  return out;
}

json files_json(const std::vector<PlannedFile>& files) {
  json out = json::array();
  for (const PlannedFile& file : files) {
    out.push_back({{"variable", file.variable}, {"content", file.content}});
  }
  return out;
}

std::vector<RankPlan> ranks_from(const json& list) {
  std::vector<RankPlan> out;
  for (const json& rank : list) {
    out.push_back({rank.at("rank").get<int>(), rank.at("local_rank").get<int>(),
                   rank.at("environment").get<Variables>()});
  }
  return out;
}

std::vector<PlannedFile> files_from(const json& list) {
  std::vector<PlannedFile> out;
  for (const json& file : list) {
    out.push_back({file.at("variable").get<std::string>(), file.at("content").get<std::string>()});
  }
  return out;
}

constexpr int kNoBinding = -1;

}  // namespace

void append_frame(std::string& out, FrameType type, std::string_view payload) {
  core::require(payload.size() <= kLongestPayload, "A frame is too long: got ", payload.size(),
                " bytes, expected up to ", kLongestPayload, ".");
  out += static_cast<char>(type);
  append_number(out, static_cast<uint32_t>(payload.size()));
  out += payload;
}

std::span<char> FrameReader::room() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ < kLeastRoom && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  // Grows with what has arrived, not with what a header promises.
  if (buffer_.size() - end_ < kLeastRoom) buffer_.resize(std::max(kUsualBuffer, 2 * end_));
  return {buffer_.data() + end_, buffer_.size() - end_};
}

bool FrameReader::skip_noise() {
  const std::string_view unread(buffer_.data() + begin_, end_ - begin_);
  const size_t magic = unread.find(kMagic);
  const bool found = magic != unread.npos;
  const size_t kept = std::min(unread.size(), kMagic.size() - 1);  // perhaps its beginning
  const size_t skipped = found ? magic + kMagic.size() : unread.size() - kept;
  begin_ += skipped;
  noise_ += skipped;
  if (noise_ > kMostNoise) throw ProtocolError("its login shell prints without end");
  return found;
}

std::optional<Frame> FrameReader::next() {
  if (skipping_ && !skip_noise()) return {};
  skipping_ = false;
  if (end_ - begin_ < kFrameHeader) return {};
  const char* header = buffer_.data() + begin_;
  const auto type = static_cast<uint8_t>(header[0]);
  const size_t size = number_at(header + 1);
  if (type < 1 || type > static_cast<uint8_t>(kLastFrameType) || size > kLongestPayload) {
    throw ProtocolError(
        core::concat("a frame of type ", int{type}, " and ", size, " bytes makes no sense"));
  }
  if (end_ - begin_ < kFrameHeader + size) return {};
  begin_ += kFrameHeader + size;
  return Frame{static_cast<FrameType>(type), {header + kFrameHeader, size}};
}

std::string to_payload(const Hello& h) {
  return pack({{"protocol", h.protocol},
               {"version", h.version},
               {"host", h.host},
               {"launcher_address", h.launcher_address}});
}

// Of another protocol only what every one has is read.
Hello to_hello(std::string_view payload) {
  return unpack("hello", payload, [](const json& j) {
    Hello h{j.at("protocol").get<int>(), j.at("version").get<std::string>(), {}, {}};
    if (h.protocol == kProtocol) {
      h.host = j.at("host").get<std::string>();
      h.launcher_address = j.at("launcher_address").get<std::string>();
    }
    return h;
  });
}

std::string to_payload(const Prepare& p) {
  return pack({{"ranks", ranks_json(p.ranks)},
               {"readers", p.readers},
               {"environment", p.environment},
               {"files", files_json(p.files)},
               {"command", p.command},
               {"python", p.python},
               {"folder", p.folder},
               {"binding", p.binding ? static_cast<int>(*p.binding) : kNoBinding},
               {"grace", p.grace.count()},
               {"connect", p.connect.count()},
               {"heartbeat", p.heartbeat.count()},
               {"rendezvous", p.rendezvous}});
}

Prepare to_prepare(std::string_view payload) {
  return unpack("prepare", payload, [](const json& j) {
    Prepare p;
    p.ranks = ranks_from(j.at("ranks"));
    p.readers = j.at("readers").get<std::set<int>>();
    p.environment = j.at("environment").get<Variables>();
    p.files = files_from(j.at("files"));
    p.command = j.at("command").get<std::vector<std::string>>();
    p.python = j.at("python").get<std::string>();
    p.folder = j.at("folder").get<std::string>();
    const int binding = j.at("binding").get<int>();
    if (binding != kNoBinding) p.binding = static_cast<Binding>(binding);
    p.grace = milliseconds(j.at("grace").get<int64_t>());
    p.connect = milliseconds(j.at("connect").get<int64_t>());
    p.heartbeat = milliseconds(j.at("heartbeat").get<int64_t>());
    p.rendezvous = j.at("rendezvous").get<std::string>();
    if (p.ranks.empty() || p.command.empty()) {
      throw ProtocolError("a frame \"prepare\" makes no sense: no ranks or no program");
    }
    return p;
  });
}

std::string to_payload(const Refused& r) {
  return pack({{"exit_code", r.exit_code}, {"reason", r.reason}});
}

Refused to_refused(std::string_view payload) {
  return unpack("refused", payload, [](const json& j) {
    return Refused{j.at("exit_code").get<int>(), j.at("reason").get<std::string>()};
  });
}

std::string to_payload(const Started& s) { return pack(s.processes); }

Started to_started(std::string_view payload) {
  return unpack("started", payload,
                [](const json& j) { return Started{j.get<std::vector<std::pair<int, pid_t>>>()}; });
}

std::string to_payload(const Ended& e) {
  return pack({{"rank", e.rank}, {"wait_status", e.wait_status}, {"stopped", e.stopped}});
}

Ended to_ended(std::string_view payload) {
  return unpack("ended", payload, [](const json& j) {
    return Ended{j.at("rank").get<int>(), j.at("wait_status").get<int>(),
                 j.at("stopped").get<bool>()};
  });
}

std::string to_payload(const Offset& o) { return pack(o.bytes); }

Offset to_offset(std::string_view payload) {
  return unpack("offset", payload, [](const json& j) { return Offset{j.get<uint64_t>()}; });
}

std::string to_payload(const OutputHeader& header) {
  std::string out;
  append_number(out, header.rank);
  out += static_cast<char>(header.stream);
  return out;
}

OutputHeader take_output_header(std::string_view& payload) {
  if (payload.size() < OutputHeader::kSize || static_cast<unsigned char>(payload[4]) > 1) {
    throw ProtocolError("a frame \"output\" makes no sense");
  }
  const OutputHeader header{number_at(payload.data()), static_cast<uint8_t>(payload[4])};
  payload.remove_prefix(OutputHeader::kSize);
  return header;
}

}  // namespace mlx::launch
