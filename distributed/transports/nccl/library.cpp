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
  library.find_if_there(n.comm_split);
  library.find(n.get_error_string, "ncclGetErrorString");
  library.find(n.get_last_error, "ncclGetLastError");
  return library.sentence("NCCL cannot be loaded", "version 2.14 or later of it");
}

std::string find_cuda(Cuda& c) {
  DynamicLibrary library("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  const auto find = [&](auto&... functions) { (library.find(functions), ...); };
  find(c.init, c.device_get_count, c.primary_context_retain, c.primary_context_release,
       c.context_set_current, c.stream_create, c.stream_query, c.stream_destroy,
       c.pointer_get_attribute, c.memory_allocate, c.memory_free, c.copy_to_device, c.copy_to_host);
  return library.sentence("There is no CUDA driver", "NVIDIA's");
}

struct Loaded {
  Libraries libraries;
  std::string reason;

  Loaded() {
    reason = find_cuda(libraries.cuda);
    if (reason.empty()) reason = find_nccl(libraries.nccl);
    if (reason.empty()) reason = obstacle(libraries);
  }
};

}  // namespace

std::string obstacle(const Libraries& l) {
  int devices = 0;
  int code = l.cuda.init.address(0);
  if (code == 0) code = l.cuda.device_get_count.address(&devices);
  if (code != 0) {
    return concat("There is no GPU: got error ", code, " of the CUDA driver, expected a device.");
  }
  if (devices == 0) return "There is no GPU: got 0 devices, expected 1 or more.";
  // 2.14.3 is 21403.
  int version = 0;
  l.nccl.get_version.address(&version);
  constexpr int kOldest = 21400;
  return version >= kOldest ? ""
                            : concat("NCCL is too old: got ", version / 10000, ".",
                                     version / 100 % 100, ", expected 2.14 or later.");
}

const Libraries* system_libraries(std::string* reason) {
  static const Loaded loaded;
  if (reason) *reason = loaded.reason;
  return loaded.reason.empty() ? &loaded.libraries : nullptr;
}

}  // namespace mlx::core::distributed::nccl
