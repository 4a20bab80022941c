#include "mlx/distributed/bootstrap/rendezvous.h"

#include <poll.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/bell.h"
#include "mlx/distributed/bootstrap/frame.h"
#include "mlx/distributed/bootstrap/handshake.h"

namespace mlx::core::distributed {

struct Rendezvous::Impl {
  Impl(const Environment& environment, Listener listen, Deadline deadline, Watch to_watch);
  ~Impl();

  void run();
  void put(Frame frame);
  void handle(const Frame& frame);
  void server_gone(bool orderly);
  std::string take_answer(const std::string& key, Deadline deadline);
  void say_farewell();
  bool exchange();
  std::optional<Frame> take();

  const Milliseconds heartbeat_limit;
  const bool launcher_serves;
  const Listener listener;
  const Watch watch;
  std::string local_host;
  Bell bell;

  std::mutex mutex;
  std::condition_variable changed;
  FrameStream stream;                        // by mutex
  std::map<std::string, std::string> table;  // by mutex
  bool stopping = false;                     // by mutex
  bool gone = false;                         // by mutex
  std::map<int, std::string> lost;           // by mutex: who died, in a sentence
  std::thread thread;
};

namespace {

Socket connect_to_server(const Environment& e, Deadline deadline) {
  const Identity self{e.generation, e.rank, Identity::Purpose::rendezvous, 0};
  return connect_authenticated(*e.rendezvous, e.secret, self, -1, deadline, false);
}

}  // namespace

Rendezvous::Impl::Impl(const Environment& e, Listener listen, Deadline deadline, Watch to_watch)
    : heartbeat_limit(e.limits.heartbeat),
      launcher_serves(e.launcher_serves),
      listener(std::move(listen)),
      watch(std::move(to_watch)),
      stream(connect_to_server(e, deadline)) {
  local_host = local_endpoint(stream.socket()).host;
  thread = std::thread([this] { run(); });
}

Rendezvous::Impl::~Impl() {
  {
    const std::lock_guard lock(mutex);
    stopping = true;
  }
  bell.ring();
  thread.join();
  if (!gone) say_farewell();
}

// Closing with something unread would reset the connection, and the server
// might lose the farewell: it is the server that closes.
void Rendezvous::Impl::say_farewell() {
  constexpr Milliseconds kLimit{1000};
  const Deadline deadline = after(kLimit);
  stream.put({Frame::Type::farewell, {}, {}});
  while (stream.exchange() && Clock::now() < deadline) {
    while (stream.take()) {
    }
    const short events = static_cast<short>(stream.sending() ? POLLIN | POLLOUT : POLLIN);
    wait_ready(stream.socket().fd(), events, deadline);
  }
}

void Rendezvous::Impl::put(Frame frame) {
  const std::lock_guard lock(mutex);
  stream.put(frame);
  if (stream.sending()) bell.ring();
}

bool Rendezvous::Impl::exchange() {
  const std::lock_guard lock(mutex);
  return stream.exchange();
}

std::optional<Frame> Rendezvous::Impl::take() {
  const std::lock_guard lock(mutex);
  return stream.take();
}

void Rendezvous::Impl::run() {
  const auto interval = std::max(heartbeat_limit / 4, Milliseconds{1});
  auto heard = Clock::now();
  auto beat = heard;
  auto awake = heard;
  while (true) {
    pollfd polled[2] = {{stream.socket().fd(), POLLIN, 0}, {bell.fd(), POLLIN, 0}};
    {
      const std::lock_guard lock(mutex);
      if (stopping) return;
      if (stream.sending()) polled[0].events = POLLIN | POLLOUT;
    }
    poll(polled, 2, static_cast<int>(interval.count()));
    bell.clear();
    const bool alive = exchange();
    const auto now = Clock::now();
    while (auto frame = take()) {
      heard = now;
      if (frame->type == Frame::Type::farewell) return server_gone(true);
      handle(*frame);
    }
    // Who was stopped or starved itself cannot judge the server.
    if (now - awake > heartbeat_limit / 2) heard = now;
    awake = now;
    if (!alive || now - heard > heartbeat_limit) return server_gone(false);
    if (now - beat >= interval) {
      beat = now;
      put({Frame::Type::beat, {}, {}});
      if (watch.beat) watch.beat();
    }
  }
}

void Rendezvous::Impl::handle(const Frame& frame) {
  if (frame.type == Frame::Type::failure) {
    const auto failure = to_failure(frame);
    if (!failure) return;
    listener(*failure);
    if (failure->kind != Failure::Kind::lost) return;
    const std::lock_guard lock(mutex);
    lost.emplace(failure->rank, failure->text);
    changed.notify_all();
  } else if (frame.type == Frame::Type::silence) {
    const auto silence = to_silence(frame);
    if (silence && watch.silence) watch.silence(*silence);
  } else if (frame.type == Frame::Type::value) {
    const std::lock_guard lock(mutex);
    table.insert_or_assign(frame.key, frame.value);
    changed.notify_all();
  }
}

void Rendezvous::Impl::server_gone(bool orderly) {
  {
    const std::lock_guard lock(mutex);
    gone = true;
    changed.notify_all();
  }
  if (launcher_serves) {
    listener({Failure::Kind::lost, Failure::kEveryGroup, -1, -1, "The launcher is gone"});
  } else if (orderly) {
    listener({Failure::Kind::left, Failure::kEveryGroup, 0, -1, "Rank 0 has left the job"});
  } else {
    listener({Failure::Kind::lost, Failure::kEveryGroup, 0, -1,
              "Rank 0 is lost: it died, is silent, or its connection broke"});
  }
}

// The value, which is used once; empty if there is none by the deadline.
std::string Rendezvous::Impl::take_answer(const std::string& key, Deadline deadline) {
  std::unique_lock lock(mutex);
  changed.wait_until(lock, deadline, [&] { return gone || table.contains(key); });
  auto answer = table.extract(key);
  if (!answer.empty()) return answer.mapped();
  if (!gone) return {};
  throw PeerLostError(
      launcher_serves
          ? "[shrink] The ranks cannot meet again: this one has lost the launcher, or was given "
            "up as lost."
          : "[shrink] The ranks cannot meet again: the rendezvous went with rank 0, or this one "
            "was given up as lost. Where the launcher serves it, it outlives every rank.");
}

Rendezvous::Rendezvous(const Environment& environment, Listener listener, Deadline deadline,
                       Watch watch)
    : impl_(std::make_unique<Impl>(environment, std::move(listener), deadline, std::move(watch))) {}

Rendezvous::~Rendezvous() = default;

void Rendezvous::set(std::string_view key, std::string_view value) {
  impl_->put({Frame::Type::set, std::string(key), std::string(value)});
}

std::string Rendezvous::get(std::string_view key, Deadline deadline, int needed) {
  const std::string name(key);
  impl_->put({Frame::Type::get, name, {}});
  std::unique_lock lock(impl_->mutex);
  const auto& lost = impl_->lost;
  const auto dead = [&] { return needed == kAnyRank ? lost.begin() : lost.find(needed); };
  const bool told = impl_->changed.wait_until(lock, deadline, [&] {
    return impl_->gone || dead() != lost.end() || impl_->table.contains(name);
  });
  if (!told) throw TimeoutError(concat("[init] Nobody has set \"", name, "\" in time."));
  if (dead() != lost.end()) {
    Circumstances where;
    where.peer = dead()->first;
    throw PeerLostError(concat("[init] ", dead()->second, "."), where);
  }
  if (!impl_->table.contains(name)) throw PeerLostError("[init] The rendezvous is gone.");
  return impl_->table[name];
}

Meeting Rendezvous::meet(uint32_t group, const std::vector<int>& ranks, Deadline deadline) {
  const std::string key = Meetings::key(group, ranks);
  impl_->put({Frame::Type::meet, key, {}});
  std::string answer = impl_->take_answer(key, deadline);
  if (answer.empty()) {
    // The server decides whether we were still in time.
    impl_->put({Frame::Type::leave, key, {}});
    answer = impl_->take_answer(key, after(impl_->heartbeat_limit));
  }
  if (const auto meeting = Meetings::read_answer(answer)) return *meeting;
  throw TimeoutError(
      concat("[shrink] The ranks of the group have not all asked to shrink it in time. "
             "These are alive and have not: ",
             answer.empty() ? "unknown" : answer, "."));
}

void Rendezvous::report(const Failure& failure) { impl_->put(to_frame(failure)); }

void Rendezvous::tell(const Silence& silence) { impl_->put(to_frame(silence)); }

const std::string& Rendezvous::local_host() const { return impl_->local_host; }

}  // namespace mlx::core::distributed
