// The inner loops of reductions. Compiled once per instruction set, with
// MLX_REDUCE_LOOPS as the name of its table. Everything has internal linkage:
// an inline function shared with other files could end up with instructions
// that the machine does not have.

#include "mlx/core/cpu/reduce_loops.h"

namespace mlx::core::cpu {
namespace {

struct Complex {
  float re, im;
};
struct WideComplex {
  double re, im;
};

// Values of one compute type, and what accumulates them.
template <ComputeType>
struct Types;
template <>
struct Types<ComputeType::b8> {
  using Value = uint8_t;
  using Wide = int64_t;
  using Sum = int32_t;
  static constexpr uint8_t lowest = 0, highest = 1;
};
template <>
struct Types<ComputeType::i32> {
  using Value = int32_t;
  using Wide = int64_t;
  using Sum = int32_t;
  static constexpr int32_t lowest = INT32_MIN, highest = INT32_MAX;
};
template <>
struct Types<ComputeType::u32> {
  using Value = uint32_t;
  using Wide = uint64_t;
  using Sum = uint32_t;
  static constexpr uint32_t lowest = 0, highest = UINT32_MAX;
};
template <>
struct Types<ComputeType::i64> {
  using Value = int64_t;
  using Wide = int64_t;
  using Sum = int64_t;
  static constexpr int64_t lowest = INT64_MIN, highest = INT64_MAX;
};
template <>
struct Types<ComputeType::u64> {
  using Value = uint64_t;
  using Wide = uint64_t;
  using Sum = uint64_t;
  static constexpr uint64_t lowest = 0, highest = UINT64_MAX;
};
template <>
struct Types<ComputeType::f32> {
  using Value = float;
  using Wide = double;
  using Sum = float;
  static constexpr float lowest = -__builtin_inff(), highest = __builtin_inff();
};
template <>
struct Types<ComputeType::f64> {
  using Value = double;
  using Wide = double;
  using Sum = double;
  static constexpr double lowest = -__builtin_inf(), highest = __builtin_inf();
};
template <>
struct Types<ComputeType::c64> {
  using Value = Complex;
  using Wide = WideComplex;
  using Sum = Complex;
  static constexpr Complex lowest{-__builtin_inff(), -__builtin_inff()},
      highest{__builtin_inff(), __builtin_inff()};
};

// ---- the kinds: Acc is the accumulator, add() takes a value or an accumulator

template <ComputeType t>
struct Sum {
  using Value = typename Types<t>::Value;
  using Acc = typename Types<t>::Wide;
  using Result = typename Types<t>::Sum;
  static constexpr Acc identity{};
  template <typename V>
  static Acc add(Acc acc, V v) {
    if constexpr (t == ComputeType::c64) {
      return {acc.re + static_cast<double>(v.re), acc.im + static_cast<double>(v.im)};
    } else {
      return acc + static_cast<Acc>(v);
    }
  }
};

template <ComputeType t>
struct Prod : Sum<t> {
  using Acc = typename Types<t>::Wide;
  static constexpr Acc one() {
    if constexpr (t == ComputeType::c64) {
      return {1, 0};
    } else {
      return 1;
    }
  }
  static constexpr Acc identity = one();
  template <typename V>
  static Acc add(Acc acc, V v) {
    if constexpr (t == ComputeType::c64) {
      const auto re = static_cast<double>(v.re);
      const auto im = static_cast<double>(v.im);
      return {acc.re * re - acc.im * im, acc.re * im + acc.im * re};
    } else {
      return acc * static_cast<Acc>(v);
    }
  }
};

// A bfloat16 as its bits.
struct Brain {
  uint16_t bits;
  explicit operator double() const {
    return static_cast<double>(__builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16));
  }
};
struct BrainSum : Sum<ComputeType::f32> {
  using Value = Brain;
};

// NaN stays: once in an accumulator, no comparison lets it go.
template <ComputeType t, bool is_max>
struct Extreme {
  using Value = typename Types<t>::Value;
  using Acc = Value;
  using Result = Value;
  static constexpr Acc identity = is_max ? Types<t>::lowest : Types<t>::highest;
  static Acc add(Acc acc, Value v) {
    if constexpr (t == ComputeType::c64) {
      if (acc.re != acc.re || acc.im != acc.im) {
        return acc;
      }
      const bool nan = v.re != v.re || v.im != v.im;
      const bool less = acc.re < v.re || (acc.re == v.re && acc.im < v.im);
      const bool greater = acc.re > v.re || (acc.re == v.re && acc.im > v.im);
      return nan || (is_max ? less : greater) ? v : acc;
    } else if constexpr (t == ComputeType::f32 || t == ComputeType::f64) {
      const bool taken = (is_max ? v > acc : v < acc) | (v != v);
      return taken ? v : acc;
    } else {
      return (is_max ? acc > v : acc < v) ? acc : v;
    }
  }
};
template <ComputeType t>
using Max = Extreme<t, true>;
template <ComputeType t>
using Min = Extreme<t, false>;

template <ComputeType t, bool is_all>
struct Truth {
  using Value = typename Types<t>::Value;
  using Acc = uint8_t;
  using Result = uint8_t;
  static constexpr Acc identity = is_all;
  template <typename V>
  static Acc add(Acc acc, V v) {
    bool truth;
    if constexpr (t == ComputeType::c64 && sizeof(V) > 1) {
      truth = v.re != 0 || v.im != 0;
    } else {
      truth = v != 0;
    }
    return static_cast<Acc>(is_all ? acc & static_cast<Acc>(truth) : acc | static_cast<Acc>(truth));
  }
};
template <ComputeType t>
using All = Truth<t, true>;
template <ComputeType t>
using Any = Truth<t, false>;

// ---- the loops

template <typename R>
void init(void* acc, int64_t count) {
  auto* a = static_cast<typename R::Acc*>(acc);
  for (int64_t i = 0; i < count; ++i) {
    a[i] = R::identity;
  }
}

// Independent lanes, so that neither latency nor order stops the vector units.
template <typename R>
typename R::Acc row_total(typename R::Acc a, const typename R::Value* v, int64_t count) {
  using Acc = typename R::Acc;
  constexpr int64_t kLanes = 32;
  int64_t i = 0;
  if (count >= 2 * kLanes) {
    Acc lanes[kLanes];
    for (Acc& lane : lanes) {
      lane = R::identity;
    }
    for (; i + kLanes <= count; i += kLanes) {
      for (int64_t k = 0; k < kLanes; ++k) {
        lanes[k] = R::add(lanes[k], v[i + k]);
      }
    }
    for (int64_t half = kLanes / 2; half > 0; half /= 2) {
      for (int64_t k = 0; k < half; ++k) {
        lanes[k] = R::add(lanes[k], lanes[k + half]);
      }
    }
    a = R::add(a, lanes[0]);
  }
  for (; i < count; ++i) {
    a = R::add(a, v[i]);
  }
  return a;
}

// Pairs, one in each half of a word, which is a float with nothing below it. Runs of
// additions in float32 are short beside the digits that bfloat16 lacks.
template <>
double row_total<BrainSum>(double a, const Brain* v, int64_t count) {
  constexpr int64_t kPairs = 32, kRun = 16;
  int64_t i = 0;
  while (i + 2 * kPairs <= count) {
    float low[kPairs] = {}, high[kPairs] = {};
    for (int64_t n = 0; n < kRun && i + 2 * kPairs <= count; ++n, i += 2 * kPairs) {
      for (int64_t k = 0; k < kPairs; ++k) {
        uint32_t pair;
        __builtin_memcpy(&pair, v + i + 2 * k, sizeof pair);
        low[k] += __builtin_bit_cast(float, pair << 16);
        high[k] += __builtin_bit_cast(float, pair & 0xFFFF0000u);
      }
    }
    double lanes[kPairs];
    for (int64_t k = 0; k < kPairs; ++k) {
      lanes[k] = static_cast<double>(low[k]) + static_cast<double>(high[k]);
    }
    a = row_total<Sum<ComputeType::f64>>(a, lanes, kPairs);
  }
  for (; i < count; ++i) {
    a = BrainSum::add(a, v[i]);
  }
  return a;
}

// Of short rows several at once: one by one, each would wait for its own last sum.
template <typename R>
void row(void* acc, const void* in, int64_t rows, int64_t count) {
  constexpr int64_t kTogether = 8, kShort = 32;
  auto* a = static_cast<typename R::Acc*>(acc);
  const auto* v = static_cast<const typename R::Value*>(in);
  int64_t r = 0;
  for (; count < kShort && r + kTogether <= rows; r += kTogether) {
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t k = 0; k < kTogether; ++k) {
        a[r + k] = R::add(a[r + k], v[(r + k) * count + i]);
      }
    }
  }
  for (; r < rows; ++r) {
    a[r] = row_total<R>(a[r], v + r * count, count);
  }
}

