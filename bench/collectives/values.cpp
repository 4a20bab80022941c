#include "values.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "mlx/core/half.h"

namespace mlx::bench {
namespace {

// The values repeat after this many elements: a prime, so that parts and chunks
// of a round size begin at different places.
constexpr size_t kPeriod = 1021;

uint64_t value(Reduction reduction, int rank, size_t index) {
  const uint64_t mixed = (static_cast<uint64_t>(rank) * 7919 + index + 1) * 0x9E3779B97F4A7C15u;
  const uint64_t bits = mixed >> 40;
  if (reduction != Reduction::prod) return bits % 4;
  return bits % 16 == 0 ? 0 : bits % 16 < 4 ? 2 : 1;  // the product stays a small power of 2
}

uint64_t combine(Reduction reduction, uint64_t a, uint64_t b) {
  switch (reduction) {
    case Reduction::sum:
      return a + b;
    case Reduction::prod:
      return a * b;
    case Reduction::min:
      return std::min(a, b);
    default:
      return std::max(a, b);
  }
}

template <typename T>
void store(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof(T));
}

// Of a complex value, the imaginary part is the negative of the real one; in
// products, where that would not stay so, it is 0.
void encode(Dtype dtype, bool product, uint64_t v, std::byte* to) {
  const float real = static_cast<float>(v);
  switch (dtype) {
    case Dtype::Val::bool_:
      return store(to, v != 0);
    case Dtype::Val::uint8:
    case Dtype::Val::int8:
      return store(to, static_cast<uint8_t>(v));
    case Dtype::Val::uint16:
    case Dtype::Val::int16:
      return store(to, static_cast<uint16_t>(v));
    case Dtype::Val::uint32:
    case Dtype::Val::int32:
      return store(to, static_cast<uint32_t>(v));
    case Dtype::Val::uint64:
    case Dtype::Val::int64:
      return store(to, v);
    case Dtype::Val::float16:
      return store(to, core::float16_t(real));
    case Dtype::Val::bfloat16:
      return store(to, core::bfloat16_t(real));
    case Dtype::Val::float32:
      return store(to, real);
    case Dtype::Val::float64:
      return store(to, static_cast<double>(v));
    case Dtype::Val::complex64:
      store(to, real);
      return store(to + sizeof(float), product || v == 0 ? 0.0f : -real);
  }
}

// One period of what these ranks' inputs give when combined.
std::vector<std::byte> period_of(const Case& c, int first_rank, int last_rank) {
  std::vector<std::byte> period(kPeriod * c.dtype.size());
  for (size_t i = 0; i < kPeriod; ++i) {
    uint64_t v = value(c.op.reduction, first_rank, i);
    for (int rank = first_rank + 1; rank <= last_rank; ++rank) {
      v = combine(c.op.reduction, v, value(c.op.reduction, rank, i));
    }
    encode(c.dtype, c.op.reduction == Reduction::prod, v, &period[i * c.dtype.size()]);
  }
  return period;
}

// Calls visit(bytes, period's bytes) for pieces of `memory`, whose first element
// is number `index` of the values.
template <typename Byte, typename Visit>
void for_pieces(std::span<Byte> memory, std::span<const std::byte> period, size_t width,
                size_t index, Visit visit) {
  size_t at = index % kPeriod * width;
  while (!memory.empty()) {
    const size_t bytes = std::min(memory.size(), period.size() - at);
    visit(memory.first(bytes), period.subspan(at, bytes));
    memory = memory.subspan(bytes);
    at = 0;
  }
}

size_t wrong_in_piece(std::span<const std::byte> got, std::span<const std::byte> expected,
                      size_t width) {
  if (std::memcmp(got.data(), expected.data(), got.size()) == 0) return 0;
  size_t wrong = 0;
  for (size_t at = 0; at < got.size(); at += width) {
    wrong += std::memcmp(&got[at], &expected[at], width) != 0;
  }
  return wrong;
}

// A stretch of the result: the combined values of some ranks from some index on.
struct Stretch {
  int first_rank;
  int last_rank;
  size_t index;
};

std::vector<Stretch> expected_stretches(const Case& c) {
  const size_t ours = c.part_count * static_cast<size_t>(c.rank);
  const int last = c.ranks - 1;
  std::vector<Stretch> stretches;
  switch (c.op.operation) {
    case Operation::all_reduce:
    case Operation::reduce:
      return {{0, last, 0}};
    case Operation::reduce_scatter:
      return {{0, last, ours}};
    case Operation::broadcast:
      return {{0, 0, 0}};
    case Operation::scatter:
      return {{0, 0, ours}};
    case Operation::all_gather:
    case Operation::gather:
      for (int rank = 0; rank <= last; ++rank) stretches.push_back({rank, rank, 0});
      return stretches;
    case Operation::all_to_all:
      for (int rank = 0; rank <= last; ++rank) stretches.push_back({rank, rank, ours});
      return stretches;
    default: {
      const int previous = (c.rank + last) % c.ranks;
      return {{previous, previous, 0}};
    }
  }
}

}  // namespace

void fill_input(const Case& c, std::span<std::byte> in) {
  const auto period = period_of(c, c.rank, c.rank);
  for_pieces(in, period, c.dtype.size(), 0, [](auto piece, auto values) {
    std::copy(values.begin(), values.end(), piece.data());
  });
}

size_t count_wrong(const Case& c, std::span<const std::byte> out) {
  if (out.empty()) return 0;
  const size_t width = c.dtype.size();
  const auto stretches = expected_stretches(c);
  const size_t bytes = out.size() / stretches.size();
  size_t wrong = 0;
  for (const Stretch& s : stretches) {
    const auto period = period_of(c, s.first_rank, s.last_rank);
    for_pieces(out.first(bytes), period, width, s.index,
               [&](auto got, auto expected) { wrong += wrong_in_piece(got, expected, width); });
    out = out.subspan(bytes);
  }
  return wrong;
}

}  // namespace mlx::bench
