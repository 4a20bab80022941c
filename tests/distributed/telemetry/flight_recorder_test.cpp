#include "mlx/distributed/telemetry/flight_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "mlx/distributed/distributed.h"

namespace mlx::core::distributed {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::ElementsAre;

std::unique_ptr<FlightRecorder> recorder_of(uint32_t group, uint64_t generation) {
  return std::make_unique<FlightRecorder>(FlightRecorder::Subject{group, generation, 1, {4, 6, 9}});
}

Header header(uint64_t number) {
  Header h{};
  h.sequence = number;
  h.operation = Operation::all_reduce;
  h.reduction = Reduction::sum;
  h.dtype = static_cast<uint8_t>(float32.val());
  h.bytes = 16;
  return h;
}

void record(FlightRecorder& recorder, uint64_t number, int peer = -1) {
  const auto now = Clock::now();
  recorder.began(header(number), Operation::all_reduce, peer, now - Milliseconds{3}, now);
}

TEST(FlightRecorder, HoldsWhatACollectiveWasAndWhen) {
  const auto recorder = recorder_of(7, 2);
  record(*recorder, 0);
  recorder->ended();
  record(*recorder, 1, 2);
  recorder->failed();
  recorder->poisoned("the first cause");
  recorder->poisoned("what followed");
  record(*recorder, 2);
  const json all = json::parse(recorder->json());
  EXPECT_EQ(all["group"], 7);
  EXPECT_EQ(all["generation"], 2);
  EXPECT_EQ(all["rank"], 6);
  EXPECT_THAT(all["members"].get<std::vector<int>>(), ElementsAre(4, 6, 9));
  EXPECT_EQ(all["error"], "the first cause");
  EXPECT_EQ(all["recorded"], 3);
  ASSERT_EQ(all["entries"].size(), 3u);
  const json& done = all["entries"][0];
  EXPECT_EQ(done["operation"], "all_sum");
  EXPECT_EQ(done["reduction"], "sum");
  EXPECT_EQ(done["dtype"], "float32");
  EXPECT_EQ(done["count"], 4);
  EXPECT_EQ(done["bytes"], 16);
  EXPECT_EQ(done["state"], "done");
  EXPECT_FALSE(done.contains("peer"));
  EXPECT_EQ(done["started_ns"].get<int64_t>() - done["queued_ns"].get<int64_t>(), 3'000'000);
  EXPECT_GE(done["ended_ns"], done["started_ns"]);
  EXPECT_GE(all["clock"]["monotonic_ns"], done["ended_ns"]);
  EXPECT_EQ(all["entries"][1]["state"], "failed");
  EXPECT_EQ(all["entries"][1]["peer"], 9);
  EXPECT_EQ(all["entries"][2]["state"], "running");
  EXPECT_FALSE(all["entries"][2].contains("ended_ns"));
}

TEST(FlightRecorder, KeepsTheLast) {
  const auto recorder = recorder_of(0, 0);
  const uint64_t count = 2 * FlightRecorder::kEntries + 5;
  for (uint64_t i = 0; i < count; ++i) {
    record(*recorder, i);
    recorder->ended();
  }
  const json all = json::parse(recorder->json());
  EXPECT_EQ(all["recorded"], count);
  ASSERT_EQ(all["entries"].size(), FlightRecorder::kEntries);
  for (size_t i = 0; i < FlightRecorder::kEntries; ++i) {
    ASSERT_EQ(all["entries"][i]["number"], count - FlightRecorder::kEntries + i);
  }
}

TEST(FlightRecorder, CanBeReadWhileItRecords) {
  const auto recorder = recorder_of(0, 0);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (uint64_t i = 0; !stop; ++i) {
      record(*recorder, i);
      recorder->ended();
    }
  });
  for (int i = 0; i < 10; ++i) {
    const json all = json::parse(recorder->json());
    uint64_t expected = all["recorded"].get<uint64_t>() - all["entries"].size();
    for (const json& entry : all["entries"]) EXPECT_EQ(entry["number"], expected++);
  }
  stop = true;
  writer.join();
}

class FlightFiles : public ::testing::Test {
 protected:
  FlightFiles() {
    char name[] = "/tmp/mlx-flight-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~FlightFiles() override { fs::remove_all(folder_); }

  std::string folder_;
};

TEST_F(FlightFiles, AreOneForEachLivingGroupInAFolderThatIsMade) {
  const std::string deep = folder_ + "/a/b";
  const auto first = recorder_of(3, 0), second = recorder_of(5, 2);
  auto third = recorder_of(8, 0);
  third.reset();
  dump_flight_records(deep);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(deep)) names.push_back(entry.path().filename());
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("flight-3-6.json", "flight-5-6-2.json"));
  std::ifstream file(deep + "/flight-3-6.json");
  EXPECT_EQ(json::parse(file)["group"], 3);
}

TEST_F(FlightFiles, ThatCannotBeWrittenAreNoError) {
  const auto recorder = recorder_of(0, 0);
  std::ofstream(folder_ + "/file") << "not a folder";
  EXPECT_FALSE(recorder->dump(folder_ + "/file"));
  EXPECT_TRUE(recorder->dump(folder_));
}

}  // namespace
}  // namespace mlx::core::distributed