// Four rows for each pass over the accumulators.
template <typename R>
void column(void* __restrict acc, const void* __restrict in, int64_t rows, int64_t count) {
  auto* a = static_cast<typename R::Acc*>(acc);
  const auto* v = static_cast<const typename R::Value*>(in);
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, v += 4 * count) {
    for (int64_t i = 0; i < count; ++i) {
      a[i] = R::add(R::add(R::add(R::add(a[i], v[i]), v[count + i]), v[2 * count + i]),
                    v[3 * count + i]);
    }
  }
  for (; r < rows; ++r, v += count) {
    for (int64_t i = 0; i < count; ++i) {
      a[i] = R::add(a[i], v[i]);
    }
  }
}

template <typename R>
void merge(void* __restrict acc, const void* __restrict from, int64_t count) {
  auto* a = static_cast<typename R::Acc*>(acc);
  const auto* v = static_cast<const typename R::Acc*>(from);
  for (int64_t i = 0; i < count; ++i) {
    a[i] = R::add(a[i], v[i]);
  }
}

template <typename R>
void finish(void* __restrict out, const void* __restrict acc, int64_t count) {
  using Result = typename R::Result;
  auto* o = static_cast<Result*>(out);
  const auto* a = static_cast<const typename R::Acc*>(acc);
  for (int64_t i = 0; i < count; ++i) {
    if constexpr (sizeof(Result) == sizeof(Complex) && requires { a[i].re; }) {
      o[i] = {static_cast<float>(a[i].re), static_cast<float>(a[i].im)};
    } else {
      o[i] = static_cast<Result>(a[i]);
    }
  }
}

