#include "mlx/launch/options.h"

#include <cstdlib>

#include "mlx/launch/backend_name.h"
#include "mlx/launch/command_line.h"
#include "mlx/launch/error.h"
#include "mlx/launch/program.h"
#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

constexpr double kMaxSeconds = 1e8;
constexpr int kMostConnectionsPerIp = 64;
constexpr int kMostRestarts = 1'000'000;

constexpr const char* kLaunchFooter = R"(
What follows the program belongs to it. A program that ends in .py is run with python3.
Without --hosts and --hostfile the ranks run on the hosts of the Slurm, PBS or LSF allocation
around us, else on this host.

Every rank sees MLX_RANK, MLX_WORLD_SIZE, MLX_LOCAL_RANK, what it needs to meet the others, and
OMP_NUM_THREADS with its share of the cores, unless that is set already.

Exit code: 0 when every rank ended with 0, otherwise that of the first rank that failed
(128 + signal if a signal killed it); 2 wrong usage, 124 --timeout, 126 program not executable,
127 program not found, 130 Ctrl-C, 143 SIGTERM, 255 a host was lost or could not be reached.
Ctrl-C once stops the ranks, twice kills them.)";

std::chrono::milliseconds to_milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

// What the command line says, in the types that CLI11 reads.
struct Texts {
  std::vector<std::string> variables, mpi_arguments;
  std::string hosts, quiet_ranks, input_rank = "all", colours = "auto", binding;
  double timeout = 0, grace = 5, connect = 20;
  uint16_t port = 0, nccl_port = 0;
  bool print_python = false;
};

void add_hosts(CLI::App& app, Options& options, Texts& texts) {
  app.option_defaults()->group("Ranks and hosts");
  app.add_option("-n,--repeat-hosts", options.ranks,
                 "Ranks on each host of --hosts, on each slot of a host of the hostfile, or on "
                 "each host of an allocation instead of one for each of its tasks (default 1)")
      ->check(CLI::Range(1, kMostRanks))
      ->type_name("N");
  auto* hosts = app.add_option("--hosts", texts.hosts,
                               "Where the ranks run: names, user@name, addresses; localhost "
                               "is this host")
                    ->type_name("A,B,...");
  app.add_option("--hostfile", options.hostfile, "JSON file that names the hosts and more")
      ->type_name("FILE")
      ->excludes(hosts);
  app.add_option("--backend", options.backend, "What init() chooses: " + backend_names())
      ->type_name("NAME");
  repeatable(
      app.add_option("--env", texts.variables, "Set a variable for every rank; may be repeated"))
      ->type_name("NAME=VALUE");
  app.add_option("--cwd", options.folder, "Start the ranks in this folder")->type_name("FOLDER");
  app.add_option("--python", options.python,
                 "What runs a program that ends in .py (default python3)")
      ->type_name("PYTHON");
  app.add_option("--bind", texts.binding,
                 "How the ranks of a host share its processors: none, core or numa (default "
                 "core where each rank has one, else none)")
      ->check(CLI::IsMember({"none", "core", "numa"}))
      ->type_name("HOW");
  app.add_flag("--dry-run", options.dry_run, "Print what would run where, and exit");
}

