#include <atomic>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/bell.h"
#include "mlx/distributed/bootstrap/doorkeeper.h"
#include "mlx/distributed/bootstrap/frame.h"
#include "mlx/distributed/bootstrap/log.h"
#include "mlx/distributed/bootstrap/meetings.h"
#include "mlx/distributed/bootstrap/rendezvous.h"

namespace mlx::core::distributed {

struct RendezvousServer::Impl {
  explicit Impl(Options o);
  ~Impl();

  struct Client {
    int rank;
    FrameStream stream;
    Deadline heard;
    std::vector<std::string> wanted;  // keys that nobody has set yet
    bool gone = false;
  };

  void run();
  void wait_for_events();
  Milliseconds interval() const { return std::max(options.heartbeat_limit / 4, Milliseconds{1}); }
  void admit(Doorkeeper::Guest guest);
  void serve(Client& client);
  void handle(Client& client, const Frame& frame);
  void answer(Client& client, const std::string& key);
  void tell_others(const Client* except, const Failure& failure);
  void pass_on(int waiting, Silence silence);
  void dismiss(Client& client, Failure::Kind kind, const std::string& why);
  void look_for_silence();
  bool knows(int rank) const;
  Client* client_of(int rank);

  Options options;
  Endpoint address;
  Bell bell;
  std::atomic<bool> stopping = false;
  std::atomic<int> present = 0;
  Doorkeeper door;
  std::vector<std::unique_ptr<Client>> clients;
  std::map<std::string, std::string, std::less<>> table;
  std::vector<Failure> departures;  // told to those who come later
  Meetings meetings;
  RareWarnings warnings;
  Deadline awake = Clock::now();
  Deadline beat = awake;
  std::thread thread;
};

namespace {

std::vector<Socket> listen_at(const Endpoint& address) {
  std::vector<Socket> listeners;
  listeners.push_back(listen_on(address));
  return listeners;
}

}  // namespace

RendezvousServer::Impl::Impl(Options o)
    : options(std::move(o)),
      door(listen_at(options.address), options.secret,
           {options.generation, -1, Identity::Purpose::rendezvous, 0}, options.handshake_limit),
      meetings([this](int rank) { return client_of(rank) != nullptr; },
               [this](int rank, const std::string& key, const std::string& answer) {
                 client_of(rank)->stream.put({Frame::Type::value, key, answer});
               }) {
  address = {options.address.host, local_endpoint(door.listener()).port};
  thread = std::thread([this] { run(); });
}

RendezvousServer::Impl::~Impl() {
  stopping = true;
  bell.ring();
  thread.join();
}

void RendezvousServer::Impl::run() {
  while (!stopping) {
    wait_for_events();
    for (auto& guest : door.serve()) admit(std::move(guest));
    // An index: a lost client makes others be told, never the list grow.
    for (size_t i = 0; i < clients.size(); ++i) serve(*clients[i]);
    look_for_silence();
    std::erase_if(clients, [](const auto& c) { return c->gone; });
  }
  for (auto& client : clients) client->stream.put({Frame::Type::farewell, {}, {}});
}

void RendezvousServer::Impl::wait_for_events() {
  std::vector<pollfd> polled{{bell.fd(), POLLIN, 0}};
  door.watch(polled);
  Deadline wake = std::min(beat + interval(), door.wake_by());
  for (const auto& c : clients) {
    wake = std::min(wake, c->heard + options.heartbeat_limit);
    const short events = static_cast<short>(c->stream.sending() ? POLLIN | POLLOUT : POLLIN);
    polled.push_back({c->stream.socket().fd(), events, 0});
  }
  poll(polled.data(), polled.size(), poll_timeout(wake));
}

bool RendezvousServer::Impl::knows(int rank) const {
  const auto same = [rank](const auto& x) { return x.rank == rank; };
  return std::any_of(departures.begin(), departures.end(), same) ||
         std::any_of(clients.begin(), clients.end(), [&](const auto& c) { return same(*c); });
}

// Null for who is not in the job, or no longer.
RendezvousServer::Impl::Client* RendezvousServer::Impl::client_of(int rank) {
  const auto at = std::find_if(clients.begin(), clients.end(),
                               [&](const auto& c) { return c->rank == rank && !c->gone; });
  return at == clients.end() ? nullptr : at->get();
}

void RendezvousServer::Impl::admit(Doorkeeper::Guest guest) {
  const int rank = guest.identity.rank;
  if (rank < 0 || rank >= options.world_size || knows(rank)) {
    const std::string why = concat("it claims to be rank ", rank, ", which is ",
                                   knows(rank) ? "here already" : "not in the job");
    warnings.add(concat("Dropped a connection from ", peer_name(guest.socket), ": ", why));
    FrameStream(std::move(guest.socket))
        .put(to_frame({Failure::Kind::lost, Failure::kEveryGroup, rank, -1,
                       concat("The rendezvous has refused this process: ", why)}));
    return;
  }
  clients.push_back(std::make_unique<Client>(
      Client{rank, FrameStream(std::move(guest.socket)), Clock::now(), {}}));
  ++present;
  for (const Failure& failure : departures) clients.back()->stream.put(to_frame(failure));
}

void RendezvousServer::Impl::serve(Client& client) {
  if (client.gone) return;
  const bool alive = client.stream.exchange();
  while (auto frame = client.stream.take()) {
    client.heard = Clock::now();
    handle(client, *frame);
    if (client.gone) return;
  }
  if (!alive) {
    dismiss(client, Failure::Kind::lost, "is lost: its process died or its connection broke");
  }
}

void RendezvousServer::Impl::handle(Client& client, const Frame& frame) {
  switch (frame.type) {
    case Frame::Type::set:
      table.insert_or_assign(frame.key, frame.value);
      for (auto& c : clients) {
        if (std::erase(c->wanted, frame.key) > 0) answer(*c, frame.key);
      }
      break;
    case Frame::Type::get:
      if (table.contains(frame.key)) {
        answer(client, frame.key);
      } else {
        client.wanted.push_back(frame.key);
      }
      break;
    case Frame::Type::failure:
      if (auto failure = to_failure(frame)) {
        failure->reporter = client.rank;
        tell_others(&client, *failure);
      }
      break;
    case Frame::Type::farewell:
      dismiss(client, Failure::Kind::left, "has left the job");
      break;
    case Frame::Type::silence:
      if (const auto silence = to_silence(frame)) pass_on(client.rank, *silence);
      break;
    case Frame::Type::meet:
      meetings.come(client.rank, frame.key);
      break;
    case Frame::Type::leave:
      meetings.leave(client.rank, frame.key);
      break;
    case Frame::Type::beat:
    case Frame::Type::value:
      break;
  }
}

void RendezvousServer::Impl::answer(Client& client, const std::string& key) {
  client.stream.put({Frame::Type::value, key, table[key]});
}

void RendezvousServer::Impl::tell_others(const Client* except, const Failure& failure) {
  for (auto& c : clients) {
    if (c.get() != except && !c->gone) c->stream.put(to_frame(failure));
  }
}

void RendezvousServer::Impl::pass_on(int waiting, Silence silence) {
  silence.waiting = waiting;
  for (auto& c : clients) {
    if (c->rank == silence.silent && !c->gone) c->stream.put(to_frame(silence));
  }
}

void RendezvousServer::Impl::dismiss(Client& client, Failure::Kind kind, const std::string& why) {
  client.gone = true;
  --present;
  present.notify_all();
  departures.push_back(
      {kind, Failure::kEveryGroup, client.rank, -1, concat("Rank ", client.rank, " ", why)});
  tell_others(&client, departures.back());
  meetings.look_again();
}

void RendezvousServer::Impl::look_for_silence() {
  const auto now = Clock::now();
  // Who was stopped or starved itself cannot judge the others.
  const bool dozed = now - awake > options.heartbeat_limit / 2;
  awake = now;
  const bool due = now - beat >= interval();
  if (due) beat = now;
  for (auto& c : clients) {
    if (c->gone) continue;
    if (dozed) c->heard = now;
    if (due) c->stream.put({Frame::Type::beat, {}, {}});
    if (now - c->heard >= options.heartbeat_limit) {
      dismiss(*c, Failure::Kind::lost,
              concat("is lost: nothing was heard of it for ", options.heartbeat_limit.count(),
                     " ms, though its connection stands"));
    }
  }
}

RendezvousServer::RendezvousServer(Options options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

RendezvousServer::~RendezvousServer() = default;

const Endpoint& RendezvousServer::address() const { return impl_->address; }

int RendezvousServer::present() const { return impl_->present; }

void RendezvousServer::wait_until_alone() const {
  for (int n = impl_->present; n > 0; n = impl_->present) impl_->present.wait(n);
}

}  // namespace mlx::core::distributed
