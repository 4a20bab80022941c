#include "mlx/launch/options.h"

#include <CLI/CLI.hpp>

#include "mlx/launch/error.h"

namespace mlx::launch {
namespace {

constexpr int kMaxRanks = 4096;
constexpr double kMaxSeconds = 1e8;

constexpr const char* kFooter = R"(
What follows the program belongs to it. A program that ends in .py is run with python3.

Every rank sees MLX_RANK, MLX_WORLD_SIZE, MLX_LOCAL_RANK, what it needs to meet the others, and
OMP_NUM_THREADS with its share of the cores, unless that is set already.

Exit code: 0 when every rank ended with 0, otherwise that of the first rank that failed
(128 + signal if a signal killed it); 2 wrong usage, 124 --timeout, 126 program not executable,
127 program not found, 130 Ctrl-C, 143 SIGTERM. Ctrl-C once stops the ranks, twice kills them.)";

class HelpText : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: mlx-launch -n N [options] [--] program [arguments...]\n";
  }
};

std::chrono::milliseconds to_milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

std::pair<std::string, std::string> to_variable(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw CLI::ValidationError("--env", "expected NAME=VALUE, got \"" + text + "\"");
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Answer wrong_usage(const std::string& text) {
  return {"mlx-launch: " + text + "\nSee mlx-launch --help.\n", LaunchError::kUsage};
}

}  // namespace

std::variant<Options, Answer> parse_command_line(const std::vector<std::string>& arguments) {
  Options options;
  std::vector<std::string> variables;
  double timeout = 0, grace = 5;

  CLI::App app("Starts a program as several ranks of one job on this host, watches and stops them.",
               "mlx-launch");
  app.formatter(std::make_shared<HelpText>());
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("mlx-launch ") + MLX_VERSION,
                       "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.add_option("-n,--repeat-hosts", options.ranks, "How many ranks to start (default 1)")
      ->check(CLI::Range(1, kMaxRanks))
      ->type_name("N");
  app.add_option("--env", variables, "Set a variable for every rank; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--cwd", options.folder, "Start the ranks in this folder")
      ->check(CLI::ExistingDirectory)
      ->type_name("FOLDER");
  app.add_flag("--tag-output", options.tag_output, "Begin every line with the rank: \"[3]: \"");
  auto* limit = app.add_option("--timeout", timeout, "Stop the job after this time");
  limit->check(CLI::Range(0.001, kMaxSeconds))->type_name("SECONDS");
  app.add_option("--grace", grace, "Time between SIGTERM and SIGKILL (default 5)")
      ->check(CLI::Range(0.0, kMaxSeconds))
      ->type_name("SECONDS");
  app.add_flag("--verbose", options.verbose, "Say what is started and how every rank ends");
  app.prefix_command();  // the first word that is no option ends the options

  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    for (const std::string& text : variables) options.environment.push_back(to_variable(text));
  } catch (const CLI::CallForHelp&) {
    return Answer{app.help(), 0};
  } catch (const CLI::CallForVersion& version) {
    return Answer{std::string(version.what()) + "\n", 0};
  } catch (const CLI::ParseError& error) {
    return wrong_usage(error.what());
  }

  options.command = app.remaining();
  const bool separated = !options.command.empty() && options.command[0] == "--";
  if (separated) options.command.erase(options.command.begin());
  if (options.command.empty()) return wrong_usage("No program to start.");
  if (!separated && options.command[0].starts_with('-')) {
    return wrong_usage("Unknown option " + options.command[0] + ".");
  }
  if (*limit) options.timeout = to_milliseconds(timeout);
  options.grace = to_milliseconds(grace);
  return options;
}

}  // namespace mlx::launch
