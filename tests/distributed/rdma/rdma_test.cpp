// RDMA over the stand-in for the library: the stream of a link, and what a
// group does when the devices differ from the best.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "distributed/ranks.h"
#include "distributed/rdma/fake_verbs.h"
#include "mlx/core/allocator.h"
#include "mlx/core/memory.h"
#include "mlx/distributed/transports/rdma/rdma_fabric.h"
#include "mlx/distributed/transports/rdma/rdma_link.h"
#include "mlx/distributed/world.h"

namespace mlx::core::distributed {
namespace {

using rdma::Device;
using rdma::QueuePair;
using testing::FakeCounts;
using testing::FakeDevices;
using ::testing::HasSubstr;

// Checks after each test that no message met an unready receiver, no queue
// overflowed, nothing wrong was touched, and everything was given back.
class Rdma : public ::testing::Test {
 protected:
  void SetUp() override {
    clear_cache();
    testing::set_fake_devices({});
    testing::reset_fake_counts();
    ASSERT_EQ(testing::fake_counts().objects, 0);
  }
  void TearDown() override {
    const FakeCounts counts = testing::fake_counts();
    EXPECT_EQ(counts.objects, 0);
    EXPECT_EQ(counts.not_ready, 0);
    EXPECT_EQ(counts.overflows, 0);
    EXPECT_EQ(counts.wrong_accesses, 0);
    testing::set_fake_devices({});
  }
};

// Two ends of a link on one thread.
struct RdmaEnds {
  RdmaEnds() {
    for (int i = 0; i < 2; ++i) {
      pairs[i] = std::make_shared<QueuePair>(device);
      links[i] = rdma::make_rdma_link(pairs[i], i, 1 - i);
    }
    for (int i = 0; i < 2; ++i) pairs[i]->connect(pairs[1 - i]->card());
  }

  std::shared_ptr<Device> device = Device::open(testing::fake_verbs(), {});
  std::shared_ptr<QueuePair> pairs[2];
  std::unique_ptr<Link> links[2];
};

// One direction of a stream: what is written in parts and read in others.
struct Flow {
  Flow(Link& from_, Link& to_, std::vector<size_t> writes_, std::vector<size_t> reads_)
      : from(from_), to(to_), writes(std::move(writes_)), reads(std::move(reads_)) {
    in.resize(std::accumulate(writes.begin(), writes.end(), size_t{0}));
    out.resize(in.size());
    std::minstd_rand random(static_cast<unsigned>(in.size()));
    for (auto& byte : in) byte = static_cast<std::byte>(random());
  }

  // A step of each end. False when all has arrived.
  bool step() {
    if (write_at < writes.size()) {
      const size_t n = from.write({in.data() + written, writes[write_at]}).value();
      written += n;
      writes[write_at] -= n;
      if (writes[write_at] == 0) ++write_at;
    } else {
      from.flush();
    }
    if (read_at < reads.size()) {
      const size_t n = to.read({out.data() + read, reads[read_at]}).value();
      read += n;
      reads[read_at] -= n;
      if (reads[read_at] == 0) ++read_at;
    }
    return read_at < reads.size() || write_at < writes.size();
  }

