// Meeting and proving: the handshake, the rendezvous and its failures.

#include "mlx/distributed/bootstrap/rendezvous.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "distributed/ranks.h"
#include "mlx/distributed/bootstrap/handshake.h"
#include "mlx/distributed/bootstrap/job.h"

namespace mlx::core::distributed {
namespace {

using testing::environment_of;
using ::testing::HasSubstr;
using testing::on_threads;

constexpr Milliseconds kSoon{5000};

const auto kDeaf = [](const Failure&) {};

// Moves bytes between two handshakes until neither has more to say.
void converse(Handshake& a, Handshake& b, size_t corrupt_at = SIZE_MAX) {
  size_t position = 0;
  bool moved = true;
  while (moved) {
    moved = false;
    for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
      while (!from->output().empty() && to->wanted() > 0) {
        std::byte byte = from->output()[0];
        if (position++ == corrupt_at) byte ^= std::byte{1};
        from->sent(1);
        to->input({&byte, 1});
        moved = true;
      }
    }
  }
}

TEST(Handshake, IntroducesTwoRanksOfAJobToEachOther) {
  const Secret secret = Secret::random();
  Handshake a(Handshake::Role::connector, secret, {7, 3, Identity::Purpose::data, 5});
  Handshake b(Handshake::Role::acceptor, secret, {7, 4, Identity::Purpose::data, 0});
  converse(a, b);
  EXPECT_TRUE(a.done() && b.done());
  EXPECT_EQ(a.peer().rank, 4);
  EXPECT_EQ(b.peer().rank, 3);
  EXPECT_EQ(b.peer().group, 5u);
}

TEST(Handshake, RefusesWhoDoesNotBelong) {
  const Secret secret("right"), other("wrong");
  const Identity self{7, 0, Identity::Purpose::data, 0};
  const std::pair<const Secret*, Identity> strangers[] = {
      {&other, self},
      {&secret, {8, 0, Identity::Purpose::data, 0}},
      {&secret, {7, 0, Identity::Purpose::rendezvous, 0}}};
  for (const auto& [theirs, identity] : strangers) {
    Handshake a(Handshake::Role::connector, *theirs, identity);
    Handshake b(Handshake::Role::acceptor, secret, self);
    EXPECT_THROW(converse(a, b), AuthenticationError);
    EXPECT_FALSE(a.done() || b.done());
  }
}

TEST(Handshake, NoticesEveryFlippedBit) {
  const Secret secret = Secret::random();
  const Identity self{7, 0, Identity::Purpose::data, 0};
  for (size_t at = 0; at < 192; ++at) {
    Handshake a(Handshake::Role::connector, secret, self);
    Handshake b(Handshake::Role::acceptor, secret, self);
    EXPECT_THROW(converse(a, b, at), AuthenticationError) << "byte " << at;
  }
}

RendezvousServer::Options options_of(const Secret& secret, int ranks) {
  return {{"127.0.0.1", 0}, secret, 0, ranks};
}

TEST(Rendezvous, HandsOutValuesToThoseWhoWaitForThem) {
  const Secret secret = Secret::random();
  RendezvousServer server(options_of(secret, 2));
  on_threads(2, [&](int rank) {
    Rendezvous r(environment_of(rank, 2, server.address(), secret), kDeaf, after(kSoon));
    r.set("from " + std::to_string(rank), std::string(10'000, static_cast<char>('a' + rank)));
    EXPECT_EQ(r.get("from " + std::to_string(1 - rank), after(kSoon)),
              std::string(10'000, static_cast<char>('b' - rank)));
  });
}

TEST(Rendezvous, TurnsAwayWrongSecretsGenerationsAndRanks) {
  const Secret secret("right");
  RendezvousServer server(options_of(secret, 2));
  Environment e = environment_of(0, 2, server.address(), Secret("wrong"));
  EXPECT_THROW(Rendezvous(e, kDeaf, after(Milliseconds{200})), AuthenticationError);
  e = environment_of(0, 2, server.address(), secret);
  e.generation = 3;
  EXPECT_THROW(Rendezvous(e, kDeaf, after(Milliseconds{200})), AuthenticationError);
  EXPECT_EQ(server.present(), 0);
  e.generation = 0;
  Rendezvous right(e, kDeaf, after(kSoon));
  right.set("key", "value");
  EXPECT_EQ(right.get("key", after(kSoon)), "value");
  EXPECT_EQ(server.present(), 1);
}

TEST(Rendezvous, IsNotDisturbedByStrangers) {
  const Secret secret = Secret::random();
  RendezvousServer server(options_of(secret, 1));
  std::vector<Socket> strangers;
  std::string reason;
  for (int i = 0; i < 50; ++i) {
    strangers.push_back(try_connect(server.address(), after(kSoon), reason));
    const std::string garbage(static_cast<size_t>(i) * 7, static_cast<char>(i * 31));
    send_some(strangers.back().fd(), std::as_bytes(std::span(garbage)));
  }
  // Some have hung up, some wait in the middle of a handshake.
  strangers.resize(25);
  Rendezvous r(environment_of(0, 1, server.address(), secret), kDeaf, after(kSoon));
  r.set("key", "value");
  EXPECT_EQ(r.get("key", after(kSoon)), "value");
}

TEST(Rendezvous, SaysWhoeverIsMissing) {
  const Secret secret = Secret::random();
  RendezvousServer server(options_of(secret, 3));
  on_threads(2, [&](int rank) {
    Environment e = environment_of(rank * 2, 3, server.address(), secret);
    e.limits.connect = Milliseconds{300};
    try {
      Job job(e);
      ADD_FAILURE() << "no error";
    } catch (const TimeoutError& error) {
      EXPECT_THAT(error.what(), HasSubstr("Rank 1 of 3 has not come"));
      EXPECT_EQ(error.where().peer, 1);
    }
  });
}

TEST(Rendezvous, DoesNotWaitForWhoHasDied) {
  const Secret secret = Secret::random();
  RendezvousServer server(options_of(secret, 2));
  Rendezvous survivor(environment_of(0, 2, server.address(), secret), kDeaf, after(kSoon));
  const Identity one{0, 1, Identity::Purpose::rendezvous, 0};
  Socket dying = connect_authenticated(server.address(), secret, one, -1, after(kSoon), false);
  std::thread death([&] { dying.close(); });
  try {
    survivor.get("what rank 1 will never set", after(kSoon));
    ADD_FAILURE() << "no error";
  } catch (const PeerLostError& error) {
    EXPECT_THAT(error.what(), HasSubstr("Rank 1 is lost"));
  }
  death.join();
}

TEST(Rendezvous, WithoutAServerEndsAtTheDeadline) {
  const Socket nobody = listen_on({"127.0.0.1", 0});
  const Endpoint address = local_endpoint(nobody);
  Environment e = environment_of(0, 1, address, Secret("x"));
  const auto start = Clock::now();
  EXPECT_THROW(Rendezvous(e, kDeaf, after(Milliseconds{300})), DistributedError);
  EXPECT_LT(Clock::now() - start, Milliseconds{2000});
}

// Collects what a rank hears.
class Ear {
 public:
  Rendezvous::Listener listener() {
    return [this](const Failure& failure) {
      const std::lock_guard lock(mutex_);
      heard_.push_back(failure);
      changed_.notify_all();
    };
  }
  std::optional<Failure> first() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kSoon, [this] { return !heard_.empty(); });
    return heard_.empty() ? std::nullopt : std::optional(heard_[0]);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Failure> heard_;
};

TEST(Rendezvous, TellsTheOthersWhoHasLeftAndWhatIsReported) {
  const Secret secret = Secret::random();
  RendezvousServer server(options_of(secret, 3));
  Ear zero, one;
  Rendezvous r0(environment_of(0, 3, server.address(), secret), zero.listener(), after(kSoon));
  auto r1 = std::make_unique<Rendezvous>(environment_of(1, 3, server.address(), secret),
                                         one.listener(), after(kSoon));
  r0.report({Failure::Kind::desync, 0, 2, -1, "they disagree"});
  const auto told = one.first();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->kind, Failure::Kind::desync);
  EXPECT_EQ(told->reporter, 0);
  EXPECT_EQ(told->rank, 2);
  EXPECT_EQ(told->text, "they disagree");
  r1.reset();
  const auto left = zero.first();
  ASSERT_TRUE(left);
  EXPECT_EQ(left->kind, Failure::Kind::left);
  EXPECT_EQ(left->rank, 1);
}

TEST(Endpoint, ReadsWhatItPrints) {
  for (const char* text : {"localhost:1234", "10.0.0.1:0", "[::1]:65535"}) {
    EXPECT_EQ(to_string(parse_endpoint(text)), text);
  }
  for (const char* text : {"", "host", "host:", ":80", "host:99999", "::1:80", "[::1:80", "h:8x"}) {
    EXPECT_THROW(parse_endpoint(text), std::invalid_argument) << text;
  }
}

TEST(Endpoint, CanBeIPv6) {
  const Secret secret = Secret::random();
  RendezvousServer::Options options = options_of(secret, 1);
  options.address.host = "::1";
  RendezvousServer server(options);
  Rendezvous r(environment_of(0, 1, server.address(), secret), kDeaf, after(kSoon));
  EXPECT_EQ(r.local_host(), "::1");
}

}  // namespace
}  // namespace mlx::core::distributed
