#include "mlx/distributed/exchange.h"

#include <cstdlib>
#include <new>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"

namespace mlx::core::distributed {

Exchange::Exchange(Transport& transport)
    : transport_(transport),
      rank_(transport.rank()),
      hosts_(transport),
      peers_(static_cast<size_t>(transport.size())) {}

void Exchange::begin(const Header& header, Deadline deadline, std::span<const size_t> to_each,
                     std::span<const size_t> from_each) {
  header_ = header;
  const bool by_pair = header.operation == Operation::all_to_all;
  to_each_ = by_pair ? to_each : std::span<const size_t>{};
  from_each_ = by_pair ? from_each : std::span<const size_t>{};
  deadline_ = deadline;
  ++collective_;
}

Header Exchange::header_with(std::span<const size_t> parts, int peer) const {
  Header header = header_;
  if (!parts.empty()) header.bytes = parts[static_cast<size_t>(peer)];
  return header;
}

void Exchange::compare_with_neighbours() {
  const int right = (rank_ + 1) % size();
  const int left = (rank_ + size() - 1) % size();
  const Message sent = send(right, {});
  wait(recv(left, {}));
  wait(sent);
}

Exchange::Message Exchange::send(int peer, std::span<const std::byte> bytes) {
  Peer& p = peers_[static_cast<size_t>(peer)];
  if (p.sent != collective_) {
    p.sent = collective_;
    p.ours = header_with(to_each_, peer);
    const auto ticket = transport_.send(peer, std::as_bytes(std::span(&p.ours, 1)));
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
  const Header expected = header_with(from_each_, peer);
  if (p.theirs == expected) return;
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
          "Rank ", peer, " is at ", describe(p.theirs), ", rank ", rank_, " at ",
          describe(expected),
          p.theirs.algorithm == header_.algorithm ? "" : " (and they chose different algorithms)"),
      where);
}

void Exchange::wait(const Message& message) {
  Peer& p = peers_[static_cast<size_t>(message.peer)];
  if (p.unchecked && !message.sent) check(p, message.peer);
  transport_.wait(message.ticket, deadline_);
}

void Exchange::Free::operator()(void* p) const { std::free(p); }

std::span<std::byte> Exchange::scratch(size_t bytes, size_t number) {
  constexpr size_t kAlign = 64;
  Memory& memory = scratch_[number];
  if (bytes > memory.size) {
    memory.size = (bytes + kAlign - 1) / kAlign * kAlign;
    memory.bytes.reset(static_cast<std::byte*>(std::aligned_alloc(kAlign, memory.size)));
    if (!memory.bytes) {
      memory.size = 0;
      throw std::bad_alloc();
    }
  }
  return {memory.bytes.get(), bytes};
}

}  // namespace mlx::core::distributed
