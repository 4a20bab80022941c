#pragma once

// The parts of NCCL and of the CUDA driver that we use, as tables: filled from
// the installed libraries when first asked for, by a stand-in in tests. Declared
// here, so that neither is needed to build; NCCL keeps this binary interface
// since 2.14.

#include <cstddef>
#include <cstdint>

#include "mlx/distributed/transports/dynamic_library.h"

namespace mlx::core::distributed::nccl {

using Comm = struct ncclComm*;
using Stream = struct CUstream_st*;
using Context = struct CUctx_st*;
using DevicePointer = unsigned long long;

struct UniqueId {
  char bytes[128];
};

/// ncclConfig_t as of 2.14; what later versions have added stays at its default.
struct Config {
  size_t size = sizeof(Config);
  unsigned magic = 0xcafebeef;
  unsigned version = 21400;
  int blocking = 0;
};

enum Result : int { kSuccess = 0, kInProgress = 7 };
enum class Type : int {
  int8,
  uint8,
  int32,
  uint32,
  int64,
  uint64,
  float16,
  float32,
  float64,
  bfloat16
};
enum class Op : int { sum, prod, max, min };

/// Functions return a Result.
struct Nccl {
  Function<int*> get_version{"ncclGetVersion"};
  Function<UniqueId*> get_unique_id{"ncclGetUniqueId"};
  Function<Comm*, int, UniqueId, int, Config*> comm_init{"ncclCommInitRankConfig"};
  /// Null before NCCL 2.18. Sets the handle later, when comm_get_async_error finds
  /// nothing in progress any more.
  Function<Comm, int, int, Comm*, Config*> comm_split{"ncclCommSplit"};
  Function<Comm, int*> comm_get_async_error{"ncclCommGetAsyncError"};
  Function<Comm> comm_finalize{"ncclCommFinalize"};
  Function<Comm> comm_destroy{"ncclCommDestroy"};
  Function<Comm> comm_abort{"ncclCommAbort"};
  Function<> group_start{"ncclGroupStart"};
  Function<> group_end{"ncclGroupEnd"};
  Function<const void*, void*, size_t, Type, Op, Comm, Stream> all_reduce{"ncclAllReduce"};
  Function<const void*, void*, size_t, Type, Op, int, Comm, Stream> reduce{"ncclReduce"};
  Function<const void*, void*, size_t, Type, Op, Comm, Stream> reduce_scatter{"ncclReduceScatter"};
  Function<const void*, void*, size_t, Type, Comm, Stream> all_gather{"ncclAllGather"};
  Function<const void*, void*, size_t, Type, int, Comm, Stream> broadcast{"ncclBroadcast"};
  Function<const void*, size_t, Type, int, Comm, Stream> send{"ncclSend"};
  Function<void*, size_t, Type, int, Comm, Stream> recv{"ncclRecv"};
  const char* (*get_error_string)(int) = nullptr;
  const char* (*get_last_error)(Comm) = nullptr;
};

constexpr int kNotReady = 600;         // CUDA_ERROR_NOT_READY
constexpr unsigned kNonBlocking = 1;   // CU_STREAM_NON_BLOCKING
constexpr int kMemoryType = 2;         // CU_POINTER_ATTRIBUTE_MEMORY_TYPE
constexpr unsigned kDeviceMemory = 2;  // CU_MEMORYTYPE_DEVICE

/// The driver: what is there wherever a GPU is. Functions return 0 or an error.
struct Cuda {
  Function<unsigned> init{"cuInit"};
  Function<int*> device_get_count{"cuDeviceGetCount"};
  Function<Context*, int> primary_context_retain{"cuDevicePrimaryCtxRetain"};
  Function<int> primary_context_release{"cuDevicePrimaryCtxRelease_v2"};
  Function<Context> context_set_current{"cuCtxSetCurrent"};
  Function<Stream*, unsigned> stream_create{"cuStreamCreate"};
  Function<Stream> stream_query{"cuStreamQuery"};
  Function<Stream> stream_destroy{"cuStreamDestroy_v2"};
  Function<void*, int, DevicePointer> pointer_get_attribute{"cuPointerGetAttribute"};
  Function<DevicePointer*, size_t> memory_allocate{"cuMemAlloc_v2"};
  Function<DevicePointer> memory_free{"cuMemFree_v2"};
  Function<DevicePointer, const void*, size_t> copy_to_device{"cuMemcpyHtoD_v2"};
  Function<void*, DevicePointer, size_t> copy_to_host{"cuMemcpyDtoH_v2"};
};

struct Libraries {
  Nccl nccl;
  Cuda cuda;
};

/// Why these cannot be used, as a sentence: the machine has no GPU, or NCCL is older
/// than 2.14. Empty if they can.
std::string obstacle(const Libraries& libraries);

/// The installed libraries. Null where one is missing or there is an obstacle;
/// `reason` then says which, as a sentence.
const Libraries* system_libraries(std::string* reason = nullptr);

}  // namespace mlx::core::distributed::nccl
