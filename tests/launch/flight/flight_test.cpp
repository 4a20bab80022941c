// What mlx-flight says about records, which are written here.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "mlx/launch/flight/report.h"

namespace mlx::launch::flight {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kWritten = 100 * kSecond;

json entry(uint64_t number, int64_t started, int64_t ended, const std::string& state = "done") {
  json e{{"number", number},     {"operation", "all_sum"},
         {"dtype", "float32"},   {"reduction", "sum"},
         {"count", 4},           {"bytes", 16},
         {"state", state},       {"queued_ns", started},
         {"started_ns", started}};
  if (state != "running") e["ended_ns"] = ended;
  return e;
}

json message(const char* operation, int peer, const std::string& state, int tag = 0) {
  json e = entry(3, 98 * kSecond, 99 * kSecond, state);
  e["operation"] = operation;
  e["peer"] = peer;
  if (tag != 0) e["tag"] = tag;
  return e;
}

json record(int rank, std::vector<int> members, json entries) {
  return {{"format", 1},
          {"group", 0},
          {"generation", 0},
          {"rank", rank},
          {"members", members},
          {"pid", 1},
          {"host", "a"},
          {"boot_id", "one"},
          {"clock", {{"monotonic_ns", kWritten}, {"wall_ns", kWritten + 1000 * kSecond}}},
          {"recorded", entries.size()},
          {"entries", std::move(entries)}};
}

class FlightReport : public ::testing::Test {
 protected:
  FlightReport() {
    char name[] = "/tmp/mlx-flight-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~FlightReport() override { fs::remove_all(folder_); }

  std::string file(int rank) const {
    return folder_ + "/flight-0-" + std::to_string(rank) + ".json";
  }
  void write(int rank, const std::string& text) { std::ofstream(file(rank)) << text; }
  void write(const json& record) { write(record["rank"].get<int>(), record.dump()); }

  std::vector<Finding> problems(double patience = 1) {
    records_ = read_records(folder_);
    return examine(records_, patience).problems;
  }
  // The one problem there is.
  Finding problem() {
    const auto all = problems();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? Finding{} : all[0];
  }
  std::string text() {
    records_ = read_records(folder_);
    return to_text(examine(records_, 1));
  }

  std::string folder_;
  Records records_;
};

const json kDone = entry(0, 80 * kSecond, 81 * kSecond);

TEST_F(FlightReport, OfAHealthyJobFindsNothing) {
  for (int rank : {0, 1})
    write(record(rank, {0, 1}, {kDone, entry(1, 82 * kSecond, 83 * kSecond)}));
  EXPECT_TRUE(problems().empty());
  EXPECT_THAT(text(), AllOf(HasSubstr("2 records of 1 group: no problem."),
                            HasSubstr("#1 all_sum float32[4]"), Not(HasSubstr("\x1b"))));
}

TEST_F(FlightReport, NamesTheRankThatHasNotJoined) {
  for (int rank : {0, 1, 3}) {
    write(record(rank, {0, 1, 2, 3}, {kDone, entry(1, kWritten - 12'300'000'000, 0, "running")}));
  }
  write(record(2, {0, 1, 2, 3}, {kDone}));
  const Finding found = problem();
  EXPECT_EQ(found.kind, Finding::Kind::absent);
  EXPECT_THAT(found.ranks, ElementsAre(2));
  EXPECT_THAT(found.text,
              HasSubstr("rank 2 has not joined #1 all_sum float32[4] of group 0, which ranks 0, 1, "
                        "3 wait in since 12.3 s; it left #0 all_sum float32[4] 19.0 s before"));
}

TEST_F(FlightReport, NamesItAlsoAfterTheOthersHaveGivenUpAndWhenItJoinedNothing) {
  write(record(0, {0, 1}, {entry(0, 90 * kSecond, 92 * kSecond, "failed")}));
  write(record(1, {0, 1}, json::array()));
  EXPECT_THAT(problem().text,
              HasSubstr("rank 1 has not joined #0 all_sum float32[4] of group 0, which rank 0 "
                        "waited in for 2.0 s; it has joined none"));
}

TEST_F(FlightReport, LetsARankBeLateForAMoment) {
  write(record(0, {0, 1}, {kDone, entry(1, kWritten - kSecond / 2, 0, "running")}));
  write(record(1, {0, 1}, {kDone}));
  EXPECT_TRUE(problems().empty());
  EXPECT_EQ(problems(0.4).size(), 1u);
}

TEST_F(FlightReport, DoesNotBlameARankWhoseRecordIsOlder) {
  write(record(0, {0, 1}, {kDone, entry(1, 95 * kSecond, 0, "running")}));
  json old = record(1, {0, 1}, {kDone});
  old["clock"] = {{"monotonic_ns", 90 * kSecond}, {"wall_ns", 1090 * kSecond}};
  write(old);
  EXPECT_EQ(problem().kind, Finding::Kind::outdated);
}

TEST_F(FlightReport, SaysWhoIsAtWhichCollectiveWhenTheyDiffer) {
  write(record(0, {0, 1, 2}, {kDone, entry(1, 99 * kSecond, kWritten, "failed")}));
  write(record(1, {0, 1, 2}, {kDone, entry(1, 99 * kSecond, kWritten, "failed")}));
  json other = entry(1, 99 * kSecond, kWritten, "failed");
  other["operation"] = "all_gather";
  other["count"] = 8;
  write(record(2, {0, 1, 2}, {kDone, other}));
  const Finding found = problem();
  EXPECT_EQ(found.kind, Finding::Kind::mismatch);
  EXPECT_THAT(found.ranks, ElementsAre(2));
  EXPECT_THAT(found.text,
              AllOf(HasSubstr("collective #1"), HasSubstr("rank 2 is at #1 all_gather float32[8]"),
                    HasSubstr("ranks 0, 1 are at #1 all_sum float32[4]")));
}

TEST_F(FlightReport, SeesDifferentRoots) {
  for (int rank : {0, 1}) {
    json e = entry(0, 90 * kSecond, 91 * kSecond);
    e["operation"] = "broadcast";
    e["peer"] = rank;
    write(record(rank, {0, 1}, {e}));
  }
  EXPECT_THAT(problem().text, HasSubstr("with root 1"));
}

TEST_F(FlightReport, NamesRanksWithoutARecordAndWhyTheGroupFailed) {
  json failed = record(0, {0, 1, 2}, {kDone});
  failed["error"] = "Rank 1 is lost";
  write(failed);
  const auto all = problems();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].kind, Finding::Kind::missing);
  EXPECT_THAT(all[0].text, HasSubstr("ranks 1, 2 have written no record of group 0"));
  EXPECT_THAT(all[1].text, HasSubstr("group 0 failed on rank 0: Rank 1 is lost"));
}

TEST_F(FlightReport, NamesWhoHasNotSentAndWhoHasNotReceived) {
  write(record(0, {0, 1, 2}, {message("recv", 1, "running", 7)}));
  write(record(1, {0, 1, 2}, json::array()));
  write(record(2, {0, 1, 2}, {message("send", 1, "failed")}));
  const auto all = problems();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_THAT(all[0].text, HasSubstr("rank 1 has not sent message #3 with tag 7, float32[4], which "
                                     "rank 0 waits to receive from it in group 0 since 2.0 s"));
  EXPECT_THAT(all[1].text, HasSubstr("rank 1 has not received message #3, float32[4], which rank 2 "
                                     "waited to send to it in group 0 for 1.0 s"));
}

TEST_F(FlightReport, DoesNotBlameTheOtherEndThatHasCome) {
  write(record(0, {0, 1}, {message("recv", 1, "running", 7)}));
  write(record(1, {0, 1}, {message("send", 0, "running", 7)}));
  EXPECT_TRUE(problems().empty());
}

// 20 collectives, one every 20 ms, to which rank 2 comes 5 ms late.
void write_with_late_rank(const std::function<void(const json&)>& write, int64_t lateness) {
  for (int rank : {0, 1, 2}) {
    json entries = json::array();
    for (int64_t i = 0; i < 20; ++i) {
      const int64_t start = 90 * kSecond + i * 20'000'000 + (rank == 2 ? lateness : rank * 1000);
      entries.push_back(entry(static_cast<uint64_t>(i), start, start + 6'000'000));
    }
    write(record(rank, {0, 1, 2}, std::move(entries)));
  }
}

TEST_F(FlightReport, NamesTheSlowRank) {
  write_with_late_rank([this](const json& r) { write(r); }, 5'000'000);
  const Finding found = problem();
  EXPECT_EQ(found.kind, Finding::Kind::slow);
  EXPECT_THAT(found.ranks, ElementsAre(2));
  EXPECT_THAT(found.text, HasSubstr("rank 2 is slow: in 20 of 20 collectives of group 0 it was the "
                                    "last to start, 5 ms (median)"));
}

TEST_F(FlightReport, CallsNobodySlowForAFewMicroseconds) {
  write_with_late_rank([this](const json& r) { write(r); }, 50'000);
  EXPECT_TRUE(problems().empty());
}

TEST_F(FlightReport, LaysHostsSideBySideByTheClockOfTheWorld) {
  write_with_late_rank(
      [this](const json& r) {
        json moved = r;
        if (r["rank"] == 2) {
          // A host that booted 50 s later: its monotonic times are that much smaller.
          moved["boot_id"] = "two";
          moved["clock"]["monotonic_ns"] = kWritten - 50 * kSecond;
          for (json& e : moved["entries"]) {
            for (const char* key : {"queued_ns", "started_ns", "ended_ns"}) {
              e[key] = e[key].get<int64_t>() - 50 * kSecond;
            }
          }
        }
        write(moved);
      },
      5'000'000);
  EXPECT_THAT(problem().text, HasSubstr("5 ms (median)"));
}

TEST_F(FlightReport, KeepsGenerationsAndGroupsApart) {
  write(record(0, {0}, {kDone}));
  json later = record(0, {0}, {kDone});
  later["generation"] = 1;
  std::ofstream(folder_ + "/flight-0-0-1.json") << later;
  EXPECT_THAT(text(), AllOf(HasSubstr("2 records of 2 groups"), HasSubstr("group 0 of 1 rank"),
                            HasSubstr("group 0 of generation 1 of 1 rank")));
}

TEST_F(FlightReport, NamesFilesThatAreNoRecords) {
  const json good = record(1, {0, 1}, {kDone});
  const auto with = [&](const char* key, const json& value) {
    json bad = good;
    bad[key] = value;
    return bad.dump();
  };
  json wrong_entry = good;
  wrong_entry["entries"][0]["started_ns"] = -5;
  json huge = good;
  huge["entries"][0]["bytes"] = 18446744073709551615u;
  const std::string table[] = {"",
                               "{",
                               "[]",
                               "null",
                               good.dump().substr(0, good.dump().size() / 2),
                               with("rank", "one"),
                               with("rank", 7),
                               with("rank", 1e300),
                               with("members", "all"),
                               with("entries", {1, 2}),
                               with("format", 2),
                               wrong_entry.dump(),
                               huge.dump(),
                               std::string(100'000, '[')};
  write(record(0, {0, 1}, {kDone}));
  for (const std::string& content : table) {
    SCOPED_TRACE(content.substr(0, 200));
    write(1, content);
    const auto all = problems();
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(all[0].kind, Finding::Kind::unusable);
    EXPECT_THAT(all[0].text, HasSubstr(file(1)));
  }
}

TEST_F(FlightReport, NeedsAFolderWithRecords) {
  EXPECT_THROW(read_records(folder_), std::runtime_error);
  EXPECT_THROW(read_records(folder_ + "/nowhere"), std::runtime_error);
}

TEST_F(FlightReport, IsTheSameAsJson) {
  write(record(0, {0, 1}, {kDone, entry(1, 90 * kSecond, 92 * kSecond, "failed")}));
  write(record(1, {0, 1}, {kDone}));
  records_ = read_records(folder_);
  const json all = json::parse(to_json(examine(records_, 1)));
  ASSERT_EQ(all["problems"].size(), 1u);
  EXPECT_EQ(all["problems"][0]["kind"], "absent");
  EXPECT_EQ(all["problems"][0]["ranks"], json({1}));
  EXPECT_EQ(all["groups"][0]["ranks"][0]["last"]["state"], "failed");
  EXPECT_EQ(all["groups"][0]["ranks"][0]["last"]["for_s"], 2.0);
}

}  // namespace
}  // namespace mlx::launch::flight
