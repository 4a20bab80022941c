#include "options.h"

#include <CLI/CLI.hpp>

namespace mlx::bench {
namespace {

constexpr int kMaxRanks = 4096;
constexpr int kIterationsLimit = 10'000'000;

constexpr const char* kColumns = R"(
Columns: as in nccl-tests, bytes and count are those of the larger of the two buffers. A call starts
after a barrier and takes as long as on the slowest rank; that of broadcast, reduce, gather and
scatter includes a second barrier, since a rank may be done before the others have anything. min,
median and 99th percentile are over the iterations. algbw is bytes over the median; busbw is that times 2(n-1)/n for all-reduces,
(n-1)/n for all_gather, sum_scatter, gather, scatter and all_to_all, 1 otherwise. #wrong counts
elements, on all ranks, that differ from a result computed locally.

Exit code: 0; 1 if a result is wrong or something failed; 2 wrong usage.)";

constexpr const char* kExamples = R"(
Examples:
  mlx-bench-collectives -n 4 --op all_sum,all_gather --max 1G --plot curves.svg
  mlx-launch -n 2 mlx-bench-collectives --dtype bfloat16     (ranks that exist already)
  mlx-bench-collectives --compare a.json,b.json --plot both.svg)";

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::vector<std::string> op_names() {
  std::vector<std::string> names;
  for (const Op& op : all_ops()) names.emplace_back(op.name);
  return names;
}

std::vector<std::string> dtype_names() {
  std::vector<std::string> names;
  for (int i = 0; i < core::kDtypes; ++i) {
    names.emplace_back(core::dtype_name(core::dtype_of(static_cast<Dtype::Val>(i))));
  }
  return names;
}

// "64M": a number with K, M or G for powers of 1024.
size_t parse_size(const std::string& option, const std::string& text) {
  size_t end = 0;
  unsigned long long number = 0;
  try {
    number = std::stoull(text, &end);
  } catch (const std::exception&) {
    end = 0;
  }
  const std::string suffixes = "KMG";
  const size_t suffix = end + 1 == text.size() ? suffixes.find(text[end]) : std::string::npos;
  const bool plain = end == text.size();
  const int shift = plain || suffix == std::string::npos ? 0 : 10 * static_cast<int>(suffix + 1);
  const bool digits = !text.empty() && text[0] >= '0' && text[0] <= '9';
  const bool fits = number > 0 && number <= (1ull << 50) >> shift;
  if (!digits || !fits || (!plain && shift == 0)) {
    throw CLI::ValidationError(
        option, "expected a number of bytes such as 4, 64K, 16M or 1G, got \"" + text + "\"");
  }
  return static_cast<size_t>(number) << shift;
}

std::vector<Op> parse_ops(const std::vector<std::string>& names) {
  std::vector<Op> ops;
  for (const std::string& name : names) {
    if (name == "all") {
      ops.insert(ops.end(), all_ops().begin(), all_ops().end());
    } else if (const Op* op = find_op(name)) {
      ops.push_back(*op);
    } else {
      throw CLI::ValidationError(
          "--op", "expected all or some of " + joined(op_names()) + ", got \"" + name + "\"");
    }
  }
  return ops;
}

Dtype parse_dtype(const std::string& name) {
  const auto names = dtype_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    throw CLI::ValidationError("--dtype",
                               "expected one of " + joined(names) + ", got \"" + name + "\"");
  }
  return core::dtype_of(static_cast<Dtype::Val>(found - names.begin()));
}

// The command line as words, before they are understood.
struct Words {
  std::vector<std::string> ops{"all_sum"};
  std::string dtype = "float32", min = "4", max = "64M";
  bool no_check = false;
};

void add_plan(CLI::App& app, Words& words, Options& options) {
  app.add_option("--op", words.ops, "What to measure: all, or some of " + joined(op_names()))
      ->delimiter(',')
      ->type_name("NAME,...")
      ->capture_default_str();
  app.add_option("--min", words.min, "Smallest size in bytes; K, M and G are powers of 1024")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_option("--max", words.max, "Largest size")->type_name("SIZE")->capture_default_str();
  app.add_option("--factor", options.plan.factor, "From one size to the next")
      ->check(CLI::Range(2, 1 << 20))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--warmup", options.plan.warmup, "Calls of each size that do not count")
      ->check(CLI::Range(1, kIterationsLimit))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--iterations", options.plan.iterations,
                 "Calls of each size (default: as many as take 0.2 s, from 5 to 5000)")
      ->check(CLI::Range(1, kIterationsLimit))
      ->type_name("N");
  app.add_flag("--no-check", words.no_check, "Do not compare results with a local computation");
  app.add_option("--wait", options.wait_seconds,
                 "Measure instead how much of a core a rank uses that waits so long for another")
      ->check(CLI::Range(0.001, 3600.0))
      ->type_name("SECONDS");
  app.add_option("--json", options.json, "Write the results there too; - is standard output alone")
      ->type_name("FILE");
}

void add_ours(CLI::App& app, Words& words, Options& options) {
  app.add_option("--dtype", words.dtype, "One of " + joined(dtype_names()))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--backend", options.backend, "any, ring, mpi, rdma, jaccl or nccl")
      ->check(CLI::IsMember({"any", "ring", "mpi", "rdma", "jaccl", "nccl"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_flag("--graph", options.graph,
               "Through arrays and eval (default: the communication layer itself)");
  auto* plot =
      app.add_option("--plot", options.plot, "Draw latency and bandwidth over size, as SVG");
  plot->type_name("FILE");
  app.add_option("--compare", options.compare,
                 "Measure nothing: plot what --json has written in earlier runs")
      ->delimiter(',')
      ->type_name("FILE,...")
      ->needs(plot);
  app.add_flag("--progress", options.progress,
               "Say on standard error what is being measured (default: if it is a terminal)");
}

void understand(const Words& words, Options& options) {
  Plan& plan = options.plan;
  plan.ops = parse_ops(words.ops);
  plan.dtype = parse_dtype(words.dtype);
  plan.min_bytes = parse_size("--min", words.min);
  plan.max_bytes = parse_size("--max", words.max);
  plan.check = !words.no_check;
  if (plan.min_bytes > plan.max_bytes) {
    throw CLI::ValidationError("--max",
                               "expected at least --min, got " + words.max + " below " + words.min);
  }
}

}  // namespace

std::variant<Options, Answer> parse_command_line(const Program& program,
                                                 const std::vector<std::string>& arguments) {
  Options options;
  Words words;
  CLI::App app(program.purpose, program.name);
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.footer(std::string(kColumns) + (program.is_ours ? std::string("\n") + kExamples : ""));
  if (program.starts_ranks) {
    app.add_option("-n,--ranks", options.ranks,
                   "How many ranks to start (default 2) when this is not one of a job already")
        ->check(CLI::Range(1, kMaxRanks))
        ->type_name("N");
  }
  if (program.polls)
    app.add_flag("--poll", options.poll, "Ask for data again and again, never sleep");
  add_plan(app, words, options);
  if (program.is_ours) add_ours(app, words, options);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    understand(words, options);
  } catch (const CLI::CallForHelp&) {
    return Answer{app.help(), 0};
  } catch (const CLI::ParseError& error) {
    return Answer{program.name + ": " + error.what() + "\nSee " + program.name + " --help.\n",
                  kWrongUsage};
  }
  return options;
}

}  // namespace mlx::bench
