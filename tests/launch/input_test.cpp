#include "mlx/launch/input.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "mlx/launch/standard_input.h"

namespace mlx::launch {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;
constexpr size_t kBlock = 100'000;  // of no special size

std::string numbers(size_t bytes) {
  std::string out;
  for (int i = 0; out.size() < bytes; ++i) out += std::to_string(i) + "\n";
  return out;
}

std::string read_to_end(int fd) {
  std::string out;
  char buffer[65536];
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) {
    out.append(buffer, static_cast<size_t>(n));
  }
  return out;
}

class InputTest : public testing::Test {
 protected:
  InputTest() { signal(SIGPIPE, SIG_IGN); }

  Descriptor add_reader() {
    Pipe pipe = make_pipe();
    input_.add(std::move(pipe.write_end));
    return std::move(pipe.read_end);
  }

  template <typename Done>
  void turn_until(Done done) {
    const auto limit = Clock::now() + std::chrono::seconds(20);
    Poller poller;
    while (!done() && Clock::now() < limit) {
      input_.watch(poller);
      poller.wait(Clock::now() + std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(done()) << "nothing more happens";
  }

  Input input_;
};

TEST_F(InputTest, ReachesEveryRankWholeAlthoughOneNeverReads) {
  const std::string text = numbers(3 * kMegabyte);
  const Descriptor first = add_reader(), lazy = add_reader(), second = add_reader();
  std::string got[2];
  std::atomic<int> ended{0};
  std::thread a([&] { got[0] = read_to_end(first.fd()), ++ended; });
  std::thread b([&] { got[1] = read_to_end(second.fd()), ++ended; });
  for (size_t at = 0; at < text.size(); at += kBlock) input_.take(text.substr(at, kBlock));
  input_.end();
  turn_until([&] { return ended == 2; });
  a.join(), b.join();
  EXPECT_TRUE(got[0] == text);
  EXPECT_TRUE(got[1] == text);
  EXPECT_EQ(input_.taken(), text.size());
  EXPECT_TRUE(input_.wanted());
}

TEST_F(InputTest, TellsHowFarTheFastestRankIs) {
  const Descriptor lazy = add_reader();
  input_.take(numbers(3 * kMegabyte));
  turn_until([&] { return input_.taken() > 0; });
  EXPECT_LT(input_.taken(), kMegabyte);  // what a pipe holds
}

TEST_F(InputTest, GoesOnWhenARankIsGone) {
  Descriptor gone = add_reader();
  const Descriptor stays = add_reader();
  gone.close();
  input_.take("hello\n");
  input_.end();
  std::string got;
  std::atomic<bool> ended{false};
  std::thread reader([&] { got = read_to_end(stays.fd()), ended = true; });
  turn_until([&] { return ended.load(); });
  reader.join();
  EXPECT_EQ(got, "hello\n");
  EXPECT_FALSE(input_.wanted());
}

TEST_F(InputTest, EndsAtOnceWhenClosed) {
  const Descriptor rank = add_reader();
  input_.close();
  EXPECT_EQ(read_to_end(rank.fd()), "");
}

class StandardInputTest : public testing::Test {
 protected:
  void turn(bool wanted = true) {
    Poller poller;
    input_.watch(poller, wanted, [this](std::string_view bytes) {
      got_ += bytes;
      ended_ = ended_ || bytes.empty();
    });
    poller.wait(Clock::now());
  }
  void write_block() {
    const std::string block(50'000, 'x');
    EXPECT_EQ(write(source_.write_end.fd(), block.data(), block.size()), 50'000);
  }

  Pipe source_ = make_pipe();
  StandardInput input_{source_.read_end.fd()};
  std::string got_;
  bool ended_ = false;
};

TEST_F(StandardInputTest, ReadsNotFarAheadOfTheFastestRank) {
  for (int turns = 0; turns < 20; ++turns) {
    if (got_.size() < size_t{50'000} * static_cast<size_t>(turns)) break;
    write_block();
    turn();
  }
  const size_t ahead = got_.size();
  EXPECT_GT(ahead, 200'000u);
  EXPECT_LT(ahead, 400'000u);
  turn();
  EXPECT_EQ(got_.size(), ahead);
  input_.taken(ahead);
  turn();
  EXPECT_GT(got_.size(), ahead);
}

TEST_F(StandardInputTest, ReadsNothingThatNobodyWants) {
  write_block();
  turn(false);
  EXPECT_EQ(got_, "");
}

TEST_F(StandardInputTest, TellsOfTheEndOnce) {
  source_.write_end.close();
  turn();
  EXPECT_TRUE(ended_);
  EXPECT_TRUE(input_.ended());
  ended_ = false;
  turn();
  EXPECT_FALSE(ended_);
}

}  // namespace
}  // namespace mlx::launch
