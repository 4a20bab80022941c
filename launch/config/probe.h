#pragma once

namespace mlx::launch::config {

/// What `mlx-distributed-config --probe` does on each host: prints the host's facts,
/// then answers requests (see wire.h) until its standard input ends, or nobody
/// has asked anything for minutes. Does not return.
[[noreturn]] void run_probe();

}  // namespace mlx::launch::config
