// Cumulative operations, computed in the compute type of the dtype (float
// sums and products in double).

#include "mlx/core/cpu/scan.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/extent.h"
#include "mlx/core/cpu/instruction_set.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/scan_loops.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/graph/tile_program.h"
#include "mlx/core/ops/reduce_ops.h"

namespace mlx::core::cpu {
namespace {

template <typename T>
using Wide =
    std::conditional_t<std::is_same_v<T, float>, double,
                       std::conditional_t<std::is_same_v<T, complex64_t>, std::complex<double>,
                                          std::conditional_t<std::is_integral_v<T>, uint64_t, T>>>;

template <typename T>
bool is_nan_number(const T& v) {
  if constexpr (std::is_same_v<T, complex64_t>) {
    return std::isnan(v.real()) || std::isnan(v.imag());
  } else {
    return v != v;
  }
}

template <typename T>
bool less(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, complex64_t>) {
    return a.real() < b.real() || (a.real() == b.real() && a.imag() < b.imag());
  } else {
    return a < b;
  }
}

// The least or greatest value of `dtype`, of which T is the working type.
template <typename T>
T extreme(bool highest, Dtype dtype) {
  if constexpr (std::is_same_v<T, complex64_t>) {
    const float inf = std::numeric_limits<float>::infinity();
    return highest ? complex64_t(inf, inf) : complex64_t(-inf, -inf);
  } else if constexpr (std::is_floating_point_v<T>) {
    return highest ? std::numeric_limits<T>::infinity() : -std::numeric_limits<T>::infinity();
  } else if (dtype == bool_) {
    return static_cast<T>(highest);
  } else {
    const size_t unused_bits = 8 * (sizeof(T) - dtype.size());
    return (highest ? std::numeric_limits<T>::max() : std::numeric_limits<T>::lowest()) >>
           unused_bits;
  }
}

template <typename T>
struct Add {
  using Acc = Wide<T>;
  static Acc identity(Dtype) { return Acc(0); }
  static Acc step(Acc acc, Acc v) { return acc + v; }
};
template <typename T>
struct Multiply {
  using Acc = Wide<T>;
  static Acc identity(Dtype) { return Acc(1); }
  static Acc step(Acc acc, Acc v) { return acc * v; }
};
template <typename T>
struct Max {
  using Acc = T;
  static Acc identity(Dtype dtype) { return extreme<T>(false, dtype); }
  static Acc step(Acc acc, T v) {
    return is_nan_number(acc) || !(is_nan_number(v) || less(acc, v)) ? acc : v;
  }
};
template <typename T>
struct Min {
  using Acc = T;
  static Acc identity(Dtype dtype) { return extreme<T>(true, dtype); }
  static Acc step(Acc acc, T v) {
    return is_nan_number(acc) || !(is_nan_number(v) || less(v, acc)) ? acc : v;
  }
};
// log(exp(a) + exp(b)) without overflow.
template <typename T>
struct LogAddExp {
  using Acc = Wide<T>;
  static constexpr Acc kZero = -std::numeric_limits<Acc>::infinity();  // the logarithm of 0
  static Acc identity(Dtype) { return kZero; }
  static Acc step(Acc acc, Acc v) {
    if (is_nan_number(acc) || is_nan_number(v)) {
      return std::numeric_limits<Acc>::quiet_NaN();
    }
    const Acc high = std::max(acc, v);
    const Acc low = std::min(acc, v);
    return std::isinf(high) || low == kZero ? high : high + std::log1p(std::exp(low - high));
  }
};

template <>
struct LogAddExp<complex64_t> {
  using Acc = std::complex<double>;
  static constexpr double kZero = -std::numeric_limits<double>::infinity();
  static Acc identity(Dtype) { return {kZero, 0}; }
  static Acc step(Acc acc, Acc v) {
    const Acc high = acc.real() < v.real() ? v : acc;
    const Acc low = acc.real() < v.real() ? acc : v;
    return low.real() == kZero ? high : high + std::log(1.0 + std::exp(low - high));
  }
};

template <typename Op, typename T>
typename Op::Acc widened(const T& v) {
  return static_cast<typename Op::Acc>(v);
}

constexpr int64_t kScannedColumns = 512;  // scanned together, row by row

template <typename T, typename Op>
void scan_line(const T* in, T* out, int64_t n, int64_t step, bool inclusive, typename Op::Acc acc) {
  for (int64_t i = 0, at = 0; i < n; ++i, at += step) {
    const auto next = Op::step(acc, widened<Op>(in[at]));
    out[at] = static_cast<T>(inclusive ? next : acc);
    acc = next;
  }
}

template <typename T, typename Op>
void scan_columns(const T* in, T* out, int64_t n, int64_t step, int64_t count, bool inclusive,
                  typename Op::Acc first) {
  typename Op::Acc acc[kScannedColumns];
  std::fill_n(acc, kScannedColumns, first);
  if constexpr (std::is_same_v<Op, Add<float>> || std::is_same_v<Op, Multiply<float>>) {
    const ScanLoops& loops = MLX_CHOOSE_LOOPS(kScanLoops);
    const ScanRow scan_row = std::is_same_v<Op, Add<float>> ? loops.sum : loops.prod;
    for (int64_t i = 0, at = 0; i < n; ++i, at += step) {
      scan_row(acc, in + at, out + at, count, inclusive);
    }
    return;
  }
  for (int64_t i = 0, at = 0; i < n; ++i, at += step) {
    for (int64_t k = 0; k < count; ++k) {
      const auto next = Op::step(acc[k], widened<Op>(in[at + k]));
      out[at + k] = static_cast<T>(inclusive ? next : acc[k]);
      acc[k] = next;
    }
  }
}

// Long lines are cut into segments, whatever the number of threads is: their
// totals come first, then each is scanned from the total of all before it. A
// chunk of segments stays in the cache meanwhile.
constexpr int64_t kSegment = 2048 + 16;      // lanes shall not compete for places in the cache
constexpr int64_t kSegmentsAtOnce = 1 << 8;  // segments
constexpr int64_t kLanes = 8;                // what does not wait for each other
constexpr int64_t kLong = 16 * kSegment;

template <typename T, typename Op>
typename Op::Acc total(const T* in, int64_t step, typename Op::Acc nothing) {
  typename Op::Acc acc[kLanes];
  std::fill_n(acc, kLanes, nothing);
  for (int64_t i = 0; i < kSegment; i += kLanes) {
#pragma GCC unroll 8
    for (int64_t k = 0; k < kLanes; ++k) {
      acc[k] = Op::step(acc[k], widened<Op>(in[(i + k) * step]));
    }
  }
  for (int64_t k = 1; k < kLanes; ++k) {
    acc[0] = Op::step(acc[0], acc[k]);
  }
  return acc[0];
}

// As many segments as there are lanes, all at once.
template <typename T, typename Op>
void scan_segments(const T* in, T* out, int64_t step, bool inclusive,
                   const typename Op::Acc* before) {
  typename Op::Acc acc[kLanes];
  std::copy_n(before, kLanes, acc);
  for (int64_t i = 0; i < kSegment; ++i) {
#pragma GCC unroll 8
    for (int64_t k = 0; k < kLanes; ++k) {
      const int64_t at = (k * kSegment + i) * step;
      const auto next = Op::step(acc[k], widened<Op>(in[at]));
      out[at] = static_cast<T>(inclusive ? next : acc[k]);
      acc[k] = next;
    }
  }
}

template <typename T, typename Op>
void scan_long_line(const T* in, T* out, int64_t n, int64_t step, bool inclusive,
                    typename Op::Acc nothing) {
  using Acc = typename Op::Acc;
  Acc carry = nothing;
  std::vector<Acc> before(kSegmentsAtOnce);
  while (n >= kLanes * kSegment) {
    const int64_t groups = std::min(kSegmentsAtOnce, n / kSegment) / kLanes;
    parallel_for(groups, 2, [&](int64_t begin, int64_t end) {
      for (int64_t s = begin * kLanes; s < end * kLanes; ++s) {
        before[static_cast<size_t>(s)] = total<T, Op>(in + s * kSegment * step, step, nothing);
      }
    });
    for (Acc& acc : std::span(before).first(static_cast<size_t>(groups * kLanes))) {
      carry = Op::step(std::exchange(acc, carry), carry);
    }
    parallel_for(groups, 2, [&](int64_t begin, int64_t end) {
      for (int64_t group = begin; group < end; ++group) {
        const int64_t at = group * kLanes * kSegment * step;
        scan_segments<T, Op>(in + at, out + at, step, inclusive, before.data() + group * kLanes);
      }
    });
    const int64_t done = groups * kLanes * kSegment;
    in += done * step;
    out += done * step;
    n -= done;
  }
  scan_line<T, Op>(in, out, n, step, inclusive, carry);
}

template <typename T, typename Op>
void scan_along(const T* in, T* out, const Extent& extent, const ScanAttrs& attrs, Dtype dtype) {
  const auto [outer, n, inner] = extent;
  const bool reverse = attrs.reverse;
  const auto first = Op::identity(dtype);
  const int64_t step = reverse ? -inner : inner;
  if constexpr (!std::is_same_v<T, complex64_t>) {  // which nobody scans in such lengths
    if (inner == 1 && n >= kLong && outer < 2 * thread_count()) {
      for (int64_t row = 0; row < outer; ++row) {
        const int64_t at = row * n + (reverse ? n - 1 : 0);
        scan_long_line<T, Op>(in + at, out + at, n, step, attrs.inclusive, first);
      }
      return;
    }
  }
  const int64_t width = std::min(inner, kScannedColumns);
  const int64_t blocks = (inner + width - 1) / width;
  const int64_t grain = std::max<int64_t>(1, (1 << 15) / (n * width));
  const auto scan_block = [&, n = n, inner = inner](int64_t block) {
    const int64_t column = block % blocks * width;
    const int64_t at = block / blocks * n * inner + column + (reverse ? (n - 1) * inner : 0);
    if (inner == 1) {
      scan_line<T, Op>(in + at, out + at, n, step, attrs.inclusive, first);
    } else {
      const int64_t count = std::min(width, inner - column);
      scan_columns<T, Op>(in + at, out + at, n, step, count, attrs.inclusive, first);
    }
  };
  parallel_for(outer * blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      scan_block(block);
    }
  });
}

