#include "mlx/launch/flight/report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "mlx/core/base/error.h"
#include "mlx/launch/text_table.h"
#include "mlx/launch/words.h"

namespace mlx::launch::flight {
namespace {

using core::concat;
using nlohmann::json;

// The last that a rank has begun, message or collective.
const Entry* last_of(const Record& record) {
  return record.entries.empty() ? nullptr : &record.entries.back();
}

std::string table_of(const GroupRecords& group) {
  const auto late = lateness_of(group);
  std::vector<std::vector<std::string>> rows{
      {"rank", "host", "recorded", "last", "state", "for", "starts late by"}};
  for (const int rank : group.members) {
    const auto at = group.ranks.find(rank);
    if (at == group.ranks.end()) {
      rows.push_back({concat(rank), "-", "-", "no record", "-", "-", "-"});
      continue;
    }
    const Record& record = *at->second;
    const Entry* last = last_of(record);
    const Lateness& behind = late.at(rank);
    rows.push_back({concat(rank), record.host, concat(record.recorded),
                    last ? describe(*last) : "nothing", last ? last->state : "-",
                    last ? duration(time_in(record, *last)) : "-",
                    behind.collectives > 0 ? duration(behind.median) : "-"});
  }
  return table_text(rows, {true, false, true, false, false, true, true});
}

json group_json(const GroupRecords& group) {
  const auto late = lateness_of(group);
  json ranks = json::array();
  for (const auto& [rank, record] : group.ranks) {
    json one{{"rank", rank},
             {"host", record->host},
             {"file", record->file},
             {"recorded", record->recorded},
             {"late_s", late.at(rank).median},
             {"last_to_start", late.at(rank).last},
             {"compared", late.at(rank).collectives}};
    if (!record->error.empty()) one["error"] = record->error;
    if (const Entry* last = last_of(*record)) {
      one["last"] = {{"number", last->number}, {"operation", last->operation},
                     {"dtype", last->dtype},   {"count", last->count},
                     {"state", last->state},   {"for_s", time_in(*record, *last)}};
    }
    ranks.push_back(std::move(one));
  }
  return {{"group", group.group},
          {"generation", group.generation},
          {"members", group.members},
          {"ranks", std::move(ranks)}};
}

}  // namespace

Report examine(const Records& records, double patience) {
  Report report;
  report.records = records.all.size();
  report.groups = by_group(records.all);
  for (const auto& [file, why] : records.unusable) {
    report.problems.push_back(
        {Finding::Kind::unusable, concat(file, " is not a flight record: ", why), {}});
  }
  for (const GroupRecords& group : report.groups) {
    auto found = findings_of(group, patience);
    report.problems.insert(report.problems.end(), std::make_move_iterator(found.begin()),
                           std::make_move_iterator(found.end()));
  }
  return report;
}

std::string to_text(const Report& report) {
  std::string out = concat(
      counted(report.records, "record"), " of ", counted(report.groups.size(), "group"), ": ",
      report.problems.empty() ? "no problem" : counted(report.problems.size(), "problem"), ".\n");
  for (const Finding& problem : report.problems) out += concat("* ", problem.text, ".\n");
  for (const GroupRecords& group : report.groups) {
    out += concat("\n", group.name(), " of ", counted(group.members.size(), "rank"), "\n",
                  table_of(group));
  }
  return out;
}

std::string to_json(const Report& report) {
  json problems = json::array(), groups = json::array();
  for (const Finding& problem : report.problems) {
    problems.push_back(
        {{"kind", kind_name(problem.kind)}, {"text", problem.text}, {"ranks", problem.ranks}});
  }
  for (const GroupRecords& group : report.groups) groups.push_back(group_json(group));
  const json all{{"problems", std::move(problems)}, {"groups", std::move(groups)}};
  return all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace mlx::launch::flight
