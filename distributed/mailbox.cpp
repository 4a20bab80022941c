#include "mlx/distributed/mailbox.h"

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"

namespace mlx::core::distributed {

namespace {

// A message that nobody has asked for is taken at its header's word, tag and
// size: the header has to vouch for itself. FNV-1a.
uint32_t digest_of(Header header) {
  header.parts = 0;
  uint32_t digest = 2166136261u;
  for (const std::byte byte : std::as_bytes(std::span(&header, 1))) {
    digest = (digest ^ static_cast<uint32_t>(byte)) * 16777619u;
  }
  return digest;
}

}  // namespace

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
  h.parts = digest_of(h);
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
    if (!t.in.empty()) sends.back() = transport_.post(t.peer, t.in);
  }
  receive(expect(transfers, like), deadline);
  for (const auto ticket : sends) transport_.wait(ticket, deadline);
}

void Mailbox::compare(std::span<const Transfer> transfers, const Header& like, Deadline deadline) {
  struct Pair {
    int peer;
    Header ours, theirs = {};
    Transport::Ticket ticket = {};
  };
  std::list<Pair> sent, received;
  for (const Transfer& t : transfers) {
    const bool sends = t.operation == Operation::send;
    Pair& pair = (sends ? sent : received).emplace_back(t.peer, header_for(t, like));
    ++(sends ? sent_ : received_)[{t.peer, t.tag}];
    pair.ticket = sends
                      ? transport_.send(t.peer, std::as_bytes(std::span(&pair.ours, 1)))
                      : transport_.recv(t.peer, std::as_writable_bytes(std::span(&pair.theirs, 1)));
  }
  for (const Pair& pair : received) {
    transport_.wait(pair.ticket, deadline);
    check(pair.theirs, pair.ours, pair.peer);
  }
  for (const Pair& pair : sent) transport_.wait(pair.ticket, deadline);
}

// What is still to come, by peer. Headers arrive in it, so it does not move.
std::list<Mailbox::Arrivals> Mailbox::expect(std::span<const Transfer> transfers,
                                             const Header& like) {
  std::list<Arrivals> peers;
  for (const Transfer& t : transfers) {
    if (t.operation == Operation::send) continue;
    const Header expected = header_for(t, like);
    ++received_[{t.peer, t.tag}];
    if (take_aside(t, expected)) continue;
    auto at = std::find_if(peers.begin(), peers.end(),
                           [&](const Arrivals& from) { return from.peer == t.peer; });
    if (at == peers.end()) at = peers.insert(peers.end(), Arrivals{.peer = t.peer});
    at->wanted.push_back({t.out, expected});
  }
  return peers;
}

// Goes on with whichever peer has sent something: others may wait for what that
// one does next.
void Mailbox::receive(std::list<Arrivals> peers, Deadline deadline) {
  for (Arrivals& from : peers) ask_for_header(from);
  std::vector<Transport::Ticket> tickets;
  while (!peers.empty()) {
    tickets.clear();
    for (const Arrivals& from : peers) tickets.push_back(from.ticket);
    const size_t which = transport_.wait_any(tickets, deadline);
    const auto at = std::next(peers.begin(), static_cast<ptrdiff_t>(which));
    if (!at->header_is_here && take_message(*at)) continue;
    if (at->wanted.empty()) {
      peers.erase(at);
    } else {
      ask_for_header(*at);
    }
  }
}

void Mailbox::ask_for_header(Arrivals& from) {
  from.header_is_here = false;
  from.ticket = transport_.recv(from.peer, std::as_writable_bytes(std::span(&from.header, 1)));
}

// The header is here: whether a message follows, which is on its way then.
bool Mailbox::take_message(Arrivals& from) {
  from.header_is_here = true;
  const Header& like = from.wanted.front().expected;
  const auto wanted = std::find_if(from.wanted.begin(), from.wanted.end(), [&](const Wanted& w) {
    return w.expected.tag == from.header.tag;
  });
  const bool is_message =
      from.header.operation == Operation::send && from.header.group == like.group &&
      from.header.generation == like.generation && from.header.parts == digest_of(from.header);
  std::span<std::byte> place;
  if (wanted == from.wanted.end() && is_message) {
    place = put_aside(from.peer, from.header);
  } else {
    const Wanted taken = wanted == from.wanted.end() ? from.wanted.front() : *wanted;
    check(from.header, taken.expected, from.peer);
    from.wanted.erase(wanted);
    place = taken.out;
  }
  if (!place.empty()) from.ticket = transport_.recv(from.peer, place);
  return !place.empty();
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

std::span<std::byte> Mailbox::put_aside(int peer, const Header& header) {
  Letter letter{header, {}};
  try {
    letter.bytes.resize(header.bytes);
  } catch (const std::exception&) {
    throw DistributedError(concat("[recv] There is no memory for ", describe(header), " of rank ",
                                  peer, ", which comes before the tag that is asked for."));
  }
  auto& letters = aside_[{peer, header.tag}];
  letters.push_back(std::move(letter));
  return letters.back().bytes;
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