template <typename T>
void scan_type(const array& in, array& out, const ScanAttrs& attrs, const Extent& extent,
               Dtype dtype) {
  const T* from = in.data<T>();
  T* to = out.data<T>();
  switch (attrs.kind) {
    case ScanKind::sum:
      return scan_along<T, Add<T>>(from, to, extent, attrs, dtype);
    case ScanKind::prod:
      return scan_along<T, Multiply<T>>(from, to, extent, attrs, dtype);
    case ScanKind::max:
      return scan_along<T, Max<T>>(from, to, extent, attrs, dtype);
    case ScanKind::min:
      return scan_along<T, Min<T>>(from, to, extent, attrs, dtype);
    case ScanKind::logaddexp:
      if constexpr (!std::is_integral_v<T>) {
        return scan_along<T, LogAddExp<T>>(from, to, extent, attrs, dtype);
      }
  }
}

Dtype working_dtype(Dtype dtype) {
  switch (compute_type(dtype)) {
    case ComputeType::b8:
    case ComputeType::u32:
      return dtype == bool_ ? int32 : uint32;
    case ComputeType::i32:
      return int32;
    case ComputeType::f32:
      return float32;
    default:
      return dtype;
  }
}

}  // namespace

void scan(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<ScanAttrs>();
  array& out = args.outputs[0];
  allocate(out);
  if (out.size() == 0) {
    return;
  }
  const Dtype dtype = working_dtype(out.dtype());
  array in = args.inputs[0];
  if (in.dtype() != dtype || !in.flags().row_contiguous) {
    in = make_array(out.shape(), dtype);
    allocate(in);
    copy_to(args.inputs[0], in.data<void>(), dtype);
  }
  array result = out;
  if (dtype != out.dtype()) {
    result = make_array(out.shape(), dtype);
    allocate(result);
  }
  const Extent extent = extent_along(out.shape(), attrs.axis);
  switch (compute_type(dtype)) {
    case ComputeType::b8:
    case ComputeType::i32:
      scan_type<int32_t>(in, result, attrs, extent, out.dtype());
      break;
    case ComputeType::u32:
      scan_type<uint32_t>(in, result, attrs, extent, out.dtype());
      break;
    case ComputeType::i64:
      scan_type<int64_t>(in, result, attrs, extent, out.dtype());
      break;
    case ComputeType::u64:
      scan_type<uint64_t>(in, result, attrs, extent, out.dtype());
      break;
    case ComputeType::f32:
      scan_type<float>(in, result, attrs, extent, out.dtype());
      break;
    case ComputeType::f64:
      scan_type<double>(in, result, attrs, extent, out.dtype());
      break;
    case ComputeType::c64:
      scan_type<complex64_t>(in, result, attrs, extent, out.dtype());
      break;
  }
  if (dtype != out.dtype()) {
    copy_to(result, out.data<void>(), out.dtype());
  }
}

}  // namespace mlx::core::cpu
