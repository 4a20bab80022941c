// Links through shared memory: small messages through the rings, large ones
// copied once from the writer's memory where that can be read.

#include "mlx/distributed/transports/shared_link.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "distributed/transports/noise.h"
namespace mlx::core::distributed {
namespace {

using testing::noise;

constexpr size_t kLarge = 1'900'007;

// In both settings of MLX_SINGLE_COPY.
class SharedLink : public ::testing::TestWithParam<const char*> {
 protected:
  SharedLink() { setenv("MLX_SINGLE_COPY", GetParam(), 1); }
  ~SharedLink() override { unsetenv("MLX_SINGLE_COPY"); }
  bool lends() const { return GetParam() == std::string_view("1"); }
};
INSTANTIATE_TEST_SUITE_P(SingleCopy, SharedLink, ::testing::Values("0", "1"));

std::array<Socket, 2> doorbells() {
  int pair[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
  return {Socket(pair[0]), Socket(pair[1])};
}

// Both in this process.
struct SharedEnds {
  SharedEnds() {
    const std::shared_ptr<Segment> segment = Segment::create();
    auto [left, right] = doorbells();
    a = make_shared_link(segment, 0, std::move(left));
    b = make_shared_link(segment, 1, std::move(right));
  }
  std::unique_ptr<Link> a, b;
};

// The parts of a stream, one at a time; what is left of one is passed again.
struct Parts {
  std::span<std::byte> part() const {
    return rest.first(std::min(left > 0 ? left : sizes[at % sizes.size()], rest.size()));
  }
  void moved(size_t n) {
    left = part().size() - n;
    if (left == 0) ++at;
    rest = rest.subspan(n);
  }
  std::span<std::byte> rest;
  std::vector<size_t> sizes;
  size_t at = 0, left = 0;
};

void expect_arrives(SharedEnds& ends, size_t bytes, const std::vector<size_t>& sent_in,
                    const std::vector<size_t>& received_in) {
  auto data = noise(bytes);
  std::vector<std::byte> out(bytes);
  Parts sends{data, sent_in}, recvs{out, received_in};
  for (int idle = 0; !sends.rest.empty() || !recvs.rest.empty(); ++idle) {
    ASSERT_LT(idle, 1000) << "nothing moves before " << recvs.rest.size() << " bytes";
    if (!sends.rest.empty()) sends.moved(ends.a->write(sends.part()).value());
    if (recvs.rest.empty()) continue;
    const size_t n = ends.b->read(recvs.part()).value();
    recvs.moved(n);
    if (n > 0) idle = 0;
  }
  EXPECT_TRUE(data == out);
}

TEST_P(SharedLink, DeliversInOrderWhateverTheSizes) {
  const std::vector<std::vector<size_t>> cuts = {{kLarge},
                                                 {40, 3, 100'000},
                                                 {1, 65'535, 65'536, 65'537},
                                                 {40, 1 << 20},
                                                 {300'001, 7},
                                                 {Segment::kCapacity - 1, Segment::kCapacity + 1},
                                                 {3 * 1024 * 1024 + 5, 40, 40, 2'000'003}};
  for (const auto& sent_in : cuts) {
    for (const auto& received_in : cuts) {
      SharedEnds ends;
      expect_arrives(ends, kLarge, sent_in, received_in);
    }
  }
}

TEST_P(SharedLink, CarriesOneStreamAfterAnotherEachWay) {
  SharedEnds ends;
  for (const size_t bytes : {1ul, 4096ul, 1ul << 20, 40ul, kLarge, 3ul}) {
    expect_arrives(ends, bytes, {bytes}, {bytes});
    std::swap(ends.a, ends.b);
    expect_arrives(ends, bytes, {bytes}, {bytes});
  }
}

TEST_P(SharedLink, LendsWhatIsLargeAndCopiesWhatIsSmall) {
  SharedEnds ends;
  const auto small = noise(1000), large = noise(kLarge);
  EXPECT_EQ(ends.a->write(small), small.size());
  EXPECT_EQ(ends.a->write(large), lends() ? 0 : Segment::kCapacity - small.size());
}

TEST_P(SharedLink, WakesAnEndThatSleeps) {
  SharedEnds ends;
  const auto data = noise(kLarge);
  std::vector<std::byte> out(kLarge);
  std::vector<pollfd> reading, writing;
  ASSERT_TRUE(ends.b->arm(true, false, reading));
  EXPECT_EQ(poll(reading.data(), 1, 0), 0);
  const size_t sent = ends.a->write(data).value();
  EXPECT_EQ(poll(reading.data(), 1, 0), 1);
  ends.b->woken(reading);
  ASSERT_TRUE(ends.a->arm(false, true, writing));
  EXPECT_EQ(poll(writing.data(), 1, 0), 0);
  EXPECT_EQ(ends.b->read(out), lends() ? kLarge : sent);
  EXPECT_EQ(poll(writing.data(), 1, 0), 1);
  ends.a->woken(writing);
}

TEST(SingleCopy, WakesTheWriterOnlyWhenTheLoanIsSettled) {
  SharedEnds ends;
  const auto data = noise(kLarge);
  std::vector<std::byte> out(kLarge);
  std::vector<pollfd> writing;
  EXPECT_EQ(ends.a->write(data), 0u);
  ASSERT_TRUE(ends.a->arm(false, true, writing));
  EXPECT_EQ(ends.b->read(std::span(out).first(kLarge / 2)), kLarge / 2);
  EXPECT_EQ(poll(writing.data(), 1, 0), 0);
  EXPECT_EQ(ends.b->read(std::span(out).subspan(kLarge / 2)), kLarge - kLarge / 2);
  EXPECT_EQ(poll(writing.data(), 1, 0), 1);
  ends.a->woken(writing);
  EXPECT_EQ(ends.a->write(data), kLarge);
}

// So that two ends that both send before they receive do not wait for each other.
TEST(SingleCopy, WhatIsPostedGoesIntoTheRing) {
  SharedEnds ends;
  const auto data = noise(Segment::kCapacity);
  std::vector<std::byte> out(data.size());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(ends.a->post(data), data.size());
    EXPECT_EQ(ends.b->post(data), data.size());
    for (Link* link : {ends.a.get(), ends.b.get()}) {
      EXPECT_EQ(link->read(out), data.size());
      EXPECT_TRUE(data == out);
    }
  }
}

// An aborted call gives its memory back at once.
TEST(SingleCopy, NothingIsTakenOfALoanThatIsWithdrawn) {
  SharedEnds ends;
  auto data = noise(kLarge);
  std::vector<std::byte> out(kLarge);
  std::vector<pollfd> reading;
  EXPECT_EQ(ends.a->write(data), 0u);
  EXPECT_EQ(ends.b->read(std::span(out).first(1000)), 1000u);
  ends.a->abort();
  data.assign(kLarge, std::byte{0});
  EXPECT_EQ(ends.b->read(std::span(out).subspan(1000)), 0u);
  EXPECT_TRUE(ends.b->arm(true, false, reading)) << "it does not spin";
}

TEST(SingleCopy, MemoryThatCannotBeReadGoesThroughTheRing) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (const size_t readable : {size_t{0}, 100 * page}) {
    const size_t bytes = 400 * page;
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    const std::span data(static_cast<std::byte*>(memory), bytes);
    const auto expected = noise(bytes);
    std::memcpy(memory, expected.data(), bytes);
    SharedEnds ends;
    std::vector<std::byte> out(bytes);
    std::vector<pollfd> writing;
    EXPECT_EQ(ends.a->write(data), 0u);
    ASSERT_TRUE(ends.a->arm(false, true, writing));
    ASSERT_EQ(mprotect(data.data() + readable, bytes - readable, PROT_NONE), 0);
    EXPECT_EQ(ends.b->read(out), readable);
    ASSERT_EQ(mprotect(memory, bytes, PROT_READ | PROT_WRITE), 0);
    EXPECT_EQ(poll(writing.data(), 1, 0), 1) << "the writer hears of it";
    ends.a->woken(writing);
    EXPECT_EQ(ends.a->write(data), readable);
    for (size_t sent = readable, got = readable; got < bytes;) {
      sent += ends.a->write(data.subspan(sent)).value();
      const size_t n = ends.b->read(std::span(out).subspan(got)).value();
      ASSERT_GT(n, 0u);
      got += n;
    }
    EXPECT_TRUE(out == expected);
    munmap(memory, bytes);
  }
}

// The other end in a process of its own, which lends `data` and waits to be killed.
class Lender {
 public:
  explicit Lender(std::span<const std::byte> data) {
    auto [ours, theirs] = doorbells();
    const auto steps = doorbells();
    const std::shared_ptr<Segment> segment = Segment::create();
    child_ = fork();
    if (child_ == 0) lend(segment->descriptor(), std::move(theirs), steps[1], data);
    theirs.close();
    expect_step(steps[0]);  // it has opened the segment
    link = make_shared_link(segment, 0, std::move(ours));
    ::send(steps[0].fd(), "l", 1, 0);
    expect_step(steps[0]);  // it has lent
  }
  ~Lender() { kill(); }
  void kill() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    waitpid(std::exchange(child_, 0), nullptr, 0);
  }
  std::unique_ptr<Link> link;

 private:
  static void expect_step(const Socket& steps) {
    ASSERT_TRUE(wait_ready(steps.fd(), POLLIN, after(Milliseconds{10'000})));
    char step;
    ASSERT_EQ(::recv(steps.fd(), &step, 1, 0), 1);
  }
  [[noreturn]] static void lend(int descriptor, Socket doorbell, const Socket& steps,
                                std::span<const std::byte> data) {
    const std::shared_ptr<Segment> segment = Segment::open(getppid(), descriptor);
    const auto link = make_shared_link(segment, 1, std::move(doorbell));
    ::send(steps.fd(), "o", 1, 0);
    wait_ready(steps.fd(), POLLIN, after(Milliseconds{10'000}));
    if (link->write(data) == 0u) ::send(steps.fd(), "l", 1, 0);
    sleep(60);
    _exit(1);
  }
  pid_t child_;
};

TEST(SingleCopy, AWriterThatDiesInTheMiddleIsGone) {
  const auto data = noise(kLarge);
  std::vector<std::byte> out(kLarge);
  Lender lender(data);
  EXPECT_EQ(lender.link->read(std::span(out).first(kLarge / 2)), kLarge / 2);
  EXPECT_EQ(std::memcmp(out.data(), data.data(), kLarge / 2), 0);
  lender.kill();
  EXPECT_EQ(lender.link->read(std::span(out).subspan(kLarge / 2)), 0u);
  std::vector<pollfd> polled;
  ASSERT_TRUE(lender.link->arm(true, false, polled));
  ASSERT_EQ(poll(polled.data(), 1, 10'000), 1);
  lender.link->woken(polled);
  EXPECT_EQ(lender.link->read(std::span(out).subspan(kLarge / 2)), std::nullopt);
}

}  // namespace
}  // namespace mlx::core::distributed
