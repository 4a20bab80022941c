// The loops of the real compute types. Compiled once per instruction set, with
// MLX_TILE_LOOPS as the name of its table. See tile_math.h about linkage.

#include "mlx/core/cpu/tile_loops.h"

#include "mlx/core/cpu/tile_math.h"
#include "mlx/core/cpu/tile_narrow.h"
#include "mlx/core/cpu/tile_stream.h"

namespace mlx::core::cpu {
namespace {

using u32 = uint32_t;
using i32 = int32_t;
using u64 = uint64_t;
using i64 = int64_t;

#define UNARY(name, domain_, value, ...)              \
  struct Row_##name {                                 \
    static constexpr Domain domain = Domain::domain_; \
    static constexpr int arity = 1;                   \
    template <typename R, typename T>                 \
    static MLX_INLINE R apply(T x) {                  \
      return static_cast<R>(value);                   \
    }                                                 \
  };
#define BINARY(name, domain_, value, ...)             \
  struct Row_##name {                                 \
    static constexpr Domain domain = Domain::domain_; \
    static constexpr int arity = 2;                   \
    template <typename R, typename T>                 \
    static MLX_INLINE R apply(T a, T b) {             \
      return static_cast<R>(value);                   \
    }                                                 \
  };
#define TERNARY(name, domain_, value, ...)            \
  struct Row_##name {                                 \
    static constexpr Domain domain = Domain::domain_; \
    static constexpr int arity = 3;                   \
    template <typename R, typename T>                 \
    static MLX_INLINE R apply(uint8_t c, T a, T b) {  \
      return static_cast<R>(value);                   \
    }                                                 \
  };
#include "mlx/core/ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY

template <typename Row, typename R, typename T>
void loop(void* dst, const void* a, const void* b, const void* c, int64_t count) {
  auto* d = static_cast<R*>(dst);
  [[maybe_unused]] const auto* x = static_cast<const T*>(a);
  [[maybe_unused]] const auto* y = static_cast<const T*>(b);
  if constexpr (Row::arity == 1) {
    MLX_VECTORIZE
    for (int64_t i = 0; i < count; ++i) {
      d[i] = Row::template apply<R>(x[i]);
    }
  } else if constexpr (Row::arity == 2) {
    MLX_VECTORIZE
    for (int64_t i = 0; i < count; ++i) {
      d[i] = Row::template apply<R>(x[i], y[i]);
    }
  } else {
    const auto* s = static_cast<const uint8_t*>(a);  // GCC does not vectorise choices by a bool
    const auto* z = static_cast<const T*>(c);
    MLX_VECTORIZE
    for (int64_t i = 0; i < count; ++i) {
      d[i] = Row::template apply<R>(s[i], y[i], z[i]);
    }
  }
}

// Vector and scalar mathematics round differently. Here the last few elements
// go through the same vectors as the others, so that a value depends on its
// operands only, not on its place. It also spares the scalar loop.
inline constexpr int64_t kBlock = 16;

template <typename Row, typename T>
__attribute__((noinline)) void whole_blocks(T* dst, const T* a, const T* b, int64_t blocks) {
  MLX_VECTORIZE
  for (int64_t i = 0; i < blocks * kBlock; ++i) {
    if constexpr (Row::arity == 1) {
      dst[i] = Row::template apply<T>(a[i]);
    } else {
      dst[i] = Row::template apply<T>(a[i], b[i]);
    }
  }
}

