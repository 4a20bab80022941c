#include "mlx/distributed/transports/mpi/transport.h"

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/transports/patience.h"

namespace mlx::core::distributed::mpi {
namespace {

constexpr size_t kShort = 4096;
constexpr size_t kLongest = size_t{1} << 30;  // of one call: its count is an int
constexpr int kTag = 0;                       // the communicator is the group's own

// The pieces of a long message, each as an address and a count.
template <typename Byte, typename Body>
void for_pieces(std::span<Byte> bytes, Body body) {
  while (!bytes.empty()) {
    const size_t n = std::min(bytes.size(), kLongest);
    body(bytes.data(), static_cast<int>(n));
    bytes = bytes.subspan(n);
  }
}

}  // namespace

/// What cannot be given back: MPI may write to it as long as the process lives.
struct MpiTransport::Limbo {
  std::map<uint64_t, Message> messages;
  std::shared_ptr<void> layout;
  std::vector<std::shared_ptr<void>> held;
};

MpiTransport::MpiTransport(std::shared_ptr<Runtime> mpi, Comm comm, std::vector<int> hosts,
                           bool crowded)
    : mpi_(std::move(mpi)),
      comm_(comm),
      hosts_(std::move(hosts)),
      crowded_(crowded),
      native_(mpi_->library().no_request) {
  mpi_->call(mpi_->library().comm_set_errhandler, comm_, mpi_->library().errors_return);
  mpi_->call(mpi_->library().comm_rank, comm_, &rank_);
}

MpiTransport::~MpiTransport() {
  try {
    if (!aborted_) finish_sends();
  } catch (const DistributedError&) {
    aborted_ = true;
  }
  if (!aborted_ && messages_.empty()) {
    mpi_->library().comm_free.address(&comm_);
    return;
  }
  mpi_->give_up();
  // Not freed on purpose. Found by a leak checker through this list.
  static std::vector<Limbo*> limbo;
  if (!messages_.empty() || native_ != mpi_->library().no_request) {
    limbo.push_back(new Limbo{std::move(messages_), std::move(layout_), std::move(held_)});
  }
}

MpiTransport::Message& MpiTransport::start(int peer, uint64_t& ticket) {
  check_aborted();
  constexpr size_t kMany = 32;
  if (messages_.size() >= kMany) finish_sends();
  ticket = started_++;
  return messages_.emplace(ticket, Message{.peer = peer}).first->second;
}

MpiTransport::Ticket MpiTransport::send(int peer, std::span<const std::byte> bytes) {
  uint64_t ticket = 0;
  Message& m = start(peer, ticket);
  if (bytes.size() <= kShort) {
    m.own.assign(bytes.begin(), bytes.end());
    bytes = m.own;
  }
  for_pieces(bytes, [&](const std::byte* data, int count) {
    Request& request = m.requests.emplace_back(mpi_->library().no_request);
    mpi_->call(mpi_->library().isend, data, count, mpi_->library().byte, peer, kTag, comm_,
               &request);
  });
  return Ticket{ticket};
}

MpiTransport::Ticket MpiTransport::recv(int peer, std::span<std::byte> bytes) {
  uint64_t ticket = 0;
  Message& m = start(peer, ticket);
  if (bytes.size() <= kShort) {
    m.out = bytes;
    m.own.resize(bytes.size());
    bytes = m.own;
  }
  for_pieces(bytes, [&](std::byte* data, int count) {
    Request& request = m.requests.emplace_back(mpi_->library().no_request);
    mpi_->call(mpi_->library().irecv, data, count, mpi_->library().byte, peer, kTag, comm_,
               &request);
  });
  return Ticket{ticket};
}

// Whether it is complete; what has arrived is in its place then.
bool MpiTransport::finish(Message& m) {
  for (Request& request : m.requests) {
    if (!mpi_->test(request)) return false;
  }
  if (!m.out.empty()) std::copy(m.own.begin(), m.own.end(), m.out.begin());
  return true;
}

bool MpiTransport::done(Ticket ticket) {
  const auto at = messages_.find(static_cast<uint64_t>(ticket));
  if (at == messages_.end()) return true;
  if (!finish(at->second)) return false;
  messages_.erase(at);
  return true;
}

// Nobody waits for a header that is sent.
void MpiTransport::finish_sends() {
  for (auto at = messages_.begin(); at != messages_.end();) {
    Message& m = at->second;
    const bool sent_by_copy = m.out.empty() && !m.own.empty();
    at = sent_by_copy && finish(m) ? messages_.erase(at) : std::next(at);
  }
}

size_t MpiTransport::wait_any(std::span<const Ticket> tickets, Deadline deadline) {
  Patience patience(crowded_);
  while (true) {
    check_aborted();
    const auto complete = std::find_if(tickets.begin(), tickets.end(),
                                       [this](Ticket ticket) { return done(ticket); });
    if (complete != tickets.end()) return static_cast<size_t>(complete - tickets.begin());
    if (Clock::now() >= deadline) {
      Circumstances where;
      where.rank = rank_;
      where.peer = messages_.at(static_cast<uint64_t>(tickets.front())).peer;
      throw TimeoutError("The deadline has passed", where);
    }
    patience.pause();
  }
}

void MpiTransport::abort() noexcept { aborted_ = true; }

void MpiTransport::check_aborted() const {
  if (aborted_) throw AbortedError("the transport was aborted");
}

}  // namespace mlx::core::distributed::mpi
