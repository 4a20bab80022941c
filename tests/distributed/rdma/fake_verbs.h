#pragma once

// A stand-in for libibverbs: reliable connections between the threads of this
// process, carried by a thread of its own, so that a request runs later than it
// was posted and completions come when they come. Stricter than a device: what
// a device forgives or waits out is counted here.

#include <chrono>
#include <cstdint>

#include "mlx/distributed/transports/rdma/verbs.h"

namespace mlx::core::distributed::testing {

const rdma::Verbs& fake_verbs();

/// What the devices are like from now on.
struct FakeDevices {
  int count = 1;  ///< fake0, fake1, ...
  bool active = true;
  int max_qp_wr = 64;
  int max_mr = 1024;
  int max_pairs = 1024;
  uint32_t max_inline = 220;
  uint32_t max_message = 1u << 30;
  size_t most_registered = SIZE_MAX;   ///< bytes of one region
  std::chrono::microseconds delay{0};  ///< of each request
};
void set_fake_devices(const FakeDevices& devices);

/// The request after `requests` more ends in that error.
void fail_fake_request(int requests, ibv_wc_status status);

struct FakeCounts {
  int objects = 0;             ///< alive, of any kind
  int not_ready = 0;           ///< messages that met no posted receive
  int overflows = 0;           ///< of completion queues
  int wrong_accesses = 0;      ///< to memory that is not registered for it
  int registrations = 0;       ///< so far
  int refusals = 0;            ///< to register memory
  uint64_t messages = 0;       ///< sends
  uint64_t inline_sends = 0;   ///< of those
  uint64_t written_bytes = 0;  ///< by remote writes
};
FakeCounts fake_counts();
/// Sets the counters to zero; objects stay counted.
void reset_fake_counts();

}  // namespace mlx::core::distributed::testing
