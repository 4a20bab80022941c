#include "mlx/distributed/mailbox.h"

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"

namespace mlx::core::distributed {

Mailbox::Mailbox(Transport& transport) : transport_(transport) {}

Header Mailbox::header_for(const Transfer& t, Header h) const {
  const auto& counts = t.operation == Operation::send ? sent_ : received_;
  const auto at = counts.find({t.peer, t.tag});
  h.sequence = at == counts.end() ? 0 : at->second;
  h.bytes = t.bytes();
  h.operation = Operation::send;
  h.dtype = static_cast<uint8_t>(t.dtype.val());
  h.root = -1;
  h.tag = t.tag;
  return h;
}

void Mailbox::run(std::span<const Transfer> transfers, const Header& like, Deadline deadline) {
  std::vector<Header> headers;  // stay where they are until sent
  headers.reserve(transfers.size());
  std::vector<Transport::Ticket> sends;
  for (const Transfer& t : transfers) {
    if (t.operation != Operation::send) continue;
    const Header& header = headers.emplace_back(header_for(t, like));
    ++sent_[{t.peer, t.tag}];
    sends.push_back(transport_.send(t.peer, std::as_bytes(std::span(&header, 1))));
    if (!t.in.empty()) sends.back() = transport_.send(t.peer, t.in);
  }
  for (const Transfer& t : transfers) {
    if (t.operation == Operation::send) continue;
    const Header expected = header_for(t, like);
    ++received_[{t.peer, t.tag}];
    receive(t, expected, deadline);
  }
  for (const auto ticket : sends) transport_.wait(ticket, deadline);
}

void Mailbox::receive(const Transfer& t, const Header& expected, Deadline deadline) {
  if (take_aside(t, expected)) return;
  while (true) {
    Header theirs;
    transport_.wait(transport_.recv(t.peer, std::as_writable_bytes(std::span(&theirs, 1))),
                    deadline);
    const bool another_tag = theirs.tag != expected.tag && theirs.operation == Operation::send &&
                             theirs.group == expected.group &&
                             theirs.generation == expected.generation;
    if (another_tag) {
      put_aside(t.peer, theirs, deadline);
      continue;
    }
    check(theirs, expected, t.peer);
    if (!t.out.empty()) transport_.wait(transport_.recv(t.peer, t.out), deadline);
    return;
  }
}

bool Mailbox::take_aside(const Transfer& t, const Header& expected) {
  const auto at = aside_.find({t.peer, t.tag});
  if (at == aside_.end()) return false;
  const Letter& letter = at->second.front();
  check(letter.header, expected, t.peer);
  std::copy(letter.bytes.begin(), letter.bytes.end(), t.out.begin());
  at->second.pop_front();
  if (at->second.empty()) aside_.erase(at);
  return true;
}

void Mailbox::put_aside(int peer, const Header& header, Deadline deadline) {
  Letter letter{header, {}};
  try {
    letter.bytes.resize(header.bytes);
  } catch (const std::exception&) {
    throw DistributedError(concat("[recv] There is no memory for ", describe(header), " of rank ",
                                  peer, ", which comes before the tag that is asked for."));
  }
  if (!letter.bytes.empty()) transport_.wait(transport_.recv(peer, letter.bytes), deadline);
  aside_[{peer, header.tag}].push_back(std::move(letter));
}

void Mailbox::check(const Header& theirs, const Header& expected, int peer) const {
  if (theirs == expected) return;
  Circumstances where;
  where.rank = transport_.rank();
  where.peer = peer;
  throw DesyncError(concat("Rank ", peer, " is at ", describe(theirs), ", rank ", transport_.rank(),
                           " expects ", describe(expected)),
                    where);
}

}  // namespace mlx::core::distributed
