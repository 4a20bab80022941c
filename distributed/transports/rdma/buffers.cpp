#include "mlx/distributed/transports/rdma/buffers.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"

namespace mlx::core::distributed::rdma {

Buffers::Buffers(Device& device, uint32_t slots) : slots_(slots) {
  constexpr size_t kPage = 4096;  // registering works in pages
  const size_t bytes = 2 * slots * kSlotBytes + 2 * kStagingBytes;
  memory_.reset(static_cast<std::byte*>(std::aligned_alloc(kPage, bytes)));
  if (!memory_) throw std::bad_alloc();
  std::memset(memory_.get(), 0, bytes);
  region_ = device.registrations().make(memory_.get(), bytes, Registrations::Use::to_write);
  if (!region_) {
    throw DistributedError(concat("[rdma] ", device.name(), " refuses to register ", bytes,
                                  " bytes: ", std::strerror(errno),
                                  ". Is the limit of locked memory (ulimit -l) too low?"));
  }
}

void Buffers::Free::operator()(std::byte* memory) const { std::free(memory); }

}  // namespace mlx::core::distributed::rdma
