#include "mlx/distributed/exchange.h"

#include <cstdlib>
#include <new>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"

namespace mlx::core::distributed {

Exchange::Exchange(Transport& transport)
    : transport_(transport),
      rank_(transport.rank()),
      peers_(static_cast<size_t>(transport.size())) {}

void Exchange::begin(const Header& header, Deadline deadline) {
  header_ = header;
  deadline_ = deadline;
  waiting_for_ = -1;
  ++collective_;
}

Exchange::Message Exchange::send(int peer, std::span<const std::byte> bytes) {
  Peer& p = peers_[static_cast<size_t>(peer)];
  if (p.sent != collective_) {
    p.sent = collective_;
    const auto ticket = transport_.send(peer, std::as_bytes(std::span(&header_, 1)));
    if (bytes.empty()) return {ticket, peer, true};
  }
  return {transport_.send(peer, bytes), peer, true};
}

Exchange::Message Exchange::recv(int peer, std::span<std::byte> bytes) {
  Peer& p = peers_[static_cast<size_t>(peer)];
  if (p.received != collective_) {
    p.received = collective_;
    p.unchecked = true;
    p.header_ticket = transport_.recv(peer, std::as_writable_bytes(std::span(&p.theirs, 1)));
    if (bytes.empty()) return {p.header_ticket, peer, false};
  }
  return {transport_.recv(peer, bytes), peer, false};
}

void Exchange::check(Peer& p, int peer) {
  transport_.wait(p.header_ticket, deadline_);
  p.unchecked = false;
  if (p.theirs == header_) return;
  Circumstances where;
  where.rank = rank_;
  where.peer = peer;
  if (p.theirs.generation != header_.generation || p.theirs.group != header_.group) {
    throw DesyncError(
        concat("Rank ", peer, " is of generation ", p.theirs.generation, ", group ", p.theirs.group,
               "; rank ", rank_, " of generation ", header_.generation, ", group ", header_.group),
        where);
  }
  throw DesyncError(
      concat(
          "Rank ", peer, " is at ", describe(p.theirs), ", rank ", rank_, " at ", describe(header_),
          p.theirs.algorithm == header_.algorithm ? "" : " (and they chose different algorithms)"),
      where);
}

void Exchange::wait(const Message& message) {
  waiting_for_ = message.peer;
  Peer& p = peers_[static_cast<size_t>(message.peer)];
  if (p.unchecked && !message.sent) check(p, message.peer);
  transport_.wait(message.ticket, deadline_);
}

void Exchange::Free::operator()(void* p) const { std::free(p); }

std::span<std::byte> Exchange::scratch(size_t bytes) {
  constexpr size_t kAlign = 64;
  if (bytes > scratch_bytes_) {
    scratch_bytes_ = (bytes + kAlign - 1) / kAlign * kAlign;
    scratch_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlign, scratch_bytes_)));
    if (!scratch_) throw std::bad_alloc();
  }
  return {scratch_.get(), bytes};
}

}  // namespace mlx::core::distributed