  Link& from;
  Link& to;
  std::vector<size_t> writes, reads;
  std::vector<std::byte> in, out;
  size_t written = 0, read = 0, write_at = 0, read_at = 0;
};

void run(std::initializer_list<Flow*> flows) {
  const Deadline deadline = after(Milliseconds{20'000});
  bool more = true;
  while (more) {
    ASSERT_LT(Clock::now(), deadline) << "the stream has stopped";
    more = false;
    for (Flow* flow : flows) more = flow->step() || more;
  }
  for (Flow* flow : flows) ASSERT_TRUE(flow->in == flow->out);
}

struct Split {
  std::vector<size_t> writes, reads;
};

constexpr size_t kK = 1024;

// Sizes around a slot (8 KiB), an announcement (32 KiB), staging (256 KiB).
const Split kSplits[] = {
    {{1}, {1}},
    {{40, 4}, {40, 4}},
    {{40, 1000 * kK}, {40, 256 * kK, 256 * kK, 256 * kK, 232 * kK}},
    {{32 * kK}, {32 * kK}},
    {{32 * kK - 1, 32 * kK - 1}, {32 * kK, 32 * kK - 2}},
    {{100 * kK, 3, 100 * kK}, {7, 100 * kK, 100 * kK - 4}},
    {{8 * kK, 8 * kK - 40, 8 * kK - 41}, {24 * kK - 81}},
    {{700 * kK}, {1, 31 * kK, 300 * kK, 300 * kK, 68 * kK, kK - 1}},
    {{10, 20, 30, 40 * kK, 50, 60}, {40 * kK + 170}},
};

FakeDevices with(const std::function<void(FakeDevices&)>& change) {
  FakeDevices devices;
  change(devices);
  return devices;
}

// The buffers of a link must be registered, user memory need not be.
constexpr size_t kBuffersOnly = 800 * kK;

struct Kind {
  const char* name;
  FakeDevices devices;
};

const Kind kKinds[] = {
    {"usual", {}},
    {"few_slots", with([](auto& d) { d.max_qp_wr = 6; })},
    {"no_inline", with([](auto& d) { d.max_inline = 0; })},
    {"small_message", with([](auto& d) { d.max_message = 64 * kK; })},
    {"no_registration", with([](auto& d) { d.most_registered = kBuffersOnly; })},
    {"slow", with([](auto& d) { d.delay = std::chrono::microseconds(50); })},
};

class RdmaStream : public Rdma, public ::testing::WithParamInterface<Kind> {
 protected:
  void SetUp() override {
    Rdma::SetUp();
    testing::set_fake_devices(GetParam().devices);
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, RdmaStream, ::testing::ValuesIn(kKinds),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(RdmaStream, IsTheSameHoweverItIsCutUp) {
  RdmaEnds ends;
  for (const Split& split : kSplits) {
    Flow flow(*ends.links[0], *ends.links[1], split.writes, split.reads);
    run({&flow});
  }
}

TEST_P(RdmaStream, RunsBothWaysAtOnce) {
  RdmaEnds ends;
  for (const Split& split : kSplits) {
    for (const Split& back : kSplits) {
      Flow there(*ends.links[0], *ends.links[1], split.writes, split.reads);
      Flow here(*ends.links[1], *ends.links[0], back.writes, back.reads);
      run({&there, &here});
    }
  }
}

TEST_P(RdmaStream, SurvivesRandomCuts) {
  RdmaEnds ends;
  std::minstd_rand random(7);
  const auto cuts = [&random](size_t total) {
    std::vector<size_t> parts;
    while (total > 0) {
      const size_t most = size_t{1} << (random() % 18);
      parts.push_back(std::min(total, 1 + random() % most));
      total -= parts.back();
    }
    return parts;
  };
  for (int round = 0; round < 20; ++round) {
    const size_t a = random() % (1000 * kK), b = random() % (1000 * kK);
    Flow there(*ends.links[0], *ends.links[1], cuts(a), cuts(a));
    Flow here(*ends.links[1], *ends.links[0], cuts(b), cuts(b));
    run({&there, &here});
  }
}

TEST_F(Rdma, AWriterMayBeFarAheadOfTheReader) {
  RdmaEnds ends;
  const std::vector<std::byte> in(1000);
  size_t written = 0;
  // Until nothing more fits: the slots are full and no credit is left.
  for (int i = 0; i < 1000; ++i) written += ends.links[0]->write(in).value();
  EXPECT_LT(written, 1000 * in.size());
  std::vector<std::byte> out(written);
  size_t read = 0;
  const Deadline deadline = after(Milliseconds{10'000});
  while (read < written && Clock::now() < deadline) {
    read += ends.links[1]->read(std::span(out).subspan(read)).value();
    ends.links[0]->flush();
  }
  EXPECT_EQ(read, written);
}

// Memory of the allocator, as arrays have it.
class Block {
 public:
  explicit Block(size_t bytes) : bytes_(bytes), buffer_(allocator::malloc(bytes)) {}
  ~Block() { allocator::free(buffer_); }
  std::span<std::byte> span() { return {static_cast<std::byte*>(buffer_.ptr()), bytes_}; }

 private:
  size_t bytes_;
  allocator::Buffer buffer_;
};

// Moves all of it, in one write and one read.
void move(RdmaEnds& ends, std::span<std::byte> in, std::span<std::byte> out) {
  const Deadline deadline = after(Milliseconds{10'000});
  while (!out.empty() && Clock::now() < deadline) {
    if (!in.empty()) in = in.subspan(ends.links[0]->write(in).value());
    out = out.subspan(ends.links[1]->read(out).value());
  }
  while (!in.empty() && Clock::now() < deadline) {
    in = in.subspan(ends.links[0]->write(in).value());
  }
  ASSERT_TRUE(in.empty() && out.empty());
}

TEST_F(Rdma, LargeArraysMoveByOneWriteEachAndAreRegisteredOnce) {
  RdmaEnds ends;
  constexpr size_t kBytes = 4096 * kK;
  Block in(kBytes), out(kBytes);
  std::fill(in.span().begin(), in.span().end(), std::byte{7});
  testing::reset_fake_counts();
  move(ends, in.span(), out.span());
  EXPECT_TRUE(std::equal(in.span().begin(), in.span().end(), out.span().begin()));
  EXPECT_EQ(testing::fake_counts().written_bytes, kBytes);
  EXPECT_EQ(testing::fake_counts().registrations, 2);
  EXPECT_LE(testing::fake_counts().messages, 4u);  // announcement, window, nothing else
  for (int i = 0; i < 3; ++i) move(ends, in.span(), out.span());
  EXPECT_EQ(testing::fake_counts().registrations, 2);
}

TEST_F(Rdma, MemoryThatIsUnmappedIsForgotten) {
  RdmaEnds ends;
  {
    Block in(2048 * kK), out(2048 * kK);
    move(ends, in.span(), out.span());
    EXPECT_EQ(ends.device->registrations().kept(), 2u);
  }
  EXPECT_EQ(ends.device->registrations().kept(), 2u);  // the allocator keeps the memory
  clear_cache();
  EXPECT_EQ(ends.device->registrations().kept(), 0u);
}

TEST_F(Rdma, KeepsFewRegistrationsOnADeviceThatHasFew) {
  testing::set_fake_devices(with([](auto& d) { d.max_mr = 12; }));
  RdmaEnds ends;
  for (size_t i = 1; i <= 8; ++i) {
    Block in(i * 1024 * kK), out(i * 1024 * kK);
    move(ends, in.span(), out.span());
    EXPECT_LE(ends.device->registrations().kept(), 3u);
  }
}

TEST_F(Rdma, MemoryThatIsRefusedIsCopiedAndNotTriedAgain) {
  testing::set_fake_devices(with([](auto& d) { d.most_registered = kBuffersOnly; }));
  RdmaEnds ends;
  Block in(2048 * kK), out(2048 * kK);
  for (int i = 0; i < 3; ++i) {
    std::fill(in.span().begin(), in.span().end(), static_cast<std::byte>(i));
    move(ends, in.span(), out.span());
    EXPECT_TRUE(std::equal(in.span().begin(), in.span().end(), out.span().begin()));
  }
  EXPECT_EQ(testing::fake_counts().refusals, 2);
}

TEST_F(Rdma, SmallMessagesGoInline) {
  RdmaEnds ends;
  Flow flow(*ends.links[0], *ends.links[1], {40}, {40});
  run({&flow});
  EXPECT_GE(testing::fake_counts().inline_sends, 1u);
}

TEST_F(Rdma, TheStatusOfAFailedRequestIsTheReason) {
  RdmaEnds ends;
  testing::fail_fake_request(0, IBV_WC_RETRY_EXC_ERR);
  const std::byte byte{1};
  try {
    const Deadline deadline = after(Milliseconds{10'000});
    while (Clock::now() < deadline) {
      ends.links[0]->write({&byte, 1});
      ends.links[0]->flush();
    }
    ADD_FAILURE() << "no error";
  } catch (const PeerLostError& error) {
    EXPECT_THAT(error.what(), HasSubstr("transport retry counter exceeded"));
    EXPECT_EQ(error.where().peer, 1);
  }
}

TEST_F(Rdma, WhatWasSentBeforeTheEndIsStillRead) {
  RdmaEnds ends;
  const std::vector<std::byte> in(20 * kK, std::byte{5});
  ASSERT_EQ(ends.links[0]->write(in), in.size());
  ends.links[0]->flush();
  ends.links[0].reset();
  std::vector<std::byte> out(in.size());
  EXPECT_EQ(ends.links[1]->read(out), in.size());
  EXPECT_EQ(in, out);
  EXPECT_EQ(ends.links[1]->read(out), std::nullopt);
}

TEST_F(Rdma, AfterAnAbortNobodyWritesToOurMemory) {
  testing::set_fake_devices(with([](auto& d) { d.delay = Milliseconds{20}; }));
  RdmaEnds ends;
  Block in(2048 * kK), out(2048 * kK);
  std::fill(out.span().begin(), out.span().end(), std::byte{1});
  std::fill(in.span().begin(), in.span().end(), std::byte{2});
  // Until the window is open and the write has been posted, but not run.
  const Deadline deadline = after(Milliseconds{10'000});
  while (testing::fake_counts().messages < 2 && Clock::now() < deadline) {
    ends.links[0]->write(in.span());
    ends.links[1]->read(out.span());
  }
  ends.links[0]->write(in.span());
  ends.pairs[1]->abort();
  EXPECT_THROW(while (Clock::now() < deadline) ends.links[0]->write(in.span()), PeerLostError);
  EXPECT_EQ(testing::fake_counts().written_bytes, 0u);
  EXPECT_EQ(std::count(out.span().begin(), out.span().end(), std::byte{1}),
            static_cast<ptrdiff_t>(out.span().size()));
}

TEST_F(Rdma, ASleeperWakesForWhatHasCome) {
  testing::set_fake_devices(with([](auto& d) { d.delay = Milliseconds{20}; }));
  RdmaEnds ends;
  const std::byte sent{9};
  ends.links[0]->write({&sent, 1});
  ends.links[0]->flush();
  std::byte got{0};
  const Deadline deadline = after(Milliseconds{10'000});
  int looks = 0;
  while (ends.links[1]->read({&got, 1}) == 0 && Clock::now() < deadline) {
    ++looks;
    std::vector<pollfd> polled;
    if (ends.links[1]->arm(true, false, polled)) {
      poll(polled.data(), polled.size(), poll_timeout(deadline));
      ends.links[1]->woken(polled);
    }
  }
  EXPECT_EQ(got, sent);
  EXPECT_LE(looks, 3);
}

// --- groups

void on_jobs(int ranks, const std::function<void(Environment&)>& change,
             const std::function<void(std::shared_ptr<Job>)>& body) {
  const Secret secret = Secret::random();
  RendezvousServer server({{"127.0.0.1", 0}, secret, 0, ranks});
  testing::on_threads(ranks, [&](int rank) {
    Environment e = testing::environment_of(rank, ranks, server.address(), secret);
    change(e);
    body(std::make_shared<Job>(std::move(e)));
  });
}

TEST_F(Rdma, ARingUsesTcpBetweenThoseWhoAreNoNeighbours) {
  on_jobs(
      4, [](Environment& e) { e.jaccl_ring = true; },
      [](std::shared_ptr<Job> job) {
        auto fabric = rdma::make_rdma_fabric(job, testing::fake_verbs());
        auto world = std::make_shared<World>(std::move(job), std::move(fabric));
        const auto group = world->everyone();
        for (const size_t count : {1u, 100'000u}) {
          std::vector<float> x(count, static_cast<float>(group->rank() + 1));
          const auto bytes = std::as_writable_bytes(std::span(x));
          group->run({Operation::all_reduce, Reduction::sum, float32, -1, bytes, bytes});
          EXPECT_EQ(std::count(x.begin(), x.end(), 10.0f), static_cast<ptrdiff_t>(count));
        }
      });
  EXPECT_GT(testing::fake_counts().messages, 0u);
}

TEST_F(Rdma, AllRanksHearWhenOneCannotMakeItsPairs) {
  testing::set_fake_devices(with([](auto& d) { d.max_pairs = 5; }));  // of the 6 for 3 ranks
  std::atomic<int> refused = 0;
  on_jobs(
      3, [](Environment&) {},
      [&refused](std::shared_ptr<Job> job) {
        auto fabric = rdma::make_rdma_fabric(job, testing::fake_verbs());
        try {
          fabric->connect(0, {0, 1, 2});
        } catch (const DistributedError& error) {
          EXPECT_THAT(error.what(), HasSubstr("refuses a queue pair"));
          ++refused;
        }
      });
  EXPECT_EQ(refused, 3);
}

TEST_F(Rdma, SaysWhichDeviceCannotBeUsed) {
  const auto message = [](const FakeDevices& devices, const Device::Choice& choice) {
    testing::set_fake_devices(devices);
    try {
      Device::open(testing::fake_verbs(), choice);
    } catch (const DistributedError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message(with([](auto& d) { d.count = 0; }), {}), HasSubstr("has no RDMA device"));
  EXPECT_THAT(message({}, {"mlx5_0"}), HasSubstr("no such device: got mlx5_0"));
  EXPECT_THAT(message(with([](auto& d) { d.active = false; }), {}),
              HasSubstr("No port is active: got fake0"));
  EXPECT_THAT(message({}, {"", 0, 9}), HasSubstr("got index 9 (MLX_IBV_GID_INDEX)"));
}

TEST_F(Rdma, WithoutDevicesThereIsNone) {
  testing::set_fake_devices(with([](auto& d) { d.count = 0; }));
  EXPECT_THAT(rdma::obstacle(testing::fake_verbs()), HasSubstr("has no RDMA device"));
  testing::set_fake_devices({});
  EXPECT_EQ(rdma::obstacle(testing::fake_verbs()), "");
}

}  // namespace
}  // namespace mlx::core::distributed
