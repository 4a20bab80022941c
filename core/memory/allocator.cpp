// The caching allocator.
//
// A block is a 64-byte header followed by the data, so that data is 64-byte
// aligned. Its capacity is one of a few sizes per power of two (a size class);
// a freed block goes to the list of its class and serves the next request of
// that class. Large blocks come from mmap, aligned to huge pages: fresh 4 KiB
// pages cost more than the arithmetic done on them.

#include "mlx/core/allocator.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "mlx/core/base/error.h"
#include "mlx/core/memory.h"
#include "mlx/core/memory/mappings.h"

namespace mlx::core {
namespace allocator {
namespace {

constexpr size_t kHeader = 64;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kLarge = size_t{1} << 20;  // from here on, blocks are mapped
constexpr int kClassesPerDoubling = 8;
constexpr int kClasses = 64 * kClassesPerDoubling;

struct Header {
  size_t capacity;  // usable bytes
  void* mapping;    // null: from aligned_alloc
  size_t mapped_bytes;
};
static_assert(sizeof(Header) <= kHeader);

Header& header_of(void* data) {
  return *reinterpret_cast<Header*>(static_cast<std::byte*>(data) - kHeader);
}

// The class whose capacity is the smallest that holds `size` bytes.
struct SizeClass {
  int index;
  size_t capacity;
};

SizeClass class_of(size_t size) {
  size = std::max<size_t>(size, 64);
  const int power =
      static_cast<int>(std::bit_width(size - 1)) - 1;  // 2^power < size <= 2^(power+1)
  const size_t base = size_t{1} << power;
  const size_t step = std::max<size_t>(base / kClassesPerDoubling, 8);
  const size_t steps = (size - base + step - 1) / step;
  return {power * kClassesPerDoubling + static_cast<int>(steps) - 1, base + steps * step};
}

size_t physical_memory() {
  return static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

void* map_block(size_t capacity, Header& header) {
  const size_t wanted = capacity + kHeader;
  const bool huge = wanted >= kHugePage;
  const size_t bytes = huge ? (wanted + 2 * kHugePage - 1) / kHugePage * kHugePage : wanted;
  void* mapping = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) {
    return nullptr;
  }
  auto address = reinterpret_cast<uintptr_t>(mapping);
  if (huge) {
    address = (address + kHugePage - 1) / kHugePage * kHugePage;
    madvise(reinterpret_cast<void*>(address), wanted, MADV_HUGEPAGE);
  }
  header = {capacity, mapping, bytes};
  mapped({static_cast<std::byte*>(mapping), bytes});
  return reinterpret_cast<std::byte*>(address) + kHeader;
}

void* new_block(size_t capacity) {
  Header header{capacity, nullptr, 0};
  void* data;
  if (capacity >= kLarge) {
    data = map_block(capacity, header);
  } else {
    void* block = std::aligned_alloc(64, (capacity + kHeader + 63) / 64 * 64);
    data = block == nullptr ? nullptr : static_cast<std::byte*>(block) + kHeader;
  }
  if (data != nullptr) {
    header_of(data) = header;
  }
  return data;
}

void delete_block(void* data) {
  const Header header = header_of(data);
  if (header.mapping != nullptr) {
    unmapping(static_cast<std::byte*>(header.mapping));
    munmap(header.mapping, header.mapped_bytes);
  } else {
    std::free(static_cast<std::byte*>(data) - kHeader);
  }
}

class CachingAllocator final : public Allocator {
 public:
  Buffer malloc(size_t size) override {
    const SizeClass wanted = class_of(size);
    const std::lock_guard lock(mutex_);
    auto& list = free_[static_cast<size_t>(wanted.index)];
    void* data;
    if (!list.empty()) {
      data = list.back();
      list.pop_back();
      cached_ -= wanted.capacity;
    } else {
      data = fresh(wanted.capacity);
    }
    active_ += wanted.capacity;
    peak_ = std::max(peak_, active_);
    return Buffer(data);
  }

