#include "mlx/launch/protocol.h"

#include <gmock/gmock.h>

namespace mlx::launch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Begin = FrameReader::Begin;

void feed(FrameReader& reader, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto room = reader.room();
    const size_t n = bytes.copy(room.data(), room.size());
    reader.filled(n);
    bytes.remove_prefix(n);
  }
}

std::string frame(FrameType type, std::string_view payload) {
  std::string out;
  append_frame(out, type, payload);
  return out;
}

std::string error_after(Begin begin, std::string_view bytes) {
  FrameReader reader(begin);
  feed(reader, bytes);
  try {
    while (reader.next()) {
    }
  } catch (const ProtocolError& error) {
    return error.what();
  }
  return "";
}

TEST(FrameReader, FindsFramesHoweverTheyAreCut) {
  const std::string big(300'000, 'b');
  const std::string bytes = frame(FrameType::go, "") + frame(FrameType::input, "abc") +
                            frame(FrameType::output, big) + frame(FrameType::ping, "");
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{65'536}, bytes.size()}) {
    FrameReader reader(Begin::at_once);
    std::vector<std::pair<FrameType, std::string>> got;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      feed(reader, std::string_view(bytes).substr(at, piece));
      while (const auto next = reader.next()) got.emplace_back(next->type, next->payload);
    }
    EXPECT_THAT(
        got, ElementsAre(testing::Pair(FrameType::go, ""), testing::Pair(FrameType::input, "abc"),
                         testing::Pair(FrameType::output, big), testing::Pair(FrameType::ping, "")))
        << "pieces of " << piece;
  }
}

TEST(FrameReader, SkipsWhatALoginShellPrints) {
  const std::string noise =
      "Welcome!\n" + std::string(kMagic.substr(0, 5)) + std::string(70'000, '\n');
  const std::string bytes = noise + std::string(kMagic) + frame(FrameType::ping, "x");
  for (const size_t piece : {size_t{1}, size_t{1000}, bytes.size()}) {
    FrameReader reader(Begin::after_magic);
    int frames = 0;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      feed(reader, std::string_view(bytes).substr(at, piece));
      while (const auto next = reader.next()) {
        EXPECT_EQ(next->payload, "x");
        ++frames;
      }
    }
    EXPECT_EQ(frames, 1) << "pieces of " << piece;
  }
}

TEST(FrameReader, RefusesWhatMakesNoSense) {
  EXPECT_THAT(error_after(Begin::after_magic, std::string(2 * kMostNoise, 'y')),
              HasSubstr("prints without end"));
  EXPECT_THAT(error_after(Begin::at_once, std::string_view("\0\0\0\0\0", 5)), HasSubstr("type 0"));
  EXPECT_THAT(error_after(Begin::at_once, std::string_view("\x63\0\0\0\0", 5)),
              HasSubstr("type 99"));
  EXPECT_THAT(error_after(Begin::at_once, std::string_view("\x07\xff\xff\xff\xff", 5)),
              HasSubstr("4294967295 bytes"));
  EXPECT_EQ(error_after(Begin::at_once, std::string_view("\x07\0\0\0\1", 5)),
            "");  // may still come
}

