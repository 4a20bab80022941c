#include "mlx/launch/job_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "mlx/core/base/error.h"
#include "mlx/launch/error.h"

namespace mlx::launch {
namespace {

using core::concat;

constexpr int kTargets[] = {STDOUT_FILENO, STDERR_FILENO};
constexpr const char* kStreamNames[] = {"out", "err"};

// Cyan, green, yellow, magenta, blue and their bright ones; red is for errors.
constexpr int kColours[] = {36, 32, 33, 35, 34, 96, 92, 93, 95, 94};

bool coloured(Colours colours, int target) {
  const char* no_color = std::getenv("NO_COLOR");
  const bool wanted = !no_color || !*no_color;
  return colours == Colours::always ||
         (colours == Colours::automatic && wanted && isatty(target) == 1);
}

[[noreturn]] void throw_not_made(const std::string& what, const std::string& why) {
  throw LaunchError(LaunchError::kFailed, concat("--log-dir: cannot make ", what, ": ", why, "."));
}

}  // namespace

std::string tag_of(size_t rank, bool coloured) {
  const std::string tag = concat("[", rank, "]: ");
  if (!coloured) return tag;
  return concat("\x1b[", kColours[rank % std::size(kColours)], "m", tag, "\x1b[0m");
}

JobOutput::JobOutput(const Options& options, int ranks)
    : options_(options), single_(ranks == 1), ranks_(static_cast<size_t>(ranks)) {
  for (size_t rank = 0; rank < ranks_.size(); ++rank) {
    ranks_[rank].quiet = options.quiet_ranks.contains(static_cast<int>(rank));
  }
  if (options.log_folder.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(options.log_folder, error);
  if (error) throw_not_made(options.log_folder, error.message());
}

void JobOutput::begin(int restart) {
  for (size_t rank = 0; rank < ranks_.size(); ++rank) {
    for (size_t i = 0; i < 2; ++i) {
      Stream& stream = ranks_[rank].streams[i];
      stream.lines = make_lines(rank, kTargets[i]);
      stream.tail = {};
      if (!options_.log_folder.empty()) open_log(stream, rank, kStreamNames[i], restart);
    }
  }
}

LineBuffer JobOutput::make_lines(size_t rank, int target) const {
  using Mode = LineBuffer::Mode;
  if (options_.tag_output) {
    return LineBuffer(Mode::lines, tag_of(rank, coloured(options_.colours, target)));
  }
  if (single_) return LineBuffer(Mode::raw);
  return LineBuffer(rank == 0 && isatty(target) ? Mode::live : Mode::lines);
}

void JobOutput::open_log(Stream& stream, size_t rank, const char* name, int restart) {
  const std::string again = restart == 0 ? "" : concat(".restart-", restart);
  stream.log_path = concat(options_.log_folder, "/", rank, again, ".", name);
  stream.log =
      Descriptor(open(stream.log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!stream.log) throw_not_made(stream.log_path, std::strerror(errno));
}

void JobOutput::take(size_t rank, size_t i, std::string_view bytes) {
  Stream& stream = ranks_[rank].streams[i];
  stream.tail.take(bytes);
  if (stream.log) writer().put(stream.log.fd(), std::string(bytes));
  if (ranks_[rank].quiet) return;
  display_.show(kTargets[i], stream.lines, stream.lines.take(bytes));
}

void JobOutput::end(size_t rank, size_t i) {
  Stream& stream = ranks_[rank].streams[i];
  if (!ranks_[rank].quiet) display_.show(kTargets[i], stream.lines, stream.lines.finish());
}

std::optional<JobOutput::Failure> JobOutput::failure() {
  const auto failed = writer().failure();
  if (!failed) return {};
  for (const Rank& rank : ranks_) {
    for (const Stream& stream : rank.streams) {
      if (stream.log.fd() != failed->fd) continue;
      return Failure{
          concat("Cannot write ", stream.log_path, ": ", std::strerror(failed->error), "."), false};
    }
  }
  return Failure{"Standard output or error cannot be written.", true};
}

}  // namespace mlx::launch
