#include "mlx/launch/remote_shell.h"

#include "mlx/core/base/error.h"
#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

using core::concat;

// A link that is silent for this long is dead.
constexpr int kAliveSeconds = 5, kAliveCount = 3;

// "$@" is the program and its arguments. A machine with another file system
// may have the program elsewhere.
constexpr const char* kSameProgram =
    R"(p=$1; n=${p##*/}; shift; )"
    R"([ -x "$p" ] || p=$(command -v "$n") || { )"
    R"(echo "There is no $n on this host, neither where it is on ours nor in PATH; )"
    R"(see --remote-launcher." >&2; exit 127; }; exec "$p" "$@")";

}  // namespace

std::string shell_quoted(const std::string& word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:@_";
  if (!word.empty() && word.find_first_not_of(kPlain) == word.npos) return word;
  std::string text = "'";
  for (const char c : word) {
    if (c == '\'') {
      text += R"('\'')";
    } else {
      text += c;
    }
  }
  return text + "'";
}

// ssh takes the first value that it gets of an option: the user's come first.
std::vector<std::string> ssh_command(const RemoteShell& shell, const Host& host,
                                     const std::string& command) {
  std::vector<std::string> words = words_of(shell.program);
  const auto add = [&](std::initializer_list<std::string> more) {
    words.insert(words.end(), more);
  };
  words.insert(words.end(), shell.options.begin(), shell.options.end());
  add({"-T", "-o", "BatchMode=yes", "-o", concat("ConnectTimeout=", shell.connect_seconds)});
  add({"-o", concat("ServerAliveInterval=", kAliveSeconds)});
  add({"-o", concat("ServerAliveCountMax=", kAliveCount)});
  if (host.port != 0) add({"-p", std::to_string(host.port)});
  if (!host.identity.empty()) add({"-i", host.identity, "-o", "IdentitiesOnly=yes"});
  add({host.user.empty() ? host.name : concat(host.user, "@", host.name), command});
  return words;
}

// The step may use all that the job has on the host, beside other steps, and the
// agent's frames pass as they are.
std::vector<std::string> srun_command(const Host& host, const std::vector<std::string>& words) {
  std::vector<std::string> command{"srun",
                                   "--overlap",
                                   "--nodes=1",
                                   "--ntasks=1",
                                   concat("--nodelist=", host.name),
                                   "--mem=0",
                                   "--cpu-bind=none",
                                   "--kill-on-bad-exit=0",
                                   "--unbuffered",
                                   "--quiet"};
  command.insert(command.end(), words.begin(), words.end());
  return command;
}

std::string run_same_program(const std::string& program,
                             const std::vector<std::string>& arguments) {
  std::string text =
      concat("exec sh -c ", shell_quoted(kSameProgram), " sh ", shell_quoted(program));
  for (const std::string& argument : arguments) text += " " + shell_quoted(argument);
  return text;
}

}  // namespace mlx::launch
