#include "mlx/distributed/transports/nccl/library.h"

#include <memory>

namespace mlx::core::distributed::nccl {
namespace {

std::string find_nccl(Nccl& n) {
  DynamicLibrary library("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  const auto find = [&](auto&... functions) { (library.find(functions), ...); };
  find(n.get_version, n.get_unique_id, n.comm_init, n.comm_get_async_error, n.comm_finalize,
       n.comm_destroy, n.comm_abort, n.group_start, n.group_end, n.all_reduce, n.reduce,
       n.reduce_scatter, n.all_gather, n.broadcast, n.send, n.recv);
  library.find(n.get_error_string, "ncclGetErrorString");
  library.find(n.get_last_error, "ncclGetLastError");
  if (!library.reason.empty()) return concat("libnccl.so.2 cannot be used: ", library.reason);
  int version = 0;
  n.get_version.address(&version);
  constexpr int kOldest = 21400;
  return version < kOldest ? concat("NCCL is too old: got ", version, ", expected 21400 (2.14)")
                           : "";
}

std::string find_cuda(Cuda& c) {
  DynamicLibrary library("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  const auto find = [&](auto&... functions) { (library.find(functions), ...); };
  find(c.init, c.device_get_count, c.primary_context_retain, c.primary_context_release,
       c.context_set_current, c.stream_create, c.stream_query, c.stream_destroy,
       c.pointer_get_attribute, c.memory_allocate, c.memory_free, c.copy_to_device, c.copy_to_host);
  if (!library.reason.empty()) return concat("there is no CUDA driver: ", library.reason);
  int devices = 0;
  const bool any =
      c.init.address(0) == 0 && c.device_get_count.address(&devices) == 0 && devices > 0;
  return any ? "" : "there is no GPU";
}

struct Loaded {
  Libraries libraries;
  std::string reason;

  Loaded() {
    reason = find_cuda(libraries.cuda);
    if (reason.empty()) reason = find_nccl(libraries.nccl);
  }
};

}  // namespace

const Libraries* system_libraries(std::string* reason) {
  static const Loaded loaded;
  if (reason) *reason = loaded.reason;
  return loaded.reason.empty() ? &loaded.libraries : nullptr;
}

}  // namespace mlx::core::distributed::nccl
