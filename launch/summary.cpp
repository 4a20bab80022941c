#include "mlx/launch/summary.h"

#include <string.h>
#include <sys/wait.h>

#include "mlx/core/base/error.h"

namespace mlx::launch {

namespace {

constexpr size_t kTailBytes = 8192;
constexpr size_t kOutputLines = 3;
constexpr size_t kErrorLines = 10;

std::string because_of_it(const std::vector<int>& stopped) {
  if (stopped.empty()) return {};
  return core::concat("mlx-launch: Stopped because of it: ", name_ranks(stopped), ".\n");
}

}  // namespace

int exit_code_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

std::string describe_end(int wait_status) {
  if (!WIFSIGNALED(wait_status)) {
    return core::concat("ended with exit code ", WEXITSTATUS(wait_status));
  }
  const int signal = WTERMSIG(wait_status);
  const char* name = sigabbrev_np(signal);
  std::string out = core::concat("was killed by signal ", signal);
  if (name) out += core::concat(" (SIG", name, ")");
  return out;
}

std::string name_ranks(const std::vector<int>& ranks) {
  std::string out = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size();) {
    size_t last = i;
    while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1) ++last;
    if (i > 0) out += ", ";
    out += std::to_string(ranks[i]);
    if (last > i) out += (last == i + 1 ? ", " : "-") + std::to_string(ranks[last]);
    i = last + 1;
  }
  return out;
}

void Tail::take(std::string_view bytes) {
  if (bytes.size() > kTailBytes) bytes.remove_prefix(bytes.size() - kTailBytes);
  bytes_ += bytes;
  if (bytes_.size() > 2 * kTailBytes) bytes_.erase(0, bytes_.size() - kTailBytes);
}

std::string Tail::lines(size_t count, std::string_view indent) const {
  std::string_view rest = bytes_;
  while (rest.ends_with('\n')) rest.remove_suffix(1);
  std::string out;
  for (; count > 0 && !rest.empty(); --count) {
    const size_t start = rest.rfind('\n') + 1;  // npos + 1 is 0
    out.insert(0, core::concat(indent, rest.substr(start), "\n"));
    rest = rest.substr(0, start == 0 ? 0 : start - 1);
  }
  return out;
}

std::string describe_rank(const RankEnd& end) {
  return core::concat("Rank ", end.rank, end.place, " (process ", end.pid, ") ",
                      describe_end(end.wait_status));
}

std::string describe_failure(const std::string& cause, const Tail& output, const Tail& errors,
                             const std::vector<int>& stopped) {
  std::string out = core::concat("mlx-launch: ", cause, ".\n");
  if (const std::string lines = output.lines(kOutputLines, "  | "); !lines.empty()) {
    out += core::concat("mlx-launch: Its last lines on standard output:\n", lines);
  }
  if (const std::string lines = errors.lines(kErrorLines, "  | "); !lines.empty()) {
    out += core::concat("mlx-launch: Its last lines on standard error:\n", lines);
  }
  return out + because_of_it(stopped);
}

std::string describe_loss(const std::string& cause, const std::string& lines,
                          const std::vector<int>& stopped) {
  return core::concat("mlx-launch: ", cause, ".\n", lines, because_of_it(stopped));
}

std::string describe_order(const std::string& reason, const std::vector<int>& stopped) {
  if (reason.empty()) return {};
  std::string out = core::concat("mlx-launch: ", reason, "\n");
  if (!stopped.empty()) out += core::concat("mlx-launch: Stopped ", name_ranks(stopped), ".\n");
  return out;
}

}  // namespace mlx::launch
