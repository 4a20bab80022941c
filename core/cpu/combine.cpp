#include "mlx/core/cpu/combine.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "mlx/core/base/error.h"

namespace mlx::core::cpu {
namespace {

template <typename T>
bool is_less(T a, T b) {
  if constexpr (std::is_same_v<T, complex64_t>) {
    return a.real() < b.real() || (a.real() == b.real() && a.imag() < b.imag());
  } else {
    return a < b;
  }
}

template <typename T>
bool is_nan(T a) {
  return a != a;
}

template <ScatterMode kMode, typename T>
T combined(T a, T b) {
  if constexpr (kMode == ScatterMode::add) {
    return static_cast<T>(a + b);
  } else if constexpr (kMode == ScatterMode::prod && std::is_same_v<T, uint16_t>) {
    return static_cast<T>(uint32_t{a} * b);  // int would overflow
  } else if constexpr (kMode == ScatterMode::prod) {
    return static_cast<T>(a * b);
  } else if constexpr (kMode == ScatterMode::max) {
    return is_nan(a) || is_less(b, a) ? a : b;
  } else {
    return is_nan(a) || is_less(a, b) ? a : b;
  }
}

template <ScatterMode kMode, typename T>
void loop(void* dst, const void* src, size_t count) {
  auto* to = static_cast<T*>(dst);
  const auto* from = static_cast<const T*>(src);
  for (size_t i = 0; i < count; ++i) {
    to[i] = combined<kMode>(to[i], from[i]);
  }
}

template <ScatterMode kMode, typename T>
void loop_at(void* dst, const int64_t* at, int64_t step, int64_t along, const void* src,
             int64_t count) {
  auto* to = static_cast<T*>(dst);
  const auto* from = static_cast<const T*>(src);
  constexpr int64_t kAhead = 16;  // places whose memory is asked for before it is their turn
  for (int64_t i = 0; i < count; ++i) {
    const int64_t next = std::min(i + kAhead, count - 1);
    __builtin_prefetch(&to[at[next] * step + next * along], 1);
    T& place = to[at[i] * step + i * along];
    if constexpr (kMode == ScatterMode::assign) {
      place = from[i];
    } else {
      place = combined<kMode>(place, from[i]);
    }
  }
}

struct Loops {
  Combine adjacent;
  CombineAt at;
};

template <ScatterMode kMode, typename T>
constexpr Loops kLoops{loop<kMode, T>, loop_at<kMode, T>};

template <typename T>
void assign(void* dst, const void* src, size_t count) {
  if (count > 0) std::memcpy(dst, src, count * sizeof(T));  // what is empty may be null
}

template <typename T>
constexpr Loops kAssign{assign<T>, loop_at<ScatterMode::assign, T>};

Loops find_assign(size_t itemsize) {
  return itemsize == 1   ? kAssign<uint8_t>
         : itemsize == 2 ? kAssign<uint16_t>
         : itemsize == 4 ? kAssign<uint32_t>
                         : kAssign<uint64_t>;
}

// Sums and products have the same bits for signed and unsigned integers.
template <ScatterMode kMode>
Loops find_arithmetic(Dtype dtype) {
  switch (dtype.val()) {
    case Dtype::Val::float32:
      return kLoops<kMode, float>;
    case Dtype::Val::float64:
      return kLoops<kMode, double>;
    case Dtype::Val::complex64:
      return kLoops<kMode, complex64_t>;
    default:
      return dtype.size() == 1   ? kLoops<kMode, uint8_t>
             : dtype.size() == 2 ? kLoops<kMode, uint16_t>
             : dtype.size() == 4 ? kLoops<kMode, uint32_t>
                                 : kLoops<kMode, uint64_t>;
  }
}

template <ScatterMode kMode>
Loops find_ordered(Dtype dtype) {
  switch (dtype.val()) {
    case Dtype::Val::int8:
      return kLoops<kMode, int8_t>;
    case Dtype::Val::int16:
      return kLoops<kMode, int16_t>;
    case Dtype::Val::int32:
      return kLoops<kMode, int32_t>;
    case Dtype::Val::int64:
      return kLoops<kMode, int64_t>;
    default:
      return find_arithmetic<kMode>(dtype);
  }
}

Loops find_loops(ScatterMode mode, Dtype dtype) {
  if (mode == ScatterMode::assign) {
    return find_assign(dtype.size());
  }
  require(dtype != float16 && dtype != bfloat16, "[scatter] No arithmetic in ", dtype, ".");
  switch (mode) {
    case ScatterMode::add:
      return dtype == bool_ ? find_ordered<ScatterMode::max>(dtype)
                            : find_arithmetic<ScatterMode::add>(dtype);
    case ScatterMode::prod:
      return dtype == bool_ ? find_ordered<ScatterMode::min>(dtype)
                            : find_arithmetic<ScatterMode::prod>(dtype);
    case ScatterMode::max:
      return find_ordered<ScatterMode::max>(dtype);
    default:
      return find_ordered<ScatterMode::min>(dtype);
  }
}

}  // namespace

Combine find_combine(ScatterMode mode, Dtype dtype) { return find_loops(mode, dtype).adjacent; }

CombineAt find_combine_at(ScatterMode mode, Dtype dtype) { return find_loops(mode, dtype).at; }

}  // namespace mlx::core::cpu
