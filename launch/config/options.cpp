#include "mlx/launch/config/options.h"

#include "mlx/launch/command_line.h"
#include "mlx/launch/words.h"

namespace mlx::launch::config {
namespace {

constexpr const char* kConfigFooter = R"(
Hosts are reached by ssh, which must need no password; this program must be installed on each. It
asks them what they are, tries who reaches whom, measures latency and bandwidth over every pair of
addresses, and writes a hostfile for mlx-launch. It changes nothing, but for --auto-setup --yes.

--auto-setup shows the commands (as root, lasting until the next boot) that would switch on
interfaces, give addresses to Thunderbolt cables, set one MTU per network, make Soft-RoCE devices
for --over rdma, and open the ports of --starting-port. It runs them after a typed "yes" on a
terminal, or with --yes; then it looks again.

Exit code: 0 all is well, 1 a host failed or a problem was found, 2 wrong usage.)";

// What the command line says, before it is made sense of.
struct Words {
  std::string hosts, check, over = "auto", ssh = "ssh";
  std::vector<std::string> environment;
  double seconds = 0.25;
  int starting_port = 0;
};

void add_what(CLI::App& app, ConfigOptions& options, Words& words) {
  const std::string group = "What";
  auto* hosts = app.add_option("--hosts", words.hosts, "The hosts, with commas between");
  hosts->type_name("A,B,C")->group(group);
  auto* file = app.add_option("--hostfile", options.hostfile, "The hosts of a hostfile");
  file->type_name("FILE")->group(group)->excludes(hosts);
  app.add_option("--check", words.check, "Compare a hostfile with what is there; write nothing")
      ->type_name("FILE")
      ->group(group)
      ->excludes(hosts)
      ->excludes(file);
  app.add_option("--over", words.over, "What data shall go over (default auto)")
      ->check(CLI::IsMember({"auto", "ethernet", "rdma", "thunderbolt"}))
      ->type_name("auto|ethernet|rdma|thunderbolt")
      ->group(group);
  app.add_option("--backend", options.wishes.backend, "The backend (default: chosen)")
      ->check(CLI::IsMember({"ring", "mpi", "rdma", "jaccl", "jaccl-ring", "nccl"}))
      ->type_name("ring|mpi|rdma|jaccl|jaccl-ring|nccl")
      ->group(group);
  repeatable(app.add_option("--env", words.environment,
                            "Write a variable of all ranks into the hostfile; may be repeated"))
      ->type_name("NAME=VALUE")
      ->group(group);
  app.add_option("--starting-port", words.starting_port,
                 "Try the ports from this one on, as mlx-launch will use them")
      ->check(CLI::Range(1, 65535))
      ->type_name("PORT")
      ->group(group);
  app.add_option("--seconds", words.seconds,
                 "How long data flows each way over each path (default 0.25; 0: not measured)")
      ->check(CLI::Range(0.0, 5.0))
      ->type_name("SECONDS")
      ->group(group);
  app.add_flag("--ignore-unreachable", options.ignore_unreachable,
               "Go on without hosts that cannot be reached")
      ->group(group);
}

void add_output(CLI::App& app, ConfigOptions& options) {
  const std::string group = "Output";
  app.add_option("--output-hostfile", options.output,
                 "Write the hostfile there; \"-\": to standard output, and the report to "
                 "standard error")
      ->type_name("FILE")
      ->group(group);
  auto* dot = app.add_flag("--dot", options.dot, "Print a graph of the links for Graphviz");
  dot->group(group);
  app.add_flag("--json", options.json, "Print all that was found as JSON")
      ->excludes(dot)
      ->group(group);
  app.add_flag("--verbose", options.verbose, "Say more of each host, and what is being done")
      ->group(group);
  auto* setup = app.add_flag("--auto-setup,!--no-auto-setup", options.auto_setup,
                             "Show commands that would make more of the hosts");
  setup->group("Setup");
  app.add_flag("--yes", options.yes, "Run the commands of --auto-setup")
      ->needs(setup)
      ->group("Setup");
}

void add_ssh(CLI::App& app, ConfigOptions& options, Words& words) {
  const std::string group = "Reaching hosts";
  app.add_option("--ssh", words.ssh, "The program that reaches hosts (default ssh)")
      ->type_name("PROGRAM")
      ->group(group);
  repeatable(app.add_option("--ssh-option", options.shell.options,
                            "An argument for it, as -oCompression=yes; may be repeated"))
      ->type_name("ARGUMENT")
      ->group(group);
  app.add_option("--connect-timeout", options.shell.connect_seconds,
                 "How long a host may take to answer (default 20)")
      ->check(CLI::Range(1, 3600))
      ->type_name("SECONDS")
      ->group(group);
}

Over to_over(const std::string& name) {
  for (const Over o : {Over::ethernet, Over::rdma, Over::thunderbolt}) {
    if (name == over_name(o)) return o;
  }
  return Over::automatic;
}

void make_sense(ConfigOptions& options, const Words& words) {
  options.shell.program = words.ssh;
  options.flow = std::chrono::milliseconds(static_cast<int>(words.seconds * 1000));
  if (words.starting_port != 0) options.starting_port = static_cast<uint16_t>(words.starting_port);
  options.check = !words.check.empty();
  if (options.check) options.hostfile = words.check;
  options.wishes.over = to_over(words.over);
  if (!words.hosts.empty()) {
    for (const std::string& text : split(words.hosts, ',')) {
      options.hosts.push_back(parse_host(text));
    }
  }
  for (const std::string& text : words.environment) {
    options.wishes.environment.push_back(parse_variable(text));
  }
}

// What contradicts; empty: nothing.
std::string contradiction(const ConfigOptions& options) {
  const std::string& backend = options.wishes.backend;
  const bool rdma = is_rdma(backend);
  const Over over = options.wishes.over;
  if (options.hosts.empty() && options.hostfile.empty()) {
    return "Which hosts? Expected --hosts, --hostfile or --check.";
  }
  if (over == Over::rdma && !backend.empty() && !rdma) {
    return "The backend " + backend + " does not go over rdma.";
  }
  if (rdma && over != Over::rdma && over != Over::automatic) {
    return "The backend " + backend + " goes over rdma, not over " + over_name(over) + ".";
  }
  if (options.check && (!options.output.empty() || options.dot || options.auto_setup)) {
    return "--check only compares: it goes with neither --output-hostfile nor --dot nor "
           "--auto-setup.";
  }
  if (options.output == "-" && (options.dot || options.json)) {
    return "Standard output cannot hold the hostfile and something else.";
  }
  return {};
}

}  // namespace

std::variant<ConfigOptions, Answer> parse_config_command_line(
    const std::vector<std::string>& arguments) {
  ConfigOptions options;
  Words words;
  CommandLine line(
      "mlx-distributed-config",
      "Finds out what hosts are there and how they are joined, and writes a hostfile.",
      {"--hosts A,B,C [options]", "--hostfile FILE [options]", "--check FILE [options]"},
      kConfigFooter);
  CLI::App& app = line.app();
  app.add_flag("--probe", options.probe)->group("");
  add_what(app, options, words);
  add_output(app, options);
  add_ssh(app, options, words);
  if (auto answer = line.parse(arguments, [&] { make_sense(options, words); })) return *answer;
  if (options.probe) return options;
  const std::string wrong = contradiction(options);
  if (!wrong.empty()) return line.wrong_usage(wrong);
  return options;
}

}  // namespace mlx::launch::config
