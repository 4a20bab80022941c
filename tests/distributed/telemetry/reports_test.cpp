// What ranks that are processes leave behind, and what mlx-flight makes of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "distributed/processes.h"
#include "mlx/distributed/telemetry/flight_dump.h"
#include "system/command.h"

namespace mlx::core::distributed {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::Command;
using test::Finished;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::Processes;

constexpr Milliseconds kPatience{20'000};

class Reports : public ::testing::Test {
 protected:
  Reports() {
    char name[] = "/tmp/mlx-flight-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~Reports() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string content(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  static bool comes_true(const std::function<bool()>& condition) {
    const Deadline deadline = after(kPatience);
    while (!condition()) {
      if (Clock::now() > deadline) return false;
      std::this_thread::sleep_for(Milliseconds{20});
    }
    return true;
  }
  Finished mlx_flight(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), MLX_FLIGHT);
    Command::Setting setting;
    setting.folder = folder_;
    return Command(arguments, setting).wait();
  }

  std::string folder_;
};

TEST_F(Reports, NameTheRankThatDidNotJoinBeforeTheDeadline) {
  const std::string records = path("deep/records");
  Processes job(
      "wait_for_rank_1",
      {.ranks = 3, .variables = {{"MLX_FLIGHT_DIR", records}, {"MLX_OPERATION_LIMIT", "1"}}});
  ASSERT_TRUE(job.wait_for_end(kPatience, 1)) << job.transcript();
  // Rank 1 writes too, though it does not ask how the group is.
  ASSERT_TRUE(comes_true([&] { return fs::exists(records + "/flight-0-1.json"); }));
  const Finished flight = mlx_flight({records});
  EXPECT_EQ(flight.exit_code, 1) << flight.err;
  EXPECT_THAT(flight.out, AllOf(HasSubstr("rank 1 has not joined #1 all_sum float32[1] of group 0, "
                                          "which ranks 0, 2 waited in for 1.0 s; it left #0"),
                                HasSubstr("group 0 failed on rank")));
  EXPECT_EQ(flight.err, "");
  const json all = json::parse(mlx_flight({"--json", records}).out);
  EXPECT_EQ(all["problems"][0]["kind"], "absent");
  EXPECT_EQ(all["problems"][0]["ranks"], json({1}));
}

TEST_F(Reports, SayWhoHasWrittenNothing) {
  Processes job("sum_forever", {.ranks = 2, .variables = {{"MLX_FLIGHT_DIR", folder_}}});
  ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
  job.signal(1, SIGKILL);
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  const Finished flight = mlx_flight({folder_});
  EXPECT_EQ(flight.exit_code, 1);
  EXPECT_THAT(flight.out, AllOf(HasSubstr("rank 1 has written no record of group 0"),
                                HasSubstr("group 0 failed on rank 0: Rank 1 is lost")));
}

TEST_F(Reports, AreWrittenOnASignalWhileRanksWait) {
  Processes job("wait_for_rank_1", {.ranks = 3, .variables = {{"MLX_FLIGHT_DIR", folder_}}});
  ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
  Finished flight;
  const auto explained = [&] {
    // Rank 1 last: its record is not older than the others'.
    for (int rank : {0, 2, 1}) job.signal(rank, SIGUSR1);
    if (!fs::exists(path("flight-0-1.json"))) return false;
    flight = mlx_flight({"--patience", "0.1", folder_});
    return flight.out.find("which ranks 0, 2 wait in since") != std::string::npos;
  };
  EXPECT_TRUE(comes_true(explained)) << flight.out;
  EXPECT_EQ(flight.exit_code, 1);
  EXPECT_THAT(flight.out, HasSubstr("rank 1 has not joined #1 all_sum float32[1] of group 0"));
  // The signal has ended nobody.
  for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(kill(job.pid(rank), 0), 0) << rank;
  EXPECT_FALSE(job.wait_for_end(Milliseconds{1})) << job.transcript();
}

void own_handler(int) {}

void* handler_after(void (*before)(int), const std::string& folder) {
  signal(SIGUSR1, before);
  start_flight_dumper(folder);
  struct sigaction now {};
  sigaction(SIGUSR1, nullptr, &now);
  return reinterpret_cast<void*>(now.sa_handler);
}

