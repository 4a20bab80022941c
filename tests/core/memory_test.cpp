#include "mlx/core/memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstring>

#include "mlx/core/allocator.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

long page_faults() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

TEST(Allocator, BuffersAreAlignedAndLargeEnough) {
  for (size_t size : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{65}, size_t{1000},
                      size_t{4096}, size_t{1} << 20, (size_t{3} << 20) + 7}) {
    allocator::Buffer b = allocator::malloc(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(b.raw_ptr()) % 64, 0u) << size;
    EXPECT_GE(allocator::allocator().size(b), size);
    std::memset(b.raw_ptr(), 1, size);
    allocator::free(b);
  }
}

TEST(Allocator, SizeClassesWasteLittle) {
  for (size_t size = 1000; size < 100'000'000; size = size * 3 / 2 + 1) {
    allocator::Buffer b = allocator::malloc(size);
    EXPECT_LE(allocator::allocator().size(b), size + size / 8 + 64) << size;
    allocator::free(b);
  }
}

TEST(Allocator, FreedMemoryIsReusedWithoutPageFaults) {
  const size_t size = size_t{64} << 20;
  allocator::Buffer first = allocator::malloc(size);
  std::memset(first.raw_ptr(), 1, size);
  void* address = first.raw_ptr();
  allocator::free(first);
  const long before = page_faults();
  allocator::Buffer second = allocator::malloc(size);
  std::memset(second.raw_ptr(), 2, size);
  EXPECT_EQ(second.raw_ptr(), address);
  EXPECT_LT(page_faults() - before, 16);
  allocator::free(second);
}

TEST(Memory, FiguresFollowTheArrays) {
  clear_cache();
  const size_t before = get_active_memory();
  reset_peak_memory();
  {
    array a = ones({1024, 1024}) + array(1.0f);
    a.eval();
    EXPECT_GE(get_active_memory(), before + (size_t{4} << 20));
  }
  EXPECT_EQ(get_active_memory(), before);
  EXPECT_GE(get_peak_memory(), before + (size_t{4} << 20));
  EXPECT_GE(get_cache_memory(), size_t{4} << 20);
  clear_cache();
  EXPECT_EQ(get_cache_memory(), 0u);
  reset_peak_memory();
  EXPECT_EQ(get_peak_memory(), get_active_memory());
}

TEST(Memory, CacheStaysUnderItsLimit) {
  const size_t previous = set_cache_limit(1 << 20);
  for (int i = 0; i < 4; ++i) {
    allocator::free(allocator::malloc(size_t{700} << 10));
    allocator::free(allocator::malloc(size_t{2} << 20));
    EXPECT_LE(get_cache_memory(), size_t{1} << 20);
  }
  EXPECT_EQ(set_cache_limit(previous), size_t{1} << 20);
}

TEST(Memory, PassingTheMemoryLimitEmptiesTheCache) {
  clear_cache();
  allocator::free(allocator::malloc(size_t{8} << 20));
  EXPECT_GE(get_cache_memory(), size_t{8} << 20);
  const size_t limit = get_active_memory() + (size_t{1} << 20);
  const size_t previous = set_memory_limit(limit);
  EXPECT_EQ(get_memory_limit(), limit);
  allocator::Buffer b = allocator::malloc(size_t{4} << 20);
  EXPECT_LT(get_cache_memory(), size_t{8} << 20);
  EXPECT_EQ(set_memory_limit(previous), limit);
  allocator::free(b);
}

TEST(Memory, AnImpossibleAllocationThrows) {
  EXPECT_THROW(allocator::malloc(size_t{1} << 50), std::runtime_error);
}

TEST(Memory, WiredLimitDoesNothingHere) { EXPECT_EQ(set_wired_limit(1), 0u); }

}  // namespace
}  // namespace mlx::core
