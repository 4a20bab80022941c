#pragma once

// Figures and limits of the memory that arrays use, in bytes.

#include <cstddef>

namespace mlx::core {

/// Memory that arrays hold now, without the cache and without files that are
/// mapped (io.h), whose pages are the system's to keep or to drop.
size_t get_active_memory();

/// The most that get_active_memory has been since the start or the last reset.
size_t get_peak_memory();
void reset_peak_memory();

/// Freed memory kept for reuse.
size_t get_cache_memory();

/// Sets the memory (active and cached) that allocations should stay below: one
/// that would pass it returns cached memory to the system first. A guideline: an
/// allocation fails only when the system has no memory left. Returns the
/// previous limit.
size_t set_memory_limit(size_t limit);
size_t get_memory_limit();

/// Sets the most memory that the cache may keep. Returns the previous limit.
size_t set_cache_limit(size_t limit);

/// Returns the cache to the system.
void clear_cache();

/// Concerns GPUs that wire memory; on others it does nothing and returns 0.
size_t set_wired_limit(size_t limit);

}  // namespace mlx::core
