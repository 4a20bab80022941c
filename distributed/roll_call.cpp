#include "mlx/distributed/roll_call.h"

#include <algorithm>

#include "mlx/core/base/error.h"

namespace mlx::core::distributed {
namespace {

// "Rank 2", "Ranks 0, 3".
std::string names(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "Rank " : "Ranks ";
  for (size_t i = 0; i < ranks.size(); ++i) {
    text += concat(i == 0 ? "" : ", ", ranks[i]);
  }
  return text;
}

}  // namespace

void RollCall::call(const Header& ours, Deadline deadline) {
  ours_ = ours;
  theirs_[static_cast<size_t>(transport_.rank())] = ours;
  const std::vector<int> missing = collect(deadline);
  Circumstances where;
  where.rank = transport_.rank();
  if (!missing.empty()) {
    where.peer = missing.front();
    throw MissingError(concat(names(missing), missing.size() == 1 ? " has" : " have",
                              " not come to ", describe(ours), " in time"),
                       where);
  }
  const auto other =
      std::find_if(theirs_.begin(), theirs_.end(), [&](const Header& h) { return h != ours; });
  if (other != theirs_.end()) throw DesyncError(who_is_where(), where);
}

// Who has not come by the deadline.
std::vector<int> RollCall::collect(Deadline deadline) {
  std::vector<std::pair<int, Transport::Ticket>> sends, receives;
  for (int peer = 0; peer < transport_.size(); ++peer) {
    if (peer == transport_.rank()) continue;
    auto& theirs = theirs_[static_cast<size_t>(peer)];
    sends.emplace_back(peer, transport_.send(peer, std::as_bytes(std::span(&ours_, 1))));
    receives.emplace_back(peer,
                          transport_.recv(peer, std::as_writable_bytes(std::span(&theirs, 1))));
  }
  std::vector<int> missing;
  const auto wait_for = [&](const auto& transfers) {
    for (const auto& [peer, ticket] : transfers) {
      try {
        transport_.wait(ticket, deadline);
      } catch (const TimeoutError&) {
        missing.push_back(peer);
      }
    }
  };
  wait_for(receives);
  if (missing.empty()) wait_for(sends);
  return missing;
}

std::string RollCall::who_is_where() const {
  std::string text;
  std::vector<bool> told(theirs_.size());
  for (size_t first = 0; first < theirs_.size(); ++first) {
    if (told[first]) continue;
    std::vector<int> together;
    for (size_t rank = first; rank < theirs_.size(); ++rank) {
      if (theirs_[rank] != theirs_[first]) continue;
      told[rank] = true;
      together.push_back(static_cast<int>(rank));
    }
    text += concat(text.empty() ? "" : "; ", names(together), together.size() == 1 ? " is" : " are",
                   " at ", describe(theirs_[first]));
  }
  return text;
}

}  // namespace mlx::core::distributed
