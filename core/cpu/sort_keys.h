#pragma once

// Sorting of unsigned integers, by Highway's vectorized quicksort, and selection.

#include <hwy/base.h>

#include <cstdint>

namespace mlx::core::cpu {

/// 128 bits, of which `hi` counts first.
using WideKey = hwy::uint128_t;

/// Sorts keys[0, n), on several threads if there are many. `scratch` has room
/// for as many; the result is in the one of the two that is returned.
uint16_t* sort_keys(uint16_t* keys, uint16_t* scratch, int64_t n);
uint32_t* sort_keys(uint32_t* keys, uint32_t* scratch, int64_t n);
uint64_t* sort_keys(uint64_t* keys, uint64_t* scratch, int64_t n);
WideKey* sort_keys(WideKey* keys, WideKey* scratch, int64_t n);

/// Puts the kth smallest key in its place, smaller ones before it and greater
/// ones behind; otherwise like sort_keys. No two keys are the same.
uint64_t* select_key(uint64_t* keys, uint64_t* scratch, int64_t n, int64_t kth);
WideKey* select_key(WideKey* keys, WideKey* scratch, int64_t n, int64_t kth);

}  // namespace mlx::core::cpu
