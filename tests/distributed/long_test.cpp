// What takes long or much memory: 64 MiB in every case, and more than 2 GiB.

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "distributed/conformance.h"
#include "distributed/ranks.h"

namespace mlx::core::distributed {
namespace {

using testing::expect_right;
using testing::Groups;
using testing::kCases;
using testing::make_groups;
using testing::on_threads;

struct Setting {
  const char* transport;
  int ranks;
};

void PrintTo(const Setting& s, std::ostream* out) { *out << s.ranks << " over " << s.transport; }

class Large : public ::testing::TestWithParam<Setting> {
 protected:
  void on_groups(const std::function<void(detail::GroupImpl&)>& body) {
    const auto [transport, ranks] = GetParam();
    const Groups groups = make_groups(transport, ranks, Milliseconds{100'000});
    on_threads(ranks, [&](int rank) { body(*groups.ranks[static_cast<size_t>(rank)]); });
  }
};

TEST_P(Large, SixtyFourMebibytesComeOutRight) {
  constexpr size_t kCount = 16 * 1024 * 1024 + 1;
  on_groups([&](detail::GroupImpl& group) {
    for (const auto& c : kCases) {
      const auto ranks = static_cast<size_t>(group.size());
      expect_right(group, c, float32, c.has_parts_of_all() ? kCount / ranks : kCount, 1);
    }
  });
}

// More bytes, and more values, than an int counts.
constexpr size_t kHuge = (size_t{1} << 31) + 4099;

using Bytes = std::unique_ptr<uint8_t[]>;

Bytes uninitialized(size_t n) { return Bytes(new uint8_t[n]); }

uint8_t value(int rank, size_t i) {
  return static_cast<uint8_t>((i >> 12) + i + 3u * unsigned(rank));
}

void fill(uint8_t* bytes, int rank, size_t n) {
  for (size_t i = 0; i < n; ++i) bytes[i] = value(rank, i);
}

template <typename Expected>
void expect_bytes(const uint8_t* bytes, size_t n, Expected expected) {
  size_t wrong = 0;
  for (size_t i = 0; i < n; ++i) wrong += bytes[i] != expected(i);
  EXPECT_EQ(wrong, 0u);
}

std::span<std::byte> span_of(const Bytes& bytes, size_t n) {
  return {reinterpret_cast<std::byte*>(bytes.get()), n};
}

TEST_P(Large, MoreThanTwoGibibytesAreReducedAndCopied) {
  on_groups([](detail::GroupImpl& group) {
    const Bytes data = uninitialized(kHuge);
    const auto all = span_of(data, kHuge);
    fill(data.get(), group.rank(), kHuge);
    group.run({Operation::all_reduce, Reduction::sum, uint8, -1, all, all});
    expect_bytes(data.get(), kHuge, [&](size_t i) {
      uint8_t sum = 0;
      for (int r = 0; r < group.size(); ++r) sum = static_cast<uint8_t>(sum + value(r, i));
      return sum;
    });
    fill(data.get(), group.rank(), kHuge);
    group.run({Operation::broadcast, Reduction::none, uint8, 1, all, all});
    expect_bytes(data.get(), kHuge, [](size_t i) { return value(1, i); });
    fill(data.get(), group.rank(), kHuge);
    if (group.rank() > 1) return;
    const bool sends = group.rank() == 1;
    const Transfer t{.operation = sends ? Operation::send : Operation::recv,
                     .peer = 1 - group.rank(),
                     .in = all,
                     .out = sends ? std::span<std::byte>{} : all};
    group.run({&t, 1});
    expect_bytes(data.get(), kHuge, [](size_t i) { return value(1, i); });
  });
}

TEST_P(Large, MoreThanTwoGibibytesAreGatheredFromPartsThatDiffer) {
  on_groups([](detail::GroupImpl& group) {
    std::vector<size_t> parts(static_cast<size_t>(group.size()), 12'345);
    parts[0] = kHuge;
    const size_t mine = parts[static_cast<size_t>(group.rank())];
    const size_t total = kHuge + 12'345 * (parts.size() - 1);
    const Bytes in = uninitialized(mine), out = uninitialized(total);
    fill(in.get(), group.rank(), mine);
    group.run({.operation = Operation::all_gather,
               .dtype = uint8,
               .in = span_of(in, mine),
               .out = span_of(out, total),
               .out_parts = parts});
    expect_bytes(out.get(), total, [](size_t i) {
      return i < kHuge ? value(0, i) : value(1 + int((i - kHuge) / 12'345), (i - kHuge) % 12'345);
    });
  });
}

INSTANTIATE_TEST_SUITE_P(Transports, Large,
                         ::testing::Values(Setting{"memory", 2}, Setting{"shm", 2},
                                           Setting{"tcp", 2}, Setting{"mixed", 3}),
                         [](const auto& info) {
                           return info.param.transport + std::string("_") +
                                  std::to_string(info.param.ranks);
                         });

}  // namespace
}  // namespace mlx::core::distributed