void add_network(CLI::App& app, Options& options, Texts& texts) {
  app.option_defaults()->group("Connections");
  app.add_option("--ssh", options.ssh, "What reaches other hosts (default ssh)")
      ->type_name("COMMAND");
  repeatable(app.add_option("--ssh-option", options.ssh_options,
                            "An option for ssh, such as -oCompression=yes; may be repeated"))
      ->type_name("OPTION");
  app.add_option("--remote-launcher", options.remote_launcher,
                 "The mlx-launch of other hosts (default: as here, else in PATH)")
      ->type_name("PROGRAM");
  app.add_option("--connect-timeout", texts.connect,
                 "Give up when a host has not answered after this time (default 20)")
      ->check(CLI::Range(1.0, kMaxSeconds))
      ->type_name("SECONDS");
  app.add_option("--connections-per-ip", options.connections_per_ip,
                 "Connections of a pair of ranks for each address (default 1)")
      ->check(CLI::Range(1, kMostConnectionsPerIp))
      ->type_name("N");
  auto* port = app.add_option("-p,--starting-port", texts.port,
                              "The ranks meet on this port; rank r listens on the port r + 1 "
                              "behind it (default: free ports)");
  port->check(CLI::Range(1, 65535))->type_name("PORT");
  app.add_option("--nccl-port", texts.nccl_port, "The same as --starting-port")
      ->check(CLI::Range(1, 65535))
      ->type_name("PORT")
      ->excludes(port);
  repeatable(app.add_option("--mpi-arg", texts.mpi_arguments,
                            "Words for mpirun with --backend mpi; may be repeated"))
      ->type_name("WORDS");
}

void add_streams(CLI::App& app, Options& options, Texts& texts) {
  app.option_defaults()->group("Output and input");
  app.add_flag("--tag-output", options.tag_output, "Begin every line with the rank: \"[3]: \"");
  app.add_option("--log-dir", options.log_folder,
                 "Write the output of rank R to R.out and R.err in this folder, too")
      ->type_name("FOLDER");
  app.add_option("--quiet-ranks", texts.quiet_ranks,
                 "Do not show the output of these ranks, such as 1-3,7")
      ->type_name("RANKS");
  app.add_option("--stdin", texts.input_rank,
                 "Who gets our standard input: a rank, all or none (default all)")
      ->type_name("RANK");
  app.add_option("--color", texts.colours,
                 "When tags are coloured: auto, always or never (default auto: on a terminal)")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->type_name("WHEN");
  app.add_flag("--verbose", options.verbose, "Say what is started and how every rank ends");
}

CLI::Option* add_end(CLI::App& app, Options& options, Texts& texts) {
  app.option_defaults()->group("The end of the job");
  auto* limit = app.add_option("--timeout", texts.timeout, "Stop the job after this time");
  limit->check(CLI::Range(0.001, kMaxSeconds))->type_name("SECONDS");
  app.add_option("--grace", texts.grace, "Time between SIGTERM and SIGKILL (default 5)")
      ->check(CLI::Range(0.0, kMaxSeconds))
      ->type_name("SECONDS");
  app.add_option("--max-restarts", options.max_restarts,
                 "Start the job again after a failure, up to N times (default 0)")
      ->check(CLI::Range(0, kMostRestarts))
      ->type_name("N");
  return limit;
}

std::set<int> ranks_in(const std::string& text) {
  std::set<int> ranks;
  for (const std::string& part : split(text, ',')) {
    const auto ends = split(part, '-');
    const int first = number_in(ends.front(), kMostRanks - 1);
    const int last = number_in(ends.back(), kMostRanks - 1);
    if (ends.size() > 2 || first < 0 || last < first) {
      throw CLI::ValidationError("--quiet-ranks",
                                 "expected ranks such as 1-3,7, got \"" + text + "\"");
    }
    for (int rank = first; rank <= last; ++rank) ranks.insert(rank);
  }
  return ranks;
}

std::optional<int> input_rank_in(const std::string& text) {
  if (text == "all") return std::nullopt;
  if (text == "none") return -1;
  const int rank = number_in(text, kMostRanks - 1);
  if (rank < 0) {
    throw CLI::ValidationError("--stdin", "expected a rank, all or none, got \"" + text + "\"");
  }
  return rank;
}

template <typename Read>
void read_texts(const char* option, const std::vector<std::string>& texts, const Read& read_one) {
  try {
    for (const std::string& text : texts) read_one(text);
  } catch (const std::invalid_argument& error) {
    throw CLI::ValidationError(option, error.what());
  }
}

