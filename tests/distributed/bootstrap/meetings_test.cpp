// Who meets again: every order of coming, leaving and dying.

#include "mlx/distributed/bootstrap/meetings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlx::core::distributed {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MeetingsTest : public ::testing::Test {
 protected:
  void die(int rank) {
    present.erase(rank);
    meetings.look_again();
  }

  std::set<int> present{0, 1, 2, 3};
  std::map<int, std::string> told;
  Meetings meetings{
      [this](int rank) { return present.contains(rank); },
      [this](int rank, const std::string&, const std::string& answer) { told[rank] = answer; }};
  const std::string key = Meetings::key(5, {3, 1, 0});
};

TEST_F(MeetingsTest, AreCompleteWhenAllOfTheGroupHaveCome) {
  meetings.come(0, key);
  meetings.come(1, key);
  EXPECT_THAT(told, IsEmpty());
  meetings.come(3, key);
  for (const int rank : {0, 1, 3}) {
    const auto meeting = Meetings::read_answer(told[rank]);
    ASSERT_TRUE(meeting);
    EXPECT_THAT(meeting->ranks, ElementsAre(3, 1, 0));
    EXPECT_EQ(meeting->group, Meetings::kFirstGroup);
  }
}

TEST_F(MeetingsTest, DoNotWaitForTheDead) {
  die(3);
  meetings.come(0, key);
  die(1);
  EXPECT_THAT(Meetings::read_answer(told[0])->ranks, ElementsAre(0));
}

TEST_F(MeetingsTest, LeaveOutWhoComesAndDies) {
  meetings.come(0, key);
  meetings.come(1, key);
  die(0);
  EXPECT_THAT(told, IsEmpty());
  meetings.come(3, key);
  EXPECT_THAT(Meetings::read_answer(told[1])->ranks, ElementsAre(3, 1));
}

TEST_F(MeetingsTest, TellWhoLeavesWhomItHasWaitedFor) {
  meetings.come(0, key);
  meetings.leave(0, key);
  EXPECT_EQ(told[0], "3, 1");
  EXPECT_FALSE(Meetings::read_answer(told[0]));
  meetings.come(0, key);
  meetings.come(1, key);
  meetings.leave(1, key);
  meetings.leave(0, key);
  EXPECT_EQ(told[0], "3") << "rank 1 had come";
  told.clear();
  meetings.come(3, key);
  meetings.come(1, key);
  EXPECT_FALSE(told.contains(1)) << "who has left is waited for again";
  meetings.come(0, key);
  EXPECT_TRUE(Meetings::read_answer(told[0]));
}

TEST_F(MeetingsTest, GiveEveryGroupAnIdOfItsOwn) {
  for (const char rank : {0, 1}) meetings.come(rank, Meetings::key(1, {rank}));
  EXPECT_NE(Meetings::read_answer(told[0])->group, Meetings::read_answer(told[1])->group);
}

TEST_F(MeetingsTest, IgnoreKeysThatMakeNoSense) {
  for (const char* nonsense : {"", "meet/", "meet/1", "meet/1:", "meet/1:x", "meet/1:0x", "meet/:0",
                               "1:0", "meet/1:0:", "meet/99999999999:0", "meet/1:2"}) {
    meetings.come(0, nonsense);
    meetings.leave(0, nonsense);
  }
  EXPECT_THAT(told, IsEmpty());
}

}  // namespace
}  // namespace mlx::core::distributed
