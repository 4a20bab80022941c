#include "mlx/distributed/transports/mpi/transport.h"

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/distributed/algorithms/chunks.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/transports/patience.h"
#include "mlx/distributed/transports/ticket.h"

namespace mlx::core::distributed::mpi {
namespace {

constexpr size_t kShort = 4096;
constexpr int kTag = 0;  // the communicator is the group's own

// The pieces of a message, each as an address and a count. What is sent at once
// may be received in segments, or the other way round; MPI knows messages only.
template <typename Byte, typename Body>
void for_pieces(std::span<Byte> bytes, Body body) {
  while (!bytes.empty()) {
    const size_t n = std::min(bytes.size(), kSegmentBytes);
    body(bytes.data(), static_cast<int>(n));
    bytes = bytes.subspan(n);
  }
}

}  // namespace

/// What cannot be given back: MPI may write to it as long as the process lives.
struct MpiTransport::Limbo {
  std::vector<Line> sends, recvs;
  std::shared_ptr<void> layout;
  std::vector<std::shared_ptr<void>> held;
};

MpiTransport::MpiTransport(std::shared_ptr<Runtime> mpi, Comm comm, std::vector<int> hosts,
                           Options options)
    : mpi_(std::move(mpi)),
      comm_(comm),
      hosts_(std::move(hosts)),
      options_(options),
      sends_(hosts_.size()),
      recvs_(hosts_.size()),
      native_(mpi_->library().no_request) {
  mpi_->call(mpi_->library().comm_set_errhandler, comm_, mpi_->library().errors_return);
  mpi_->call(mpi_->library().comm_rank, comm_, &rank_);
}

MpiTransport::~MpiTransport() {
  try {
    if (!aborted_ && idle()) {
      mpi_->call(mpi_->library().comm_free, &comm_);
      return;
    }
  } catch (const DistributedError&) {  // as if it had been aborted
  }
  mpi_->give_up();
  // Found there by leak checkers, also if this group ends when the process does.
  static auto& limbo = *new std::vector<Limbo*>;
  limbo.push_back(
      new Limbo{std::move(sends_), std::move(recvs_), std::move(layout_), std::move(held_)});
}

// Whether MPI uses no memory for us.
bool MpiTransport::idle() {
  bool all = native_ == mpi_->library().no_request;
  for (auto* lines : {&sends_, &recvs_}) {
    for (Line& line : *lines) {
      finish(line);
      all = all && line.messages.empty();
    }
  }
  return all;
}

MpiTransport::Ticket MpiTransport::send(int peer, std::span<const std::byte> bytes) {
  check_aborted();
  Line& line = sends_[static_cast<size_t>(peer)];
  const Ticket ticket = make_ticket(true, peer, line.complete + line.messages.size());
  Message& m = line.messages.emplace_back();
  if (bytes.size() <= kShort) {
    m.own.assign(bytes.begin(), bytes.end());
    bytes = m.own;
  }
  for_pieces(bytes, [&](const std::byte* data, int count) {
    Request& request = m.requests.emplace_back(mpi_->library().no_request);
    mpi_->call(mpi_->library().isend, data, count, mpi_->library().byte, peer, kTag, comm_,
               &request);
  });
  return ticket;
}

MpiTransport::Ticket MpiTransport::recv(int peer, std::span<std::byte> bytes) {
  check_aborted();
  Line& line = recvs_[static_cast<size_t>(peer)];
  const Ticket ticket = make_ticket(false, peer, line.complete + line.messages.size());
  Message& m = line.messages.emplace_back();
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
  return ticket;
}

// Whether it is complete; what has arrived is in its place then.
bool MpiTransport::finish(Message& m) {
  for (; m.complete < m.requests.size(); ++m.complete) {
    if (!mpi_->test(m.requests[m.complete])) return false;
  }
  if (!m.out.empty()) std::copy(m.own.begin(), m.own.end(), m.out.begin());
  return true;
}

void MpiTransport::finish(Line& line) {
  while (!line.messages.empty() && finish(line.messages.front())) {
    line.messages.pop_front();
    ++line.complete;
  }
}

bool MpiTransport::done(Ticket ticket) {
  Line& line = (is_send(ticket) ? sends_ : recvs_)[static_cast<size_t>(peer_of(ticket))];
  const uint64_t number = number_of(ticket);
  if (line.complete <= number) finish(line);
  return line.complete > number;
}

size_t MpiTransport::wait_any(std::span<const Ticket> tickets, Deadline deadline) {
  Patience patience(options_.crowded);
  while (true) {
    check_aborted();
    const auto complete = std::find_if(tickets.begin(), tickets.end(),
                                       [this](Ticket ticket) { return done(ticket); });
    if (complete != tickets.end()) return static_cast<size_t>(complete - tickets.begin());
    if (Clock::now() >= deadline) {
      Circumstances where;
      where.rank = rank_;
      where.peer = peer_of(tickets.front());
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