template <typename Row, typename T>
void block_loop(void* dst, const void* a, const void* b, const void*, int64_t count) {
  auto* d = static_cast<T*>(dst);
  const auto* x = static_cast<const T*>(a);
  const auto* y = static_cast<const T*>(Row::arity == 1 ? a : b);
  const int64_t whole = count / kBlock * kBlock;
  whole_blocks<Row>(d, x, y, count / kBlock);
  if (whole < count) {
    alignas(64) T last_x[kBlock];
    alignas(64) T last_y[kBlock];
    for (int64_t i = 0; i < kBlock; ++i) {
      last_x[i] = whole + i < count ? x[whole + i] : T(1);
      last_y[i] = whole + i < count ? y[whole + i] : T(1);
    }
    whole_blocks<Row>(last_x, last_x, last_y, 1);
    for (int64_t i = whole; i < count; ++i) {
      d[i] = last_x[i - whole];
    }
  }
}

// Whole blocks by the quick way if it gives all of their elements.
void remainder_loop(void* dst, const void* a, const void* b, const void*, int64_t count) {
  constexpr int64_t kMost = 128;
  auto* d = static_cast<f32*>(dst);
  const auto* x = static_cast<const f32*>(a);
  const auto* y = static_cast<const f32*>(b);
  for (int64_t begin = 0; begin < count; begin += kMost) {
    const int64_t end = begin + kMost < count ? begin + kMost : count;
    int32_t rare = 0;
    for (int64_t i = begin; i < end; ++i) {
      rare |= !has_quick_remainder(x[i], y[i]);
    }
    if (rare != 0) {
      for (int64_t i = begin; i < end; ++i) {
        d[i] = remainder(x[i], y[i]);
      }
      continue;
    }
    MLX_VECTORIZE
    for (int64_t i = begin; i < end; ++i) {
      d[i] = quick_remainder(x[i], y[i]);
    }
  }
}

template <ComputeType type>
struct Element;
// clang-format off
template <> struct Element<ComputeType::b8>  { using Type = bool; };
template <> struct Element<ComputeType::i32> { using Type = i32; };
template <> struct Element<ComputeType::u32> { using Type = u32; };
template <> struct Element<ComputeType::i64> { using Type = i64; };
template <> struct Element<ComputeType::u64> { using Type = u64; };
template <> struct Element<ComputeType::f32> { using Type = f32; };
template <> struct Element<ComputeType::f64> { using Type = f64; };
// clang-format on

// Rows whose integer loops do not depend on the sign share the unsigned ones.
constexpr bool ignores_sign(Domain d) {
  return d == Domain::Ring || d == Domain::Equality || d == Domain::Bits;
}

template <typename T>
constexpr bool has_loop(Domain d) {
  constexpr bool is_bool = T(2) == T(1);
  switch (d) {
    case Domain::Float:
    case Domain::Inexact:
    case Domain::Test:
    case Domain::RoundReal:
    case Domain::Round:
      return is_float<T>;
    case Domain::Logical:
      return is_bool;
    case Domain::Bits:
      return !is_float<T>;
    case Domain::Shift:
      return !is_float<T> && !is_bool;
    case Domain::Signed:
      return !is_bool;
    case Domain::Complex:
    case Domain::Part:
      return false;
    default:
      return true;
  }
}

constexpr bool gives_bool(Domain d) {
  return d == Domain::Test || d == Domain::Equality || d == Domain::Compare || d == Domain::Logical;
}

template <typename Row, ComputeType type>
constexpr TileLoop row_loop() {
  using enum ComputeType;
  using T = typename Element<type>::Type;
  if constexpr (type == i32 && ignores_sign(Row::domain)) {
    return row_loop<Row, u32>();
  } else if constexpr (type == i64 && ignores_sign(Row::domain)) {
    return row_loop<Row, u64>();
  } else if constexpr (Row::domain == Domain::Select) {  // moves bits
    using Bits = std::conditional_t<sizeof(T) == 1, uint8_t,
                                    std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>;
    return loop<Row, Bits, Bits>;
  } else if constexpr (!has_loop<T>(Row::domain)) {
    return nullptr;
  } else if constexpr (std::is_same_v<Row, Row_remainder> && type == f32) {
    return remainder_loop;
  } else if constexpr (gives_bool(Row::domain)) {
    return loop<Row, bool, T>;
  } else if constexpr (is_float<T> &&
                       (Row::domain == Domain::Inexact || Row::domain == Domain::Float ||
                        (Row::domain == Domain::Any && Row::arity == 2))) {
    return block_loop<Row, T>;
  } else {
    return loop<Row, T, T>;
  }
}

