#pragma once

// Signals to this process, in the order of the loop.

#include "mlx/launch/descriptor.h"

namespace mlx::launch {

/// Becomes readable for SIGCHLD and for what asks us to stop. Threads that start
/// later inherit the mask, so every signal comes here; SIGPIPE is ignored.
Descriptor take_signals();

/// The next one; 0: none.
int read_signal(const Descriptor& signals);

}  // namespace mlx::launch
