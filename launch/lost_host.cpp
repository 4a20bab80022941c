#include "mlx/launch/lost_host.h"

#include <sys/wait.h>

#include "mlx/core/base/error.h"
#include "mlx/launch/error.h"
#include "mlx/launch/summary.h"
#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

using core::concat;

struct Trouble {
  const char* said;
  const char* meaning;
};
constexpr Trouble kTroubles[] = {
    {"REMOTE HOST IDENTIFICATION HAS CHANGED",
     "its host key is another than the known one. Find out why before you remove the old one"},
    {"Host key verification failed", "its host key is not known; connect once by hand"},
    {"Permission denied", "ssh is not let in; a key is needed that asks for no password"},
    {"Could not resolve hostname", "there is no such host"},
    {"Connection refused", "it runs no sshd there"},
    {"No route to host", "there is no route to it"},
    {"Network is unreachable", "there is no route to it"},
    {"timed out", "it does not answer"},
};

std::string trouble_of_ssh(const LostHost& lost) {
  if (lost.answered) return "the connection to it was lost";
  for (const Trouble& trouble : kTroubles) {
    if (lost.said.find(trouble.said) != std::string::npos) return trouble.meaning;
  }
  return "ssh cannot connect";
}

// Lines of '@' around a warning.
bool is_ornament(const std::string& line) { return line.find_first_not_of("@ \t\r") == line.npos; }

}  // namespace

std::string explain(const LostHost& lost) {
  if (!lost.wait_status) return "its agent closed the connection";
  const int status = *lost.wait_status;
  const bool by_ssh = lost.way == Way::ssh;
  if (by_ssh && WIFEXITED(status) && WEXITSTATUS(status) == LaunchError::kHostFailed) {
    return trouble_of_ssh(lost);
  }
  if (!lost.answered && WIFEXITED(status) && WEXITSTATUS(status) == LaunchError::kNotFound) {
    return "it has no mlx-launch";
  }
  const char* shell = WIFEXITED(status) ? "the shell there " : "ssh ";
  const char* who = lost.way == Way::here ? "its agent " : by_ssh ? shell : "srun ";
  return concat(who, describe_end(status));
}

std::string last_words(const std::string& said, size_t count, const std::string& indent) {
  std::vector<std::string> lines;
  for (const std::string& line : split(said, '\n')) {
    if (!is_ornament(line)) lines.push_back(line.substr(0, line.find_last_not_of("\r ") + 1));
  }
  std::string out;
  for (size_t i = lines.size() > count ? lines.size() - count : 0; i < lines.size(); ++i) {
    out += concat(indent, lines[i], "\n");
  }
  return out;
}

}  // namespace mlx::launch
