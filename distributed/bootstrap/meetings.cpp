#include "mlx/distributed/bootstrap/meetings.h"

#include <algorithm>
#include <charconv>

#include "mlx/core/base/error.h"

namespace mlx::core::distributed {
namespace {

constexpr std::string_view kPrefix = "meet/";

std::string list(const std::vector<int>& ranks) {
  std::string text;
  for (const int rank : ranks) text += concat(text.empty() ? "" : ", ", rank);
  return text;
}

std::string write_meeting(const Meeting& meeting) {
  std::string text = concat(meeting.group);
  for (const int rank : meeting.ranks) text += concat(":", rank);
  return text;
}

// Reads what write_meeting() wrote. Empty for anything else.
std::optional<Meeting> read_meeting(std::string_view text) {
  Meeting meeting;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](auto& value) {
    const auto [rest, error] = std::from_chars(at, end, value);
    at = rest;
    return error == std::errc() && (at == end || *at == ':');
  };
  if (!number(meeting.group) || at == end) return std::nullopt;
  while (at != end) {
    ++at;
    if (!number(meeting.ranks.emplace_back())) return std::nullopt;
  }
  return meeting;
}

}  // namespace

std::string Meetings::key(uint32_t group, const std::vector<int>& ranks) {
  return concat(kPrefix, write_meeting({group, ranks}));
}

std::optional<Meeting> Meetings::read_answer(std::string_view text) { return read_meeting(text); }

void Meetings::come(int rank, const std::string& key) {
  if (!key.starts_with(kPrefix)) return;
  const auto meeting = read_meeting(std::string_view(key).substr(kPrefix.size()));
  if (!meeting || std::count(meeting->ranks.begin(), meeting->ranks.end(), rank) == 0) return;
  Guests& guests = open_.try_emplace(key, Guests{meeting->ranks, {}, {}}).first->second;
  guests.here.insert(rank);
  if (complete(key, guests)) open_.erase(key);
}

void Meetings::leave(int rank, const std::string& key) {
  const auto at = open_.find(key);
  if (at == open_.end() || !at->second.here.contains(rank)) return;
  std::vector<int> late = awaited(at->second);
  std::erase_if(late, [&](int other) { return at->second.left.contains(other); });
  tell_(rank, key, list(late));
  at->second.here.erase(rank);
  at->second.left.insert(rank);
  if (at->second.here.empty()) open_.erase(at);
}

void Meetings::look_again() {
  for (auto at = open_.begin(); at != open_.end();) {
    Guests& guests = at->second;
    std::erase_if(guests.here, [this](int rank) { return !present_(rank); });
    const bool over = guests.here.empty() || complete(at->first, guests);
    at = over ? open_.erase(at) : std::next(at);
  }
}

// Who is invited and present and has not come.
std::vector<int> Meetings::awaited(const Guests& guests) const {
  std::vector<int> ranks;
  for (const int rank : guests.invited) {
    if (present_(rank) && !guests.here.contains(rank)) ranks.push_back(rank);
  }
  return ranks;
}

bool Meetings::complete(const std::string& key, const Guests& guests) {
  if (!awaited(guests).empty()) return false;
  Meeting meeting{next_group_++, {}};
  for (const int rank : guests.invited) {
    if (guests.here.contains(rank)) meeting.ranks.push_back(rank);
  }
  for (const int rank : meeting.ranks) tell_(rank, key, write_meeting(meeting));
  return true;
}

}  // namespace mlx::core::distributed