TEST_F(Reports, LeaveTheProgramItsOwnHandler) {
  const auto is_own = [&](void (*before)(int)) {
    return handler_after(before, folder_) == reinterpret_cast<void*>(before) ? 1 : 0;
  };
  EXPECT_EXIT(_exit(is_own(own_handler)), ::testing::ExitedWithCode(1), "");
  EXPECT_EXIT(_exit(is_own(SIG_IGN)), ::testing::ExitedWithCode(1), "");
  EXPECT_EXIT(_exit(is_own(SIG_DFL)), ::testing::ExitedWithCode(0), "");
}

// The events of a category, in the order of the file.
std::vector<json> events_of(const json& trace, const std::string& category) {
  std::vector<json> out;
  for (const json& event : trace) {
    if (event.value("cat", "") == category) out.push_back(event);
  }
  return out;
}

std::vector<std::string> names_of(const std::vector<json>& events) {
  std::vector<std::string> names;
  for (const json& event : events) names.push_back(event["name"]);
  return names;
}

TEST_F(Reports, TraceWhatRanAndWhatMoved) {
  Processes job("all_operations", {.ranks = 2, .variables = {{"MLX_TRACE", path("trace.json")}}});
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  for (int rank : {0, 1}) {
    ASSERT_EQ(job.exit_code(rank), 0) << job.transcript();
    const json trace = json::parse(content("trace." + std::to_string(rank) + ".json"));
    const auto moved = events_of(trace, "collective");
    ASSERT_FALSE(moved.empty());
    EXPECT_EQ(moved[0]["name"], "#0 all_sum float32[1]");
    EXPECT_EQ(moved[0]["pid"], rank);
    EXPECT_EQ(moved[0]["args"]["number"], 0);
    EXPECT_EQ(moved[0]["args"]["bytes"], 4);
    EXPECT_EQ(moved[0]["args"]["state"], "done");
    EXPECT_THAT(names_of(moved), Contains(rank == 0 ? "#0 send float32[1]" : "#0 recv float32[1]"));
    const auto tasks = events_of(trace, "communication");
    ASSERT_FALSE(tasks.empty());
    // Within the task that asked for it, on the same track.
    EXPECT_EQ(tasks[0]["tid"], moved[0]["tid"]);
    EXPECT_LE(tasks[0]["ts"], moved[0]["ts"]);
    EXPECT_EQ(tasks[0]["args"]["outputs"], "float32[1]");
    const auto computed = names_of(events_of(trace, "computation"));
    EXPECT_THAT(computed, Contains(HasSubstr("+add")));
    for (const json& event : trace) {
      EXPECT_GE(event.value("dur", 0.0), 0);
    }
  }
  const Finished joined =
      mlx_flight({"--trace", path("all.json"), path("trace.0.json"), path("trace.1.json")});
  EXPECT_EQ(joined.exit_code, 0) << joined.err;
  const auto both = events_of(json::parse(content("all.json")), "collective");
  EXPECT_TRUE(std::is_sorted(both.begin(), both.end(), [](const json& a, const json& b) {
    return a["ts"].get<double>() < b["ts"].get<double>();
  }));
  for (int rank : {0, 1}) {
    EXPECT_TRUE(std::any_of(both.begin(), both.end(),
                            [&](const json& event) { return event["pid"] == rank; }));
  }
}

TEST_F(Reports, TraceUpToTheErrorAndToTheDeath) {
  Processes job("sum_forever", {.ranks = 2, .variables = {{"MLX_TRACE", path("at-%r")}}});
  ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
  const auto has_collectives = [&] {
    return content("at-1").find("#0 all_sum") != std::string::npos;
  };
  ASSERT_TRUE(comes_true(has_collectives));
  job.signal(1, SIGKILL);
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  const auto survived = events_of(json::parse(content("at-0")), "communication");
  ASSERT_FALSE(survived.empty());
  EXPECT_THAT(survived.back()["args"].value("error", ""), HasSubstr("ank 1"));
  // Only the bracket at the end is missing.
  EXPECT_FALSE(events_of(json::parse(content("at-1") + "]"), "collective").empty());
  EXPECT_EQ(mlx_flight({"--trace", path("all"), path("at-0"), path("at-1")}).exit_code, 0);
}

}  // namespace
}  // namespace mlx::core::distributed
