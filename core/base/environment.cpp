#include "mlx/core/base/environment.h"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace mlx::core {
namespace {

std::string_view text_of(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_set(const char* name) { return !text_of(name).empty() && text_of(name) != "0"; }

int rank_among_processes() {
  for (const char* name : {"MLX_RANK", "JACCL_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK",
                           "PMI_RANK", "SLURM_PROCID", "RANK"}) {
    const std::string_view text = text_of(name);
    int rank = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rank);
    if (!text.empty() && error == std::errc() && end == text.data() + text.size() && rank >= 0) {
      return rank;
    }
  }
  return -1;
}

}  // namespace

std::string trace_file_of(std::string pattern, int rank) {
  const std::string number = std::to_string(rank < 0 ? getpid() : rank);
  if (const size_t at = pattern.find("%r"); at != std::string::npos) {
    return pattern.replace(at, 2, number);
  }
  if (pattern.empty() || rank < 0) return pattern;
  const size_t name = pattern.rfind('/') + 1;  // 0 without a folder
  const size_t dot = pattern.rfind('.');
  const bool has_ending = dot != std::string::npos && dot > name;
  return pattern.insert(has_ending ? dot : pattern.size(), "." + number);
}

const Environment& Environment::get() {
  static const int rank = rank_among_processes();
  static const Environment environment{
      .disable_fusion = is_set("MLX_DISABLE_FUSION"),
      .disable_compile = is_set("MLX_DISABLE_COMPILE"),
      .map_files = text_of("MLX_MAP_FILES") != "0",
      .trace_file = trace_file_of(std::string(text_of("MLX_TRACE")), rank),
      .rank = rank};
  return environment;
}

}  // namespace mlx::core
