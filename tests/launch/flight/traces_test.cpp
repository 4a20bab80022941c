#include "mlx/launch/flight/traces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace mlx::launch::flight {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Traces : public ::testing::Test {
 protected:
  Traces() {
    char name[] = "/tmp/mlx-flight-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~Traces() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }
  // A rank's trace, with an event at each of these times.
  std::string trace(int rank, const std::string& boot, double monotonic, double wall,
                    const std::vector<double>& times, const std::string& end = "\n]\n") {
    std::string text =
        "[\n" + json{{"name", "clock"},
                     {"ph", "M"},
                     {"pid", rank},
                     {"tid", 0},
                     {"args", {{"monotonic_us", monotonic}, {"wall_us", wall}, {"boot_id", boot}}}}
                    .dump();
    for (const double time : times) {
      text += ",\n" +
              json{{"name", "e"}, {"ph", "X"}, {"pid", rank}, {"tid", 0}, {"ts", time}, {"dur", 1}}
                  .dump();
    }
    return write(std::to_string(rank) + ".json", text + end);
  }

  std::string folder_;
};

using Event = std::pair<int, double>;

std::vector<Event> events_of(const std::string& merged) {
  std::vector<Event> out;
  for (const json& e : json::parse(merged)) {
    if (e["ph"] != "M") out.emplace_back(e["pid"], e["ts"]);
  }
  return out;
}

TEST_F(Traces, OfOneHostKeepTheirCommonClock) {
  const auto a = trace(0, "one", 100, 5000, {110, 130}), b = trace(1, "one", 100, 5003, {120, 115});
  EXPECT_THAT(events_of(merge_traces({a, b})),
              ElementsAre(Event{0, 0}, Event{1, 5}, Event{1, 10}, Event{0, 20}));
}

TEST_F(Traces, OfTwoHostsMeetOnTheClockOfTheWorld) {
  const auto a = trace(0, "one", 100, 5000, {110, 130}), b = trace(1, "two", 900, 5000, {920});
  EXPECT_THAT(events_of(merge_traces({a, b})),
              ElementsAre(Event{0, 0}, Event{1, 10}, Event{0, 20}));
}

TEST_F(Traces, OfAKilledProcessMayEndAnywhere) {
  for (const char* end : {"", "\n", ",\n", ",\n{\"name\":\"half", "\n]"}) {
    SCOPED_TRACE(end);
    const auto a = trace(0, "one", 100, 5000, {110}, end);
    EXPECT_THAT(events_of(merge_traces({a})), ElementsAre(Event{0, 0}));
  }
}

TEST_F(Traces, ThatAreNoneAreNamed) {
  const std::string clock =
      R"({"name":"clock","ph":"M","pid":0,"args":{"monotonic_us":1,"wall_us":1,"boot_id":"x"}})";
  const std::string table[] = {"",
                               "[",
                               "hello",
                               "[\n{}\n]",
                               R"([{"name":"e","ph":"X","ts":1}])",
                               clock + "\nhello\n" + clock,
                               clock + "\n{\"ph\":1}",
                               clock + "\n{\"ph\":\"X\",\"ts\":\"late\"}"};
  for (const std::string& content : table) {
    SCOPED_TRACE(content);
    const std::string file = write("bad.json", content);
    try {
      merge_traces({file});
      ADD_FAILURE() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(file));
    }
  }
  EXPECT_THROW(merge_traces({folder_ + "/nowhere"}), std::runtime_error);
}

TEST_F(Traces, OfOneProcessCannotBeJoined) {
  const auto a = trace(0, "one", 100, 5000, {110});
  EXPECT_THROW(merge_traces({a, a}), std::runtime_error);
}

}  // namespace
}  // namespace mlx::launch::flight
