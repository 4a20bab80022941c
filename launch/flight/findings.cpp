#include "mlx/launch/flight/findings.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "mlx/core/base/error.h"

namespace mlx::launch::flight {
namespace {

using core::concat;
using Kind = Finding::Kind;
using Findings = std::vector<Finding>;

double to_seconds(int64_t nanoseconds) { return static_cast<double>(nanoseconds) * 1e-9; }

/// The ranks that did not get past one collective, and for how long.
struct Waiting {
  std::vector<int> ranks;
  double longest = 0;
  bool failed = false;
  int64_t first_start = 0;
  const Entry* entry = nullptr;

  void add(const Record& record, const Entry& e) {
    ranks.push_back(record.rank);
    longest = std::max(longest, time_in(record, e));
    failed = failed || e.state == "failed";
    first_start = entry ? std::min(first_start, e.started) : e.started;
    entry = &e;
  }
  std::string for_how_long() const {
    return failed ? concat("waited in for ", duration(longest))
                  : concat(ranks.size() == 1 ? "waits" : "wait", " in since ", duration(longest));
  }
};

Waiting waiting_in(const GroupRecords& group, uint64_t number) {
  Waiting waiting;
  for (const auto& [rank, record] : group.ranks) {
    for (const Entry& e : record->entries) {
      if (e.number == number && !e.is_message() && !e.is_done()) waiting.add(*record, e);
    }
  }
  return waiting;
}

void find_missing(const GroupRecords& group, Findings& out) {
  std::vector<int> missing;
  for (const int rank : group.members) {
    if (!group.ranks.contains(rank)) missing.push_back(rank);
  }
  if (missing.empty()) return;
  out.push_back({Kind::missing,
                 concat(list_of_ranks(missing), missing.size() == 1 ? " has" : " have",
                        " written no record of ", group.name(),
                        ": killed, ended before the failure, or writing elsewhere"),
                 missing});
}

// What a rank did last, for the end of a sentence.
std::string whereabouts(const Record& record) {
  const auto all = record.collectives();
  if (all.empty()) return "it has joined none";
  const Entry& last = *all.rbegin()->second;
  if (last.state == "running") {
    return concat("it is in ", describe(last), " since ", duration(time_in(record, last)));
  }
  return concat("it left ", describe(last), " ", duration(to_seconds(record.written - last.ended)),
                " before it wrote its record");
}

// Ranks that did not come where others wait.
void find_absent(const GroupRecords& group, double patience, Findings& out) {
  for (const auto& [rank, record] : group.ranks) {
    const auto all = record->collectives();
    const uint64_t next = all.empty() ? 0 : all.rbegin()->first + 1;
    const Waiting waiting = waiting_in(group, next);
    if (waiting.ranks.empty() || (!waiting.failed && waiting.longest < patience)) continue;
    const std::string what = concat(describe(*waiting.entry), " of ", group.name());
    if (record->written < waiting.first_start) {
      out.push_back({Kind::outdated,
                     concat("the record of rank ", rank, " is older than ", what, ", which ",
                            list_of_ranks(waiting.ranks), " ", waiting.for_how_long(),
                            ": send SIGUSR1 to every rank again"),
                     {rank}});
      continue;
    }
    out.push_back(
        {Kind::absent,
         concat("rank ", rank, " has not joined ", what, ", which ", list_of_ranks(waiting.ranks),
                " ", waiting.for_how_long(), "; ", whereabouts(*record)),
         {rank}});
  }
}

// What all ranks must agree on.
auto agreed(const Entry& e) {
  const bool has_root = e.operation == "broadcast" || e.operation == "reduce" ||
                        e.operation == "gather" || e.operation == "scatter";
  return std::make_tuple(describe(e), e.reduction, e.bytes, has_root ? e.peer : -1);
}

// The first collective in which ranks differ.
void find_mismatch(const GroupRecords& group, Findings& out) {
  std::map<uint64_t, std::vector<std::pair<int, const Entry*>>> by_number;
  for (const auto& [rank, record] : group.ranks) {
    for (const auto& [number, entry] : record->collectives()) {
      by_number[number].emplace_back(rank, entry);
    }
  }
  for (const auto& [number, entries] : by_number) {
    std::map<decltype(agreed(Entry{})), std::vector<int>> versions;
    for (const auto& [rank, entry] : entries) versions[agreed(*entry)].push_back(rank);
    if (versions.size() < 2) continue;
    std::string text =
        concat("the ranks of ", group.name(), " differ in their collective #", number, ":");
    Finding finding{Kind::mismatch, "", {}};
    const char* separator = " ";
    for (const auto& [version, ranks] : versions) {
      const auto& [what, reduction, bytes, root] = version;
      text += concat(separator, list_of_ranks(ranks), ranks.size() == 1 ? " is at " : " are at ",
                     what, root >= 0 ? concat(" with root ", root) : "");
      separator = ", ";
      // The fewest are the suspects.
      if (finding.ranks.empty() || ranks.size() < finding.ranks.size()) finding.ranks = ranks;
    }
    finding.text = text;
    out.push_back(std::move(finding));
    return;
  }
}

// Messages whose other end has not come.
void find_messages(const GroupRecords& group, double patience, Findings& out) {
  for (const auto& [rank, record] : group.ranks) {
    for (const Entry& e : record->entries) {
      if (!e.is_message() || e.is_done() || !group.ranks.contains(e.peer)) continue;
      const double waited = time_in(*record, e);
      if (e.state == "running" && waited < patience) continue;
      const bool sends = e.operation == "send";
      const auto& theirs = group.ranks.at(e.peer)->entries;
      const bool came = std::any_of(theirs.begin(), theirs.end(), [&, me = rank](const Entry& t) {
        return t.operation == (sends ? "recv" : "send") && t.peer == me && t.tag == e.tag &&
               t.number == e.number;
      });
      if (came) continue;
      out.push_back(
          {Kind::message,
           concat("rank ", e.peer, " has not ", sends ? "received" : "sent", " message #", e.number,
                  e.tag != 0 ? concat(" with tag ", e.tag) : "", ", ", e.dtype, "[", e.count,
                  "], which rank ", rank, e.state == "failed" ? " waited " : " waits ", "to ",
                  sends ? "send to" : "receive from", " it in ", group.name(),
                  e.state == "failed" ? " for " : " since ", duration(waited)),
           {e.peer}});
    }
  }
}

void find_failed(const GroupRecords& group, Findings& out) {
  std::map<std::string, std::vector<int>> errors;
  for (const auto& [rank, record] : group.ranks) {
    if (!record->error.empty()) errors[record->error].push_back(rank);
  }
  for (const auto& [error, ranks] : errors) {
    out.push_back(
        {Kind::failed, concat(group.name(), " failed on ", list_of_ranks(ranks), ": ", error), {}});
  }
}

// Seconds from one collective to the next, on average over all ranks' records.
double period(const GroupRecords& group) {
  double total = 0;
  size_t count = 0;
  for (const auto& [rank, record] : group.ranks) {
    if (record->entries.size() < 2) continue;
    total += to_seconds(record->entries.back().started - record->entries.front().started);
    count += record->entries.size() - 1;
  }
  return count == 0 ? 0 : total / static_cast<double>(count);
}

void find_slow(const GroupRecords& group, Findings& out) {
  // Less is how any job looks.
  constexpr size_t kFew = 10;
  constexpr double kOften = 0.8, kMargin = 1e-3, kShare = 0.05;
  const double least = std::max(kMargin, kShare * period(group));
  for (const auto& [rank, late] : lateness_of(group)) {
    if (late.collectives < kFew || late.margin < least ||
        static_cast<double>(late.last) < kOften * static_cast<double>(late.collectives)) {
      continue;
    }
    out.push_back({Kind::slow,
                   concat("rank ", rank, " is slow: in ", late.last, " of ", late.collectives,
                          " collectives of ", group.name(), " it was the last to start, ",
                          duration(late.margin), " (median) after the one before it"),
                   {rank}});
  }
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::string GroupRecords::name() const {
  return generation == 0 ? concat("group ", group)
                         : concat("group ", group, " of generation ", generation);
}

std::vector<GroupRecords> by_group(const std::vector<Record>& records) {
  std::map<std::tuple<uint64_t, uint32_t, std::vector<int>>, GroupRecords> groups;
  for (const Record& r : records) {
    GroupRecords& g = groups[{r.generation, r.group, r.members}];
    g.group = r.group;
    g.generation = r.generation;
    g.members = r.members;
    g.ranks[r.rank] = &r;
  }
  std::vector<GroupRecords> out;
  for (auto& [key, group] : groups) out.push_back(std::move(group));
  return out;
}

const char* kind_name(Kind kind) {
  static constexpr const char* kNames[] = {"unusable", "missing",  "absent", "outdated",
                                           "message",  "mismatch", "failed", "slow"};
  return kNames[static_cast<size_t>(kind)];
}

Findings findings_of(const GroupRecords& group, double patience) {
  Findings out;
  find_mismatch(group, out);
  find_absent(group, patience, out);
  find_messages(group, patience, out);
  find_missing(group, out);
  find_failed(group, out);
  find_slow(group, out);
  return out;
}

std::map<int, Lateness> lateness_of(const GroupRecords& group) {
  std::map<uint64_t, std::vector<std::pair<int64_t, int>>> starts;  // and who
  for (const auto& [rank, record] : group.ranks) {
    for (const auto& [number, entry] : record->collectives()) {
      starts[number].emplace_back(entry->started, rank);
    }
  }
  std::map<int, std::vector<double>> behind, margins;
  size_t compared = 0;
  for (auto& [number, at] : starts) {
    if (at.size() < group.ranks.size() || at.size() < 2) continue;
    ++compared;
    std::sort(at.begin(), at.end());
    for (const auto& [time, rank] : at) {
      behind[rank].push_back(to_seconds(time - at.front().first));
    }
    const auto& [time, rank] = at.back();
    margins[rank].push_back(to_seconds(time - at[at.size() - 2].first));
  }
  std::map<int, Lateness> out;
  for (const auto& [rank, record] : group.ranks) {
    out[rank] = {compared, margins[rank].size(), median(behind[rank]), median(margins[rank])};
  }
  return out;
}

double time_in(const Record& record, const Entry& entry) {
  return to_seconds((entry.state == "running" ? record.written : entry.ended) - entry.started);
}

std::string list_of_ranks(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size(); ++i) text += concat(i > 0 ? ", " : "", ranks[i]);
  return text;
}

std::string duration(double s) {
  char text[32];
  if (s < 1e-3) {
    std::snprintf(text, sizeof text, "%.0f us", s * 1e6);
  } else if (s < 1) {
    std::snprintf(text, sizeof text, "%.3g ms", s * 1e3);
  } else {
    std::snprintf(text, sizeof text, "%.1f s", s);
  }
  return text;
}

}  // namespace mlx::launch::flight