  void free(Buffer buffer) override {
    void* data = buffer.ptr();
    if (data == nullptr) {
      return;
    }
    const size_t capacity = header_of(data).capacity;
    const std::lock_guard lock(mutex_);
    active_ -= capacity;
    if (cached_ + capacity > cache_limit_) {
      delete_block(data);
      return;
    }
    cached_ += capacity;
    free_[static_cast<size_t>(class_of(capacity).index)].push_back(data);
  }

  size_t size(Buffer buffer) const override {
    return buffer.ptr() == nullptr ? 0 : header_of(buffer.ptr()).capacity;
  }

  size_t active() {
    const std::lock_guard lock(mutex_);
    return active_;
  }
  size_t cached() {
    const std::lock_guard lock(mutex_);
    return cached_;
  }
  size_t peak() {
    const std::lock_guard lock(mutex_);
    return peak_;
  }
  void reset_peak() {
    const std::lock_guard lock(mutex_);
    peak_ = active_;
  }
  size_t limit() {
    const std::lock_guard lock(mutex_);
    return limit_;
  }
  size_t set_limit(size_t limit) {
    const std::lock_guard lock(mutex_);
    return std::exchange(limit_, limit);
  }
  size_t set_cache_limit(size_t limit) {
    const std::lock_guard lock(mutex_);
    const size_t previous = std::exchange(cache_limit_, limit);
    shrink_cache(limit);
    return previous;
  }
  void clear_cache() {
    const std::lock_guard lock(mutex_);
    shrink_cache(0);
  }

 private:
  void* fresh(size_t capacity) {
    if (active_ + cached_ + capacity > limit_) {
      const size_t room = limit_ > active_ + capacity ? limit_ - active_ - capacity : 0;
      shrink_cache(room);
    }
    void* data = new_block(capacity);
    if (data == nullptr) {
      shrink_cache(0);
      data = new_block(capacity);
    }
    if (data == nullptr) {
      throw std::runtime_error(concat("[malloc] The system has no memory left: could not get ",
                                      capacity, " bytes, ", active_, " are in use."));
    }
    return data;
  }

  // Gives back the largest blocks first: they free the most per call.
  void shrink_cache(size_t target) {
    for (size_t i = free_.size(); i-- > 0 && cached_ > target;) {
      while (!free_[i].empty() && cached_ > target) {
        cached_ -= header_of(free_[i].back()).capacity;
        delete_block(free_[i].back());
        free_[i].pop_back();
      }
    }
  }

  std::mutex mutex_;
  std::array<std::vector<void*>, kClasses> free_;
  size_t active_ = 0;
  size_t cached_ = 0;
  size_t peak_ = 0;
  size_t limit_ = physical_memory() / 10 * 9;
  size_t cache_limit_ = physical_memory() / 10 * 9;
};

CachingAllocator& caching_allocator() {
  // Never destroyed: arrays in static variables free their memory late.
  static auto* instance = new CachingAllocator;
  return *instance;
}

}  // namespace

Buffer Allocator::make_buffer(void*, size_t) { return Buffer(nullptr); }
void Allocator::release(Buffer) {}

Allocator& allocator() { return caching_allocator(); }
Buffer malloc(size_t size) { return caching_allocator().malloc(size); }
void free(Buffer buffer) { caching_allocator().free(buffer); }
Buffer make_buffer(void* ptr, size_t size) { return allocator().make_buffer(ptr, size); }
void release(Buffer buffer) { allocator().release(buffer); }

bool can_reuse_alien_buffer(void* ptr) { return reinterpret_cast<uintptr_t>(ptr) % 64 == 0; }

}  // namespace allocator

size_t get_active_memory() { return allocator::caching_allocator().active(); }
size_t get_peak_memory() { return allocator::caching_allocator().peak(); }
void reset_peak_memory() { allocator::caching_allocator().reset_peak(); }
size_t get_cache_memory() { return allocator::caching_allocator().cached(); }
size_t set_memory_limit(size_t limit) { return allocator::caching_allocator().set_limit(limit); }
size_t get_memory_limit() { return allocator::caching_allocator().limit(); }
size_t set_cache_limit(size_t limit) {
  return allocator::caching_allocator().set_cache_limit(limit);
}
void clear_cache() { allocator::caching_allocator().clear_cache(); }
size_t set_wired_limit(size_t) { return 0; }

}  // namespace mlx::core
