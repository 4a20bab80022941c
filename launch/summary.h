#pragma once

// What the launcher says about how a job ended.

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace mlx::launch {

/// Exit code that tells the same as a status from waitpid(): 128 + signal if killed.
int exit_code_of(int wait_status);

/// "ended with exit code 3", "was killed by signal 9 (SIGKILL)".
std::string describe_end(int wait_status);

/// "rank 2" or "ranks 0, 2-5" from ascending numbers.
std::string name_ranks(const std::vector<int>& ranks);

/// The last bytes of a stream: enough for a few lines.
class Tail {
 public:
  void take(std::string_view bytes);
  /// The last `count` lines, each after `indent` and with a line end.
  std::string lines(size_t count, std::string_view indent) const;

 private:
  std::string bytes_;
};

struct RankEnd {
  int rank = 0;
  pid_t pid = -1;
  int wait_status = 0;
  std::string place;  ///< " on h2", or empty
};

/// "Rank 2 on h2 (process 17) ended with exit code 3".
std::string describe_rank(const RankEnd& end);

/// What to say at the end. First the cause, as a clause.
/// A rank failed: its last words, and who was stopped because of it.
std::string describe_failure(const std::string& cause, const Tail& output, const Tail& errors,
                             const std::vector<int>& stopped);
/// A host was lost: lines that were said about that.
std::string describe_loss(const std::string& cause, const std::string& lines,
                          const std::vector<int>& stopped);
/// Somebody said so; nothing if the reason is empty.
std::string describe_order(const std::string& reason, const std::vector<int>& stopped);

}  // namespace mlx::launch
