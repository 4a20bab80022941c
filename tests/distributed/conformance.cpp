#include "distributed/conformance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <ostream>

namespace mlx::core::distributed::testing {
namespace {

using Ints = std::vector<int>;
using Bytes = std::vector<std::byte>;

// Small integers: every dtype holds their sums up to its own rounding, which is
// to happen once. Factors are powers of two, which stay exact.
int value(Reduction reduction, Dtype dtype, int rank, size_t i) {
  const auto r = static_cast<size_t>(rank);
  if (dtype == bool_) return (i + r) % 3 == 0;
  if (reduction == Reduction::prod) return (i * 5 + r) % 4 == 0 ? 2 : 1;
  return static_cast<int>((i * 7 + r * 3) % 101);
}

int combine(Reduction reduction, int a, int b) {
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
void store_as(const Ints& from, std::byte* to) {
  for (const int v : from) {
    T typed;
    if constexpr (std::is_same_v<T, float16_t> || std::is_same_v<T, bfloat16_t>) {
      typed = T(static_cast<float>(v));
    } else {
      typed = static_cast<T>(v);  // of bool, not zero: so a sum is "or"
    }
    std::memcpy(to, &typed, sizeof typed);
    to += sizeof typed;
  }
}

// In the order of Dtype::Val.
constexpr void (*kStore[])(const Ints&, std::byte*) = {
    store_as<bool>,      store_as<uint8_t>,   store_as<uint16_t>, store_as<uint32_t>,
    store_as<uint64_t>,  store_as<int8_t>,    store_as<int16_t>,  store_as<int32_t>,
    store_as<int64_t>,   store_as<float16_t>, store_as<float>,    store_as<double>,
    store_as<bfloat16_t>};

Bytes store(const Ints& values, Dtype dtype, Reduction reduction) {
  Bytes bytes(values.size() * dtype.size());
  if (dtype == complex64) {
    // The imaginary part goes along with the real one, except that of a factor.
    Ints pairs;
    for (const int v : values) {
      pairs.push_back(v);
      pairs.push_back(reduction == Reduction::prod ? 0 : -2 * v);
    }
    store_as<float>(pairs, bytes.data());
  } else {
    kStore[static_cast<size_t>(dtype.val())](values, bytes.data());
  }
  return bytes;
}

// One run of a case: what each rank gives and what it is to get.
struct Run {
  const Case& c;
  Dtype dtype;
  size_t count;
  int ranks;
  int root;

  // How many values go from one rank to another; of most cases that depends on
  // one of the two.
  size_t part(int from, int to) const {
    if (!c.uneven) return count;
    const bool by_sender = c.operation == Operation::all_gather || c.operation == Operation::gather;
    const bool by_both = c.operation == Operation::all_to_all;
    const int which = by_both ? from + 2 * to : by_sender ? from : to;
    return count * static_cast<size_t>(which % 3) / 2;
  }
  std::vector<size_t> parts_to_each(int rank) const {
    std::vector<size_t> parts;
    for (int to = 0; to < ranks; ++to) parts.push_back(part(rank, to));
    return parts;
  }
  std::vector<size_t> parts_from_each(int rank) const {
    std::vector<size_t> parts;
    for (int from = 0; from < ranks; ++from) parts.push_back(part(from, rank));
    return parts;
  }

  Ints given(int rank, size_t begin, size_t end) const {
    Ints values;
    for (size_t i = begin; i < end; ++i) values.push_back(value(c.reduction, dtype, rank, i));
    return values;
  }
  Ints reduced(size_t begin, size_t end) const {
    Ints values = given(0, begin, end);
    for (int rank = 1; rank < ranks; ++rank) {
      const Ints more = given(rank, begin, end);
      for (size_t i = 0; i < more.size(); ++i) {
        values[i] = combine(c.reduction, values[i], more[i]);
      }
    }
    return values;
  }

  Ints input(int rank) const {
    const auto to_each = parts_to_each(rank);
    const size_t all = std::accumulate(to_each.begin(), to_each.end(), size_t{0});
    switch (c.operation) {
      case Operation::reduce_scatter:
      case Operation::all_to_all:
        return given(rank, 0, all);
      case Operation::scatter:
        return rank == root ? given(rank, 0, all) : Ints{};
      case Operation::all_gather:
      case Operation::gather:
        return given(rank, 0, part(rank, 0));
      default:
        return given(rank, 0, count);
    }
  }

  // Where what `from` gives to `to` begins there.
  size_t begin_of(int from, int to) const {
    const auto parts = parts_to_each(from);
    return std::accumulate(parts.begin(), parts.begin() + to, size_t{0});
  }

  Ints output(int rank) const {
    const size_t begin = begin_of(root, rank);
    Ints all;
    switch (c.operation) {
      case Operation::all_reduce:
        return reduced(0, count);
      case Operation::reduce:
        return rank == root ? reduced(0, count) : Ints{};
      case Operation::broadcast:
        return given(root, 0, count);
      case Operation::reduce_scatter:
        return reduced(begin, begin + part(root, rank));
      case Operation::scatter:
        return given(root, begin, begin + part(root, rank));
      case Operation::gather:
        if (rank != root) return {};
        [[fallthrough]];
      case Operation::all_gather:
        for (int from = 0; from < ranks; ++from) {
          const Ints more = given(from, 0, part(from, rank));
          all.insert(all.end(), more.begin(), more.end());
        }
        return all;
      default:  // all_to_all
        for (int from = 0; from < ranks; ++from) {
          const size_t first = begin_of(from, rank);
          const Ints more = given(from, first, first + part(from, rank));
          all.insert(all.end(), more.begin(), more.end());
        }
        return all;
    }
  }
};

std::vector<size_t> in_bytes(std::vector<size_t> parts, Dtype dtype) {
  for (size_t& part : parts) part *= dtype.size();
  return parts;
}

}  // namespace

bool Case::has_parts_of_all() const {
  return operation != Operation::all_reduce && operation != Operation::broadcast &&
         operation != Operation::reduce;
}

void expect_right(detail::GroupImpl& group, const Case& c, Dtype dtype, size_t count, int root) {
  const Run run{c, dtype, count, group.size(), root};
  const int rank = group.rank();
  const Bytes given = store(run.input(rank), dtype, c.reduction);
  const Bytes expected = store(run.output(rank), dtype, c.reduction);
  const bool rooted = c.operation == Operation::broadcast || c.operation == Operation::reduce ||
                      c.operation == Operation::gather || c.operation == Operation::scatter;

  Bytes in = given;
  Bytes out(expected.size(), std::byte{0x5a});
  std::vector<size_t> to_each, from_each;
  if (c.uneven) {
    const bool gathers = c.operation == Operation::all_gather || c.operation == Operation::gather;
    if (!gathers) to_each = in_bytes(run.parts_to_each(rank), dtype);
    if (gathers || c.operation == Operation::all_to_all) {
      from_each = in_bytes(run.parts_from_each(rank), dtype);
    }
  }
  const std::span<std::byte> result =
      c.in_place ? std::span(in).first(expected.size()) : std::span(out);
  group.run({.operation = c.operation,
             .reduction = c.reduction,
             .dtype = dtype,
             .peer = rooted ? root : -1,
             .in = in,
             .out = result,
             .in_parts = to_each,
             .out_parts = from_each,
             .on_gpu = c.on_gpu});

  const auto wrong = std::mismatch(expected.begin(), expected.end(), result.begin()).first;
  EXPECT_TRUE(wrong == expected.end())
      << c.name << " of " << count << " " << dtype_name(dtype) << ", rank " << rank << " of "
      << group.size() << ", root " << root << ": byte " << wrong - expected.begin();
  if (!c.in_place) {
    EXPECT_TRUE(in == given) << c.name << ": the input changed";
  }
}

}  // namespace mlx::core::distributed::testing