template <typename R>
constexpr ReduceLoop loop_of() {
  return {sizeof(typename R::Acc), init<R>, row<R>, column<R>, merge<R>, finish<R>};
}

// ---- squared deviations from the mean

// Of values less one of them, the first: their sums do not cancel more digits than there are
// values.
struct Moments {
  double count, shift, sum, squares;
};

void init_moments(void* acc, int64_t count) {
  auto* a = static_cast<Moments*>(acc);
  for (int64_t i = 0; i < count; ++i) a[i] = {};
}

// Adds deviations from the shift to `sum`, their squares to `squares`.
inline void add_deviation(double& sum, double& squares, float v, double shift) {
  const double d = static_cast<double>(v) - shift;
  sum += d;
  squares += d * d;
}

void add_row(Moments& to, const float* v, int64_t count) {
  constexpr int64_t kLanes = 32;
  if (to.count == 0) to.shift = static_cast<double>(v[0]);
  to.count += static_cast<double>(count);
  const double shift = to.shift;
  int64_t i = 0;
  if (count >= 2 * kLanes) {
    double sum[kLanes] = {}, squares[kLanes] = {};
    for (; i + kLanes <= count; i += kLanes) {
      for (int64_t k = 0; k < kLanes; ++k) add_deviation(sum[k], squares[k], v[i + k], shift);
    }
    for (int64_t half = kLanes / 2; half > 0; half /= 2) {
      for (int64_t k = 0; k < half; ++k) {
        sum[k] += sum[k + half];
        squares[k] += squares[k + half];
      }
    }
    to.sum += sum[0];
    to.squares += squares[0];
  }
  double sum = to.sum, squares = to.squares;
  for (; i < count; ++i) add_deviation(sum, squares, v[i], shift);
  to.sum = sum;
  to.squares = squares;
}

// Of short rows several at once, as above.
void row_moments(void* acc, const void* in, int64_t rows, int64_t count) {
  constexpr int64_t kTogether = 8, kShort = 32;
  auto* a = static_cast<Moments*>(acc);
  const auto* v = static_cast<const float*>(in);
  int64_t r = 0;
  for (; count < kShort && r + kTogether <= rows; r += kTogether) {
    double shift[kTogether], sum[kTogether], squares[kTogether];
    for (int64_t k = 0; k < kTogether; ++k) {
      const Moments& m = a[r + k];
      shift[k] = m.count == 0 ? static_cast<double>(v[(r + k) * count]) : m.shift;
      sum[k] = m.sum;
      squares[k] = m.squares;
    }
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t k = 0; k < kTogether; ++k) {
        add_deviation(sum[k], squares[k], v[(r + k) * count + i], shift[k]);
      }
    }
    for (int64_t k = 0; k < kTogether; ++k) {
      a[r + k] = {a[r + k].count + static_cast<double>(count), shift[k], sum[k], squares[k]};
    }
  }
  for (; r < rows; ++r) add_row(a[r], v + r * count, count);
}

