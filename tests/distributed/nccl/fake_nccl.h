#pragma once

// A stand-in for NCCL and the CUDA driver. Ranks are threads, the memory of the
// GPUs is ordinary memory, and every call of a rank is written down.

#include <atomic>
#include <string>
#include <vector>

#include "mlx/distributed/transports/nccl/library.h"

namespace mlx::core::distributed::testing {

/// How the stand-in behaves. Any rank may change it.
struct FakeNccl {
  bool init_hangs = false;            ///< communicators stay in progress
  bool split_hangs = false;           ///< a split stays in progress
  int refuses_split = -1;             ///< the rank whose ncclCommSplit fails
  std::atomic<int> async_error = 0;   ///< what ncclCommGetAsyncError finds from now on
  std::atomic<bool> on_host = false;  ///< all memory is the host's
  std::atomic<int> steps = 3;         ///< looks until what was started has been started
};

/// Forgets all calls; the reference holds until the next reset.
FakeNccl& reset_fake_nccl();

const nccl::Libraries& fake_nccl();

/// As before NCCL 2.18.
nccl::Libraries fake_nccl_without_split();

/// The calls of that rank of all communicators so far, as "AllReduce 8 of type 7, op 0".
std::vector<std::string> nccl_calls(int rank);

}  // namespace mlx::core::distributed::testing
