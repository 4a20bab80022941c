#include "mlx/distributed/transports/link_transport.h"

#include <sched.h>

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/transports/patience.h"
#include "mlx/distributed/transports/ticket.h"

namespace mlx::core::distributed {
namespace {

// How long to look again before sleeping: a wake-up costs tens of microseconds.
// After a few looks in a row the processor is offered to others between looks,
// because a peer that shares it can only answer once it runs. That is so from
// the start with more ranks than cores, and when a peer seems to be on this one:
// somebody took the processor when it was last offered, but not for long, as
// one would who does not wait for us.
constexpr int kLooksInARow = 200;
constexpr int kLooksBetweenClocks = 8;
constexpr std::chrono::microseconds kGiveWay{100};
constexpr std::chrono::nanoseconds kNobodyThere{1500};

// Offers the processor to others. Whether somebody took it who waits himself.
bool give_way() {
  const auto start = Clock::now();
  sched_yield();
  const auto took = Clock::now() - start;
  return took > kNobodyThere && took < kGiveWay;
}

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

LinkTransport::LinkTransport(std::unique_ptr<Connector> connector)
    : connector_(std::move(connector)),
      rank_(connector_->rank()),
      crowded_(connector_->ranks_on_host() > usable_cores()),
      peers_(static_cast<size_t>(connector_->size())) {}

void LinkTransport::activate(int peer) {
  if (std::find(active_.begin(), active_.end(), peer) == active_.end()) active_.push_back(peer);
}

LinkTransport::Ticket LinkTransport::send(int peer, std::span<const std::byte> bytes) {
  return start(peer, {bytes, false});
}

LinkTransport::Ticket LinkTransport::post(int peer, std::span<const std::byte> bytes) {
  return start(peer, {bytes, true});
}

LinkTransport::Ticket LinkTransport::start(int peer, Peer::Send send) {
  check_aborted();
  Peer& p = peers_[static_cast<size_t>(peer)];
  const auto ticket = make_ticket(true, peer, p.sends_done + p.sends.size());
  p.sends.push_back(send);
  activate(peer);
  if (p.link && p.sends.size() == 1 && !push(p)) lost(peer);
  return ticket;
}

LinkTransport::Ticket LinkTransport::recv(int peer, std::span<std::byte> bytes) {
  check_aborted();
  Peer& p = peers_[static_cast<size_t>(peer)];
  const auto ticket = make_ticket(false, peer, p.recvs_done + p.recvs.size());
  p.recvs.push_back(bytes);
  activate(peer);
  return ticket;
}

bool LinkTransport::done(Ticket ticket) const {
  const Peer& p = peers_[static_cast<size_t>(peer_of(ticket))];
  const uint64_t number = number_of(ticket);
  return is_send(ticket) ? p.sends_done > number && !p.unflushed : p.recvs_done > number;
}

std::optional<size_t> LinkTransport::any_done(std::span<const Ticket> tickets) const {
  for (size_t i = 0; i < tickets.size(); ++i) {
    if (done(tickets[i])) return i;
  }
  return {};
}

// False when the peer is gone.
bool LinkTransport::push(Peer& p) {
  while (!p.sends.empty()) {
    auto& [bytes, posted] = p.sends.front();
    const auto n = posted ? p.link->post(bytes) : p.link->write(bytes);
    if (!n) return false;
    if (*n > 0) p.unflushed = true;
    bytes = bytes.subspan(*n);
    if (!bytes.empty()) break;
    p.sends.pop_front();
    ++p.sends_done;
  }
  return true;
}

bool LinkTransport::pull(Peer& p) {
  while (!p.recvs.empty()) {
    auto& bytes = p.recvs.front();
    const auto n = bytes.empty() ? 0 : p.link->read(bytes);
    if (!n) return false;
    bytes = bytes.subspan(*n);
    if (!bytes.empty()) break;
    p.recvs.pop_front();
    ++p.recvs_done;
  }
  return true;
}

void LinkTransport::progress(int peer) {
  Peer& p = peers_[static_cast<size_t>(peer)];
  if (!p.link) keep(peer, connector_->link(peer));
  if (!p.link) return;
  // What a peer sent before it went is still good, so read before complaining.
  if (!pull(p) || !push(p)) lost(peer);
  if (p.unflushed) {
    const auto flushed = p.link->flush();
    if (!flushed) lost(peer);
    p.unflushed = !*flushed;
  }
}

void LinkTransport::keep(int peer, std::unique_ptr<Link> link) {
  const std::lock_guard lock(mutex_);
  if (link && aborted_) link->abort();
  peers_[static_cast<size_t>(peer)].link = std::move(link);
}

// Whether anything is still pending.
bool LinkTransport::progress() {
  for (size_t i = 0; i < active_.size();) {
    const int peer = active_[i];
    progress(peer);
    if (peers_[static_cast<size_t>(peer)].pending()) {
      ++i;
    } else {
      active_[i] = active_.back();
      active_.pop_back();
    }
  }
  return !active_.empty();
}

std::optional<size_t> LinkTransport::spin(std::span<const Ticket> tickets) {
  for (int i = 0; i < (crowded_ || shares_core_ ? 0 : kLooksInARow); ++i) {
    progress();
    if (const auto which = any_done(tickets)) return which;
    pause();
  }
  const auto end = Clock::now() + kGiveWay;
  do {
    check_aborted();
    for (int i = 0; i < kLooksBetweenClocks; ++i) {
      if (crowded_) {
        sched_yield();  // which is known to be right: no need to look at the clock
      } else {
        shares_core_ = give_way();
      }
      progress();
      if (const auto which = any_done(tickets)) return which;
    }
  } while (Clock::now() < end);
  return {};
}

void LinkTransport::sleep(Deadline deadline) {
  polled_.assign(1, {connector_->bell().fd(), POLLIN, 0});
  armed_.clear();
  bool ready = false;
  for (const int peer : active_) {
    Peer& p = peers_[static_cast<size_t>(peer)];
    if (!p.link) continue;
    armed_.push_back({p.link.get(), polled_.size()});
    ready |= !p.link->arm(!p.recvs.empty(), !p.sends.empty(), polled_);
  }
  poll(polled_.data(), polled_.size(), ready ? 0 : poll_timeout(deadline));
  if (polled_[0].revents != 0) connector_->bell().clear();
  for (size_t i = 0; i < armed_.size(); ++i) {
    const size_t end = i + 1 < armed_.size() ? armed_[i + 1].begin : polled_.size();
    armed_[i].link->woken(std::span(polled_).subspan(armed_[i].begin, end - armed_[i].begin));
  }
}

size_t LinkTransport::wait_any(std::span<const Ticket> tickets, Deadline deadline) {
  progress();
  if (const auto which = any_done(tickets)) return *which;
  if (const auto which = spin(tickets)) return *which;
  while (true) {
    check_aborted();
    if (Clock::now() >= deadline) {
      throw TimeoutError("The deadline has passed", about(peer_of(tickets.front())));
    }
    sleep(deadline);
    progress();
    if (const auto which = any_done(tickets)) return *which;
  }
}

void LinkTransport::abort() noexcept {
  {
    // Before a call in progress sees it and gives the memory back.
    const std::lock_guard lock(mutex_);
    for (Peer& p : peers_) {
      if (p.link) p.link->abort();
    }
    aborted_ = true;
  }
  connector_->abort();
  connector_->bell().ring();
}

void LinkTransport::check_aborted() const {
  if (aborted_) throw AbortedError("the transport was aborted");
}

Circumstances LinkTransport::about(int peer) const {
  Circumstances where;
  where.rank = rank_;
  where.peer = peer;
  return where;
}

void LinkTransport::lost(int peer) const {
  throw PeerLostError(concat("it closed its connection to rank ", rank_), about(peer));
}

}  // namespace mlx::core::distributed
