#include "mlx/launch/config/configure.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "mlx/core/base/error.h"
#include "mlx/launch/config/check.h"
#include "mlx/launch/config/files.h"
#include "mlx/launch/config/report.h"
#include "mlx/launch/config/survey.h"
#include "mlx/launch/error.h"

namespace mlx::launch::config {
namespace {

using core::concat;

void print(FILE* to, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), to);
  std::fflush(to);
}

// What is going on: one line on a terminal that is drawn over, lines with --verbose.
class Progress {
 public:
  explicit Progress(bool verbose) : verbose_(verbose), terminal_(isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (terminal_) print(stderr, kErase);
  }

  void show(const std::string& text) {
    if (terminal_) {
      print(stderr, concat(kErase, text, " ..."));
    } else if (verbose_) {
      print(stderr, concat("mlx-distributed-config: ", text, "\n"));
    }
  }

 private:
  static constexpr const char* kErase = "\r\x1b[K";
  const bool verbose_, terminal_;
};

// A host that is listed again stands for more ranks; it is asked once. Rows of an
// rdma matrix belong to the place in the list.
std::vector<Host> distinct(const std::vector<Host>& hosts) {
  std::vector<Host> out;
  for (const Host& host : hosts) {
    const auto same = std::find_if(out.begin(), out.end(), [&](const Host& other) {
      return other.same_login(host) && other.rdma.empty() && host.rdma.empty();
    });
    if (same == out.end()) {
      out.push_back(host);
      continue;
    }
    same->slots += host.slots;
    for (const std::string& ip : host.ips) {
      if (std::find(same->ips.begin(), same->ips.end(), ip) == same->ips.end()) {
        same->ips.push_back(ip);
      }
    }
  }
  return out;
}

Survey look(const ConfigOptions& options, const std::vector<Host>& hosts) {
  Progress progress(options.verbose);
  SurveySetting setting{.shell = options.shell,
                        .starting_port = options.starting_port,
                        .flow = options.check ? std::chrono::milliseconds(0) : options.flow};
  setting.progress = [&](const std::string& text) { progress.show(text); };
  return run_survey(hosts, setting);
}

Result examine(const ConfigOptions& options, const Hostfile& file) {
  Result result;
  result.survey = look(options, file.hosts);
  result.findings = findings_of(result.survey);
  result.checked = options.check;
  if (options.check) {
    const auto more = check_hostfile(file, result.survey);
    result.findings.insert(result.findings.begin(), more.begin(), more.end());
    return result;
  }
  result.choice = choose(result.survey, options.wishes);
  if (options.auto_setup) result.setup = setup_steps(result.survey, options.wishes);
  const bool lost = result.survey.usable_hosts().size() < file.hosts.size();
  if (lost && options.ignore_unreachable) {
    for (Finding& f : result.findings) f.problem &= f.kind != "host";
  } else if (lost) {
    result.choice.hostfile = {};
    result.choice.troubles.push_back(
        "Not all hosts can be used; --ignore-unreachable goes on without them.");
  }
  return result;
}

// Asks a person at a terminal; nobody else.
bool may_set_up(const ConfigOptions& options) {
  if (options.yes) return true;
  if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1) {
    print(stderr, "mlx-distributed-config: nothing was run; --yes runs the commands.\n");
    return false;
  }
  print(stderr, "Run these commands? Type yes: ");
  std::string answer;
  std::getline(std::cin, answer);
  return trimmed(answer) == "yes";
}

// Whether all steps worked.
bool set_up(const ConfigOptions& options, const Result& result) {
  bool fine = true;
  for (const SetupStep& step : result.setup) {
    const std::string wrong = run_step(step, result.survey, options.shell);
    print(stderr, concat(name_of(result.survey, step.host), ": ", step.command, ": ",
                         wrong.empty() ? "done" : wrong, "\n"));
    fine &= wrong.empty();
  }
  return fine;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw LaunchError(kProblem, concat("Cannot write ", path, "."));
}

void show(const ConfigOptions& options, const Result& result) {
  const Hostfile& hostfile = result.choice.hostfile;
  const std::string text = hostfile.hosts.empty() ? "" : launch::to_text(hostfile);
  const bool alone = options.output == "-";
  if (options.json) {
    print(stdout, to_json(result));
  } else if (options.dot) {
    print(stdout, to_dot(result));
  } else {
    print(alone ? stderr : stdout, to_text(result, options.verbose));
  }
  if (text.empty()) return;
  if (alone) {
    print(stdout, text);
  } else if (!options.output.empty()) {
    write_file(options.output, text);
    if (!options.json && !options.dot) print(stdout, concat("\nHostfile: ", options.output, "\n"));
  } else if (!options.json && !options.dot) {
    print(stdout, concat("\nHostfile\n", text));
  }
}

bool is_fine(const Result& result) {
  return result.choice.troubles.empty() &&
         std::none_of(result.findings.begin(), result.findings.end(),
                      [](const Finding& f) { return f.problem; });
}

}  // namespace

int configure(const ConfigOptions& options) {
  Hostfile file;
  if (!options.hostfile.empty()) file = read_hostfile(options.hostfile);
  file.hosts = distinct(options.hostfile.empty() ? options.hosts : file.hosts);
  Result result = examine(options, file);
  bool fine = true;
  if (!result.setup.empty()) {
    print(stderr, setup_text(result));
    if (may_set_up(options)) {
      fine = set_up(options, result);
      result = examine(options, file);
    }
  }
  show(options, result);
  return fine && is_fine(result) ? 0 : kProblem;
}

}  // namespace mlx::launch::config
