#include "mlx/distributed/bootstrap/job.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/log.h"

namespace mlx::core::distributed {
namespace {

// Ranks with the same id share memory, which they find by process number: containers
// of one kernel that number their processes on their own are hosts of their own.
std::string host_id(const Environment& environment) {
  if (!environment.host_id.empty()) return environment.host_id;
  std::string id;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), id);
  if (id.empty()) return concat("rank ", environment.rank);
  std::error_code none;
  return concat(id, " ", std::filesystem::read_symlink("/proc/self/ns/pid", none).string());
}

std::string key_of(int rank) { return concat("member/", rank); }

// Where to accept connections for data: where we were told, or the address from
// which the rendezvous was reached ("*").
std::vector<Endpoint> data_addresses(const Environment& e, const std::string& local_host) {
  if (e.data_addresses.empty()) return {{local_host, 0}};
  std::vector<Endpoint> own = e.data_addresses;
  for (Endpoint& address : own) {
    if (address.host == "*") address.host = local_host;
    const bool taken = e.serves_rendezvous() && address == *e.rendezvous;
    if (taken) address.port = 0;
  }
  return own;
}

// What a rank tells the others of itself: its addresses on one line, its host on the next.
std::string write_member(const Job::Member& member) {
  std::string text;
  for (const Endpoint& endpoint : member.endpoints) text += to_string(endpoint) + ' ';
  return text + '\n' + member.host_id;
}

// Reads what write_member() wrote. Errors: std::invalid_argument for anything else.
Job::Member read_member(int rank, const std::string& text) {
  const size_t end = text.find('\n');
  require(end != text.npos, "[init] Rank ", rank, " published nonsense.");
  Job::Member member{text.substr(end + 1), {}};
  std::istringstream addresses(text.substr(0, end));
  for (std::string address; addresses >> address;) {
    member.endpoints.push_back(parse_endpoint(address));
  }
  require(!member.endpoints.empty(), "[init] Rank ", rank, " can be reached nowhere.");
  return member;
}

}  // namespace

Job::Job(Environment environment) : environment_(std::move(environment)) {
  const Environment& e = environment_;
  const Deadline deadline = after(e.limits.connect);
  if (e.secret.empty()) {
    log_warning("The job has no secret: whoever reaches its ports can join. Set MLX_JOB_SECRET.");
  }
  if (e.serves_rendezvous()) {
    server_ = std::make_unique<RendezvousServer>(RendezvousServer::Options{
        *e.rendezvous, e.secret, e.generation, e.world_size, e.limits.heartbeat});
  }
  rendezvous_ = std::make_unique<Rendezvous>(
      e, [this](const Failure& failure) { hear(failure); }, deadline, everybodys_watch());
  publish_ourselves();
  learn_the_others(deadline);
}

Job::~Job() {
  rendezvous_.reset();
  // The others need somebody to tell them who is lost for as long as they work.
  if (server_) server_->wait_until_alone();
  server_.reset();
}

void Job::publish_ourselves() {
  Member self{host_id(environment_), {}};
  for (const Endpoint& address : data_addresses(environment_, rendezvous_->local_host())) {
    listeners_.push_back(listen_on(address));
    self.endpoints.push_back({address.host, local_endpoint(listeners_.back()).port});
  }
  rendezvous_->set(key_of(rank()), write_member(self));
}

void Job::learn_the_others(Deadline deadline) {
  for (int rank = 0; rank < size(); ++rank) {
    std::string text;
    try {
      text = rendezvous_->get(key_of(rank), deadline);
    } catch (const TimeoutError&) {
      Circumstances where;
      where.rank = this->rank();
      where.peer = rank;
      throw TimeoutError(concat("[init] Rank ", rank, " of ", size(), " has not come within ",
                                environment_.limits.connect.count(), " ms."),
                         where);
    }
    members_.push_back(read_member(rank, text));
  }
}

bool Job::take_ids(uint32_t first, uint32_t end) {
  uint32_t next = next_group_;
  while (next <= first) {
    if (next_group_.compare_exchange_weak(next, end)) return true;
  }
  return false;
}

Meeting Job::meet(uint32_t group, const std::vector<int>& ranks) {
  return rendezvous_->meet(group, ranks, after(environment_.limits.connect));
}

void Job::hear(const Failure& failure) {
  // Under the lock, so that unsubscribe() waits for a call in progress.
  const std::lock_guard lock(mutex_);
  heard_.push_back(failure);
  for (const auto& [id, listener] : subscribers_) listener(failure);
}

int Job::subscribe(Listener listener) {
  const std::lock_guard lock(mutex_);
  for (const Failure& failure : heard_) listener(failure);
  subscribers_.emplace(next_id_, std::move(listener));
  return next_id_++;
}

void Job::unsubscribe(int id) {
  const std::lock_guard lock(mutex_);
  subscribers_.erase(id);
}

Rendezvous::Watch Job::everybodys_watch() {
  return {.silence =
              [this](const Silence& silence) {
                const std::lock_guard lock(watch_mutex_);
                for (const auto& [id, watch] : watches_) watch.silence(silence);
              },
          .beat =
              [this] {
                const std::lock_guard lock(watch_mutex_);
                for (const auto& [id, watch] : watches_) watch.beat();
              }};
}

int Job::watch(Rendezvous::Watch watch) {
  const std::lock_guard lock(watch_mutex_);
  const int id = watches_.empty() ? 0 : watches_.rbegin()->first + 1;
  watches_.emplace(id, std::move(watch));
  return id;
}

void Job::unwatch(int id) {
  const std::lock_guard lock(watch_mutex_);
  watches_.erase(id);
}

void Job::declare(const Failure& failure) {
  report(failure);
  hear(failure);
}

}  // namespace mlx::core::distributed