void take_texts(const Texts& texts, Options& options) {
  const std::vector<std::string> none;
  read_texts("--hosts", texts.hosts.empty() ? none : split(texts.hosts, ','),
             [&](const auto& text) {
               parse_host(text);
               options.hosts.push_back(text);
             });
  read_texts("--env", texts.variables,
             [&](const auto& text) { options.environment.push_back(parse_variable(text)); });
  for (const std::string& text : texts.mpi_arguments) {
    for (std::string& word : words_of(text)) options.mpi_arguments.push_back(std::move(word));
  }
  if (!texts.quiet_ranks.empty()) options.quiet_ranks = ranks_in(texts.quiet_ranks);
  options.input_rank = input_rank_in(texts.input_rank);
  options.grace = to_milliseconds(texts.grace);
  options.connect = to_milliseconds(texts.connect);
  if (texts.port != 0) options.starting_port = texts.port;
  if (texts.nccl_port != 0) options.starting_port = texts.nccl_port;
  if (texts.colours == "always") options.colours = Colours::always;
  if (texts.colours == "never") options.colours = Colours::never;
  if (texts.binding == "none") options.binding = Binding::none;
  if (texts.binding == "core") options.binding = Binding::core;
  if (texts.binding == "numa") options.binding = Binding::numa;
}

void check_names(const CLI::App& app, const Options& options) {
  // CLI11 passes an empty text for `--hosts ""`.
  for (const char* name : {"--hosts", "--hostfile", "--backend", "--cwd", "--python", "--ssh",
                           "--remote-launcher", "--log-dir", "--quiet-ranks", "--stdin"}) {
    const CLI::Option* option = app.get_option(name);
    if (option->count() > 0 && option->as<std::string>().empty()) {
      throw CLI::ValidationError(name, "expected a text, got an empty one");
    }
  }
  if (!options.backend.empty() && !is_backend_name(options.backend)) {
    throw CLI::ValidationError(
        "--backend", "expected one of " + backend_names() + ", got \"" + options.backend + "\"");
  }
}

Answer path_of_python(const Options& options) {
  const char* path = std::getenv("PATH");
  try {
    return {find_python(options.python, path ? path : "/usr/bin:/bin") + "\n", 0};
  } catch (const LaunchError& error) {
    return {std::string("mlx-launch: ") + error.what() + "\n", error.exit_code()};
  }
}

// The words behind the options, the program and its arguments. What is wrong; empty: nothing.
std::string take_command(std::vector<std::string> words, Options& options) {
  const bool separated = !words.empty() && words[0] == "--";
  if (separated) words.erase(words.begin());
  if (words.empty()) return "No program to start.";
  if (!separated && words[0].starts_with('-')) return "Unknown option " + words[0] + ".";
  options.command = std::move(words);
  return {};
}

}  // namespace

std::variant<Options, Answer> parse_command_line(const std::vector<std::string>& arguments) {
  Options options;
  Texts texts;
  CommandLine line("mlx-launch",
                   "Starts a program as several ranks of one job, on this host or many, watches "
                   "and stops them.",
                   {"[options] [--] program [arguments...]"}, kLaunchFooter);
  CLI::App& app = line.app();
  app.add_flag("--print-python", texts.print_python,
               "Print the path of the python that would be used, and exit");
  add_hosts(app, options, texts);
  add_network(app, options, texts);
  add_streams(app, options, texts);
  const CLI::Option* limit = add_end(app, options, texts);
  app.prefix_command();  // the first word that is no option ends the options

  const auto make_sense = [&] {
    take_texts(texts, options);
    check_names(app, options);
  };
  if (auto answer = line.parse(arguments, make_sense)) return *answer;
  if (texts.print_python) return path_of_python(options);
  if (*limit) options.timeout = to_milliseconds(texts.timeout);
  options.ranks_given = app.get_option("--repeat-hosts")->count() > 0;
  const std::string wrong = take_command(app.remaining(), options);
  if (!wrong.empty()) return line.wrong_usage(wrong);
  return options;
}

}  // namespace mlx::launch