// Some columns, kept apart by kind while the rows go by.
void add_columns(Moments* to, const float* v, int64_t rows, int64_t stride, int64_t columns) {
  constexpr int64_t kMost = 256;
  double shift[kMost], sum[kMost], squares[kMost];
  for (int64_t i = 0; i < columns; ++i) {
    shift[i] = to[i].count == 0 ? static_cast<double>(v[i]) : to[i].shift;
    sum[i] = to[i].sum;
    squares[i] = to[i].squares;
  }
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, v += 4 * stride) {
    for (int64_t i = 0; i < columns; ++i) {
      const double a = static_cast<double>(v[i]) - shift[i],
                   b = static_cast<double>(v[stride + i]) - shift[i],
                   c = static_cast<double>(v[2 * stride + i]) - shift[i],
                   d = static_cast<double>(v[3 * stride + i]) - shift[i];
      sum[i] += (a + b) + (c + d);
      squares[i] += (a * a + b * b) + (c * c + d * d);
    }
  }
  for (; r < rows; ++r, v += stride) {
    for (int64_t i = 0; i < columns; ++i) add_deviation(sum[i], squares[i], v[i], shift[i]);
  }
  for (int64_t i = 0; i < columns; ++i) {
    to[i] = {to[i].count + static_cast<double>(rows), shift[i], sum[i], squares[i]};
  }
}

void column_moments(void* acc, const void* in, int64_t rows, int64_t count) {
  constexpr int64_t kColumns = 256;
  for (int64_t i = 0; i < count; i += kColumns) {
    add_columns(static_cast<Moments*>(acc) + i, static_cast<const float*>(in) + i, rows, count,
                count - i < kColumns ? count - i : kColumns);
  }
}

void merge_moments(void* __restrict acc, const void* __restrict from, int64_t count) {
  auto* a = static_cast<Moments*>(acc);
  const auto* b = static_cast<const Moments*>(from);
  for (int64_t i = 0; i < count; ++i) {
    // Of nothing, the first shift is as good as the second.
    const double shift = a[i].count == 0 ? b[i].shift : a[i].shift;
    const double by = b[i].shift - shift;
    a[i] = {a[i].count + b[i].count, shift, a[i].sum + (b[i].sum + b[i].count * by),
            a[i].squares + (b[i].squares + by * (2 * b[i].sum + b[i].count * by))};
  }
}

void finish_moments(void* __restrict out, const void* __restrict acc, int64_t count) {
  const auto* a = static_cast<const Moments*>(acc);
  for (int64_t i = 0; i < count; ++i) {
    const double mean = a[i].count == 0 ? 0 : a[i].sum / a[i].count;
    const double total = a[i].squares - mean * a[i].sum;
    static_cast<double*>(out)[i] = total < 0 ? 0 : total;  // NaN stays
  }
}

template <template <ComputeType> typename R>
constexpr void fill(ReduceLoops& table, ReduceKind kind) {
  ReduceLoop* loops = table.loop[static_cast<int>(kind)];
  loops[static_cast<int>(ComputeType::b8)] = loop_of<R<ComputeType::b8>>();
  loops[static_cast<int>(ComputeType::i32)] = loop_of<R<ComputeType::i32>>();
  loops[static_cast<int>(ComputeType::u32)] = loop_of<R<ComputeType::u32>>();
  loops[static_cast<int>(ComputeType::i64)] = loop_of<R<ComputeType::i64>>();
  loops[static_cast<int>(ComputeType::u64)] = loop_of<R<ComputeType::u64>>();
  loops[static_cast<int>(ComputeType::f32)] = loop_of<R<ComputeType::f32>>();
  loops[static_cast<int>(ComputeType::f64)] = loop_of<R<ComputeType::f64>>();
  loops[static_cast<int>(ComputeType::c64)] = loop_of<R<ComputeType::c64>>();
}

constexpr ReduceLoops make_table() {
  ReduceLoops table{};
  fill<Sum>(table, ReduceKind::sum);
  fill<Prod>(table, ReduceKind::prod);
  fill<Max>(table, ReduceKind::max);
  fill<Min>(table, ReduceKind::min);
  fill<All>(table, ReduceKind::all);
  fill<Any>(table, ReduceKind::any);
  table.sum_bfloat16 = loop_of<BrainSum>();
  table.deviations = {sizeof(Moments), init_moments,  row_moments,
                      column_moments,  merge_moments, finish_moments};
  return table;
}

}  // namespace

constinit const ReduceLoops MLX_REDUCE_LOOPS = make_table();

}  // namespace mlx::core::cpu
