#include "mlx/distributed/bootstrap/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

#include "mlx/core/base/error.h"

namespace mlx::core::distributed {
namespace {

// Our own logger: the program's settings of spdlog's default one stay untouched.
spdlog::logger& logger() {
  // Never destroyed: groups in static variables may still log at exit.
  static spdlog::logger& instance = []() -> spdlog::logger& {
    auto& log = *new spdlog::logger("mlx", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    const char* level = std::getenv("MLX_LOG_LEVEL");
    log.set_level(level ? spdlog::level::from_str(level) : spdlog::level::warn);
    const char* rank = std::getenv("MLX_RANK");
    log.set_pattern(rank ? std::string("[%H:%M:%S.%e] [rank ") + rank + "] [%l] %v"
                         : std::string("[%H:%M:%S.%e] [%l] %v"));
    return log;
  }();
  return instance;
}

}  // namespace

void log_info(const std::string& message) { logger().info("{}", message); }

void log_warning(const std::string& message) { logger().warn("{}", message); }

void RareWarnings::add(const std::string& message) {
  constexpr int kMost = 10;
  constexpr Milliseconds kWhile{10'000};
  if (Clock::now() > end_) {
    summarise();
    end_ = after(kWhile);
    logged_ = 0;
  }
  if (logged_ == kMost) {
    ++withheld_;
    return;
  }
  ++logged_;
  log_warning(message);
}

void RareWarnings::summarise() {
  if (withheld_ > 0) log_warning(concat("... and ", withheld_, " more like these"));
  withheld_ = 0;
}

}  // namespace mlx::core::distributed