// C's conversions between numbers. Out of range a float gives what x86 gives
// for int32 and int64: the smallest value; for uint32 and uint64 that bit
// pattern, with negative values wrapped.
template <typename To, typename From>
MLX_INLINE To convert_element(From x) {
  if constexpr (!is_float<From> || is_float<To> || sizeof(To) == 1) {
    if constexpr (sizeof(To) == 1) {
      return x != From(0);
    } else {
      return static_cast<To>(x);
    }
  } else {
    using Signed = std::conditional_t<sizeof(To) == 4, int32_t, int64_t>;
    constexpr From kLimit = sizeof(To) == 4 ? From(0x1p31) : From(0x1p63);
    constexpr auto kSmallest = static_cast<Signed>(uint64_t{1} << (8 * sizeof(To) - 1));
    if constexpr (is_signed<To>) {
      return x >= -kLimit && x < kLimit ? static_cast<To>(x) : static_cast<To>(kSmallest);
    } else {
      const bool high = x >= kLimit;
      const From low = high ? x - kLimit : x;
      const Signed value = low >= -kLimit && low < kLimit ? static_cast<Signed>(low) : kSmallest;
      return static_cast<To>(value) ^ (high ? static_cast<To>(kSmallest) : To(0));
    }
  }
}

template <typename From, typename To>
void convert_loop(void* dst, const void* src, const void*, const void*, int64_t count) {
  auto* d = static_cast<To*>(dst);
  const auto* x = static_cast<const From*>(src);
  MLX_VECTORIZE
  for (int64_t i = 0; i < count; ++i) {
    d[i] = convert_element<To>(x[i]);
  }
}

// Null where the bits stay the same.
template <ComputeType from, ComputeType to>
constexpr TileLoop conversion() {
  using From = typename Element<from>::Type;
  using To = typename Element<to>::Type;
  if constexpr (sizeof(From) == sizeof(To) && is_float<From> == is_float<To>) {
    return nullptr;
  } else if constexpr (!is_signed<From> && is_signed<To> && !is_float<From> && !is_float<To>) {
    return conversion < from, to == ComputeType::i32 ? ComputeType::u32 : ComputeType::u64 > ();
  } else {
    return convert_loop<From, To>;
  }
}

template <typename Row, size_t... types>
constexpr void fill_row(TileLoop (&loops)[kRealTypes], std::index_sequence<types...>) {
  ((loops[types] = row_loop<Row, static_cast<ComputeType>(types)>()), ...);
}

template <ComputeType from, size_t... types>
constexpr void fill_conversions(TileLoop (&loops)[kRealTypes], std::index_sequence<types...>) {
  ((loops[types] = conversion<from, static_cast<ComputeType>(types)>()), ...);
}

template <size_t... types>
constexpr TileLoops make_table(std::index_sequence<types...> all) {
  TileLoops table{};
#define UNARY(name, ...) fill_row<Row_##name>(table.op[static_cast<int>(Opcode::name)], all);
#define BINARY(name, ...) fill_row<Row_##name>(table.op[static_cast<int>(Opcode::name)], all);
#define TERNARY(name, ...) fill_row<Row_##name>(table.op[static_cast<int>(Opcode::name)], all);
#include "mlx/core/ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
  (fill_conversions<static_cast<ComputeType>(types)>(table.convert[types], all), ...);
  fill_narrow(table);
  table.stream = stream_bytes;
  return table;
}

}  // namespace

constinit const TileLoops MLX_TILE_LOOPS = make_table(std::make_index_sequence<kRealTypes>());

}  // namespace mlx::core::cpu
