#include "report.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "plot.h"

namespace mlx::bench {
namespace {

void print_columns() {
  std::printf("#\n# %-12s %12s %12s %6s %12s %12s %12s %8s %8s %7s\n", "operation", "bytes",
              "count", "calls", "min us", "median us", "p99 us", "algbw", "busbw", "#wrong");
}

void print_row(const Row& r) {
  std::printf("  %-12s %12zu %12zu %6d %12.2f %12.2f %12.2f %8.3f %8.3f %7s\n", r.op.c_str(),
              r.bytes, r.count, r.iterations, r.min_us, r.median_us, r.p99_us, r.algbw, r.busbw,
              r.wrong ? std::to_string(*r.wrong).c_str() : "-");
  std::fflush(stdout);
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content << std::flush;
  if (!file) throw std::runtime_error("Cannot write " + path + ".");
}

// What rank 0 says while it measures.
class Printer {
 public:
  Printer(const Options& options, const Report& report)
      : table_(options.json != "-"), progress_(options.progress) {
    if (!table_) return;
    std::printf("# %s, %d ranks, %s\n", report.system.c_str(), report.ranks, report.dtype.c_str());
    if (options.wait_seconds == 0) print_columns();
  }
  void starting(const Case& c) const {
    if (!progress_) return;
    std::fprintf(stderr, "measuring %s, %zu bytes ...\n", std::string(c.op.name).c_str(),
                 c.bytes());
  }
  void done(const Row& row) const {
    if (table_) print_row(row);
  }
  void waiting(double share) const {
    if (table_) std::printf("# a rank that waits uses %.2f %% of a core\n", share * 100);
  }

 private:
  bool table_;
  bool progress_;
};

void write_files(const Report& report, const Options& options) {
  if (options.json == "-") {
    std::fputs(to_json(report).c_str(), stdout);
  } else if (!options.json.empty()) {
    write_file(options.json, to_json(report));
  }
  if (!options.plot.empty()) write_plot(options.plot, {report});
}

bool all_right(const Report& report) {
  for (const Row& row : report.rows) {
    if (row.wrong.value_or(0) > 0) return false;
  }
  return true;
}

}  // namespace

std::string to_json(const Report& report) {
  using Json = nlohmann::ordered_json;
  Json rows = Json::array();
  for (const Row& r : report.rows) {
    rows.push_back({{"operation", r.op},
                    {"bytes", r.bytes},
                    {"count", r.count},
                    {"iterations", r.iterations},
                    {"min_us", r.min_us},
                    {"median_us", r.median_us},
                    {"p99_us", r.p99_us},
                    {"algbw_gb_s", r.algbw},
                    {"busbw_gb_s", r.busbw},
                    {"wrong", r.wrong ? Json(*r.wrong) : Json()}});
  }
  Json out{{"system", report.system}, {"ranks", report.ranks}, {"dtype", report.dtype}};
  if (report.waiting_share) out["waiting_share"] = *report.waiting_share;
  out["results"] = std::move(rows);
  return out.dump(1) + "\n";
}

Report read_report(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("Cannot read " + path + ".");
  try {
    const auto json = nlohmann::json::parse(file);
    Report report{json.at("system"), json.at("ranks"), json.at("dtype"), {}, {}};
    for (const auto& r : json.at("results")) {
      Row row;
      row.op = r.at("operation");
      row.bytes = r.at("bytes");
      row.median_us = r.at("median_us");
      row.busbw = r.at("busbw_gb_s");
      report.rows.push_back(row);
    }
    return report;
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(path + " is not what --json writes: " + error.what());
  }
}

int measure_and_report(System& system, const std::string& name, const Options& options) {
  Report report{name, system.ranks(), core::dtype_name(options.plan.dtype), {}, {}};
  std::optional<Printer> printer;
  if (system.rank() == 0) printer.emplace(options, report);
  if (options.wait_seconds > 0) {
    report.waiting_share = waiting_share(system, options.wait_seconds);
    if (printer) printer->waiting(*report.waiting_share);
  } else {
    measure(
        system, options.plan,
        [&](const Case& c) {
          if (printer) printer->starting(c);
        },
        [&](const Row& row) {
          report.rows.push_back(row);
          if (printer) printer->done(row);
        });
  }
  if (printer) write_files(report, options);
  system.barrier();  // nobody leaves, and fails, while rank 0 writes
  return all_right(report) ? 0 : 1;
}

}  // namespace mlx::bench
