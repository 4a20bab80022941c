#include "mlx/launch/input.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

namespace mlx::launch {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;

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

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

class InputTest : public testing::Test {
 protected:
  InputTest() : input_(source_.read_end.fd()) { signal(SIGPIPE, SIG_IGN); }

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

  Pipe source_ = make_pipe();
  Input input_;
};

TEST_F(InputTest, ReachesEveryRankWholeAlthoughOneNeverReads) {
  const std::string text = numbers(3 * kMegabyte);
  const Descriptor first = add_reader(), lazy = add_reader(), second = add_reader();
  std::string got[2];
  std::atomic<int> ended{0};
  std::thread writer([&] {
    write_all(source_.write_end.fd(), text);
    source_.write_end.close();
  });
  std::thread a([&] { got[0] = read_to_end(first.fd()), ++ended; });
  std::thread b([&] { got[1] = read_to_end(second.fd()), ++ended; });
  turn_until([&] { return ended == 2; });
  writer.join(), a.join(), b.join();
  EXPECT_TRUE(got[0] == text);
  EXPECT_TRUE(got[1] == text);
}

TEST_F(InputTest, ReadsNoFurtherWhenNobodyTakesIt) {
  const Descriptor lazy = add_reader();
  std::atomic<size_t> written{0};
  std::thread writer([&] {
    const std::string block(65536, 'x');
    while (write(source_.write_end.fd(), block.data(), block.size()) > 0) written += block.size();
  });
  Poller poller;
  for (int turn = 0; turn < 50; ++turn) {
    input_.watch(poller);
    poller.wait(Clock::now() + std::chrono::milliseconds(5));
  }
  EXPECT_LT(written, kMegabyte);
  source_.read_end.close();  // ends the writer
  writer.join();
}

TEST_F(InputTest, GoesOnWhenARankIsGone) {
  Descriptor gone = add_reader();
  const Descriptor stays = add_reader();
  gone.close();
  write_all(source_.write_end.fd(), "hello\n");
  source_.write_end.close();
  std::string got;
  std::atomic<bool> ended{false};
  std::thread reader([&] { got = read_to_end(stays.fd()), ended = true; });
  turn_until([&] { return ended.load(); });
  reader.join();
  EXPECT_EQ(got, "hello\n");
}

}  // namespace
}  // namespace mlx::launch