TEST(Protocol, CarriesWhatAHostHasToKnow) {
  const std::string bytes("\xff\x00 =\n", 5);  // is no UTF-8
  Prepare sent;
  sent.ranks = {{3, 0, {{"A", bytes}}}, {4, 1, {}}};
  sent.readers = {4};
  sent.environment = {{"B", "1"}, {"B", "2"}};
  sent.files = {{"MLX_IBV_DEVICES", "[]"}};
  sent.command = {"prog", "", bytes};
  sent.python = "python3";
  sent.folder = "/a b";
  sent.binding = Binding::numa;
  sent.grace = std::chrono::milliseconds(1500);
  sent.connect = std::chrono::milliseconds(20'000);
  sent.heartbeat = std::chrono::milliseconds(7);
  sent.rendezvous = "[::1]:5";
  const Prepare got = to_prepare(to_payload(sent));
  ASSERT_EQ(got.ranks.size(), 2u);
  EXPECT_EQ(got.ranks[0].rank, 3);
  EXPECT_EQ(got.ranks[0].environment, sent.ranks[0].environment);
  EXPECT_EQ(got.ranks[1].local_rank, 1);
  EXPECT_EQ(got.readers, sent.readers);
  EXPECT_EQ(got.environment, sent.environment);
  ASSERT_EQ(got.files.size(), 1u);
  EXPECT_EQ(got.files[0].variable, "MLX_IBV_DEVICES");
  EXPECT_EQ(got.files[0].content, "[]");
  EXPECT_EQ(got.command, sent.command);
  EXPECT_EQ(got.python, "python3");
  EXPECT_EQ(got.folder, "/a b");
  EXPECT_EQ(got.binding, Binding::numa);
  EXPECT_EQ(got.grace, sent.grace);
  EXPECT_EQ(got.connect, sent.connect);
  EXPECT_EQ(got.heartbeat, sent.heartbeat);
  EXPECT_EQ(got.rendezvous, "[::1]:5");
  sent.binding.reset();
  EXPECT_EQ(to_prepare(to_payload(sent)).binding, std::nullopt);
}

TEST(Protocol, CarriesWhatAnAgentReports) {
  const Hello hello = to_hello(to_payload(Hello{kProtocol, "1.2", "h2", "10.0.0.1"}));
  EXPECT_EQ(hello.version, "1.2");
  EXPECT_EQ(hello.host, "h2");
  EXPECT_EQ(hello.launcher_address, "10.0.0.1");
  const Refused refused = to_refused(to_payload(Refused{127, "none"}));
  EXPECT_EQ(refused.exit_code, 127);
  EXPECT_EQ(refused.reason, "none");
  EXPECT_THAT(to_started(to_payload(Started{{{2, 77}}})).processes,
              ElementsAre(std::pair<int, pid_t>(2, 77)));
  const Ended ended = to_ended(to_payload(Ended{5, 256, true}));
  EXPECT_EQ(ended.rank, 5);
  EXPECT_EQ(ended.wait_status, 256);
  EXPECT_TRUE(ended.stopped);
  EXPECT_EQ(to_offset(to_payload(Offset{uint64_t{1} << 40})).bytes, uint64_t{1} << 40);
  const std::string payload = to_payload(OutputHeader{4000, 1}) + "text";
  std::string_view rest = payload;
  const OutputHeader header = take_output_header(rest);
  EXPECT_EQ(header.rank, 4000u);
  EXPECT_EQ(header.stream, 1);
  EXPECT_EQ(rest, "text");
}

TEST(Protocol, KnowsTheVersionOfAnotherProtocol) {
  Hello other{kProtocol + 1, "9.0", "h", "a"};
  EXPECT_EQ(to_hello(to_payload(other)).protocol, kProtocol + 1);
}

TEST(Protocol, RefusesPayloadsThatMakeNoSense) {
  const std::string empty_object = "\x80", number = "\x01", cut = "\x82\xa4";
  for (const std::string& payload : {std::string(), empty_object, number, cut}) {
    EXPECT_THROW(to_hello(payload), ProtocolError);
    EXPECT_THROW(to_prepare(payload), ProtocolError);
    EXPECT_THROW(to_refused(payload), ProtocolError);
    EXPECT_THROW(to_ended(payload), ProtocolError);
    std::string_view rest = payload;
    EXPECT_THROW(take_output_header(rest), ProtocolError);
  }
  EXPECT_THROW(to_started("\x01"), ProtocolError);
  EXPECT_THROW(to_offset("\x80"), ProtocolError);
  std::string_view third_stream("\0\0\0\0\x02text", 9);
  EXPECT_THROW(take_output_header(third_stream), ProtocolError);
  EXPECT_THROW(to_prepare(to_payload(Prepare{})), ProtocolError);
}

}  // namespace
}  // namespace mlx::launch
