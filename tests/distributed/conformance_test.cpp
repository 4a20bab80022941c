// Every operation over every transport: the suite that a new row of the
// registry must pass.

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <numeric>

#include "distributed/ranks.h"
#include "mlx/distributed/collective.h"

namespace mlx::core::distributed {
namespace {

using testing::Groups;
using testing::make_groups;
using testing::on_threads;

struct Setting {
  const char* transport;
  int ranks;
};

void PrintTo(const Setting& s, std::ostream* out) { *out << s.ranks << " over " << s.transport; }

// Around the boundaries: nothing, fewer values than ranks, odd, one segment and
// its neighbours, more than a ring buffer holds.
constexpr size_t kCounts[] = {0, 1, 2, 7, 1000, 4097, 65535, 65536, 65537, 600'011};

// Small integers, so that float32 sums are exact.
std::vector<float> values(int rank, size_t count) {
  std::vector<float> v(count);
  for (size_t i = 0; i < count; ++i) v[i] = static_cast<float>((i * 7 + rank * 3) % 101);
  return v;
}

template <typename T>
std::span<const std::byte> bytes_of(const std::vector<T>& v) {
  return std::as_bytes(std::span(v));
}
template <typename T>
std::span<std::byte> writable(std::vector<T>& v) {
  return std::as_writable_bytes(std::span(v));
}

class Conformance : public ::testing::TestWithParam<Setting> {
 protected:
  int ranks() const { return GetParam().ranks; }
  float sum_at(size_t i) const {
    float total = 0;
    for (int r = 0; r < ranks(); ++r) total += static_cast<float>((i * 7 + r * 3) % 101);
    return total;
  }
  // Runs on all ranks, each with its own group.
  void on_ranks(const std::function<void(detail::GroupImpl&)>& body) {
    const Groups groups = make_groups(GetParam().transport, ranks());
    on_threads(ranks(), [&](int rank) { body(*groups.ranks[static_cast<size_t>(rank)]); });
  }
};

TEST_P(Conformance, AllSumAddsEveryElementOnEveryRank) {
  on_ranks([&](detail::GroupImpl& group) {
    for (const size_t n : kCounts) {
      const auto in = values(group.rank(), n);
      std::vector<float> out(n, -1.0f);
      group.run({Operation::all_reduce, Reduction::sum, float32, -1, bytes_of(in), writable(out)});
      for (size_t i = 0; i < n; ++i) ASSERT_EQ(out[i], sum_at(i)) << "at " << i << " of " << n;
      EXPECT_EQ(in, values(group.rank(), n)) << "the input changed";
    }
  });
}

TEST_P(Conformance, AllMaxInPlaceKeepsTheLargest) {
  on_ranks([&](detail::GroupImpl& group) {
    for (const size_t n : kCounts) {
      auto data = values(group.rank(), n);
      group.run(
          {Operation::all_reduce, Reduction::max, float32, -1, bytes_of(data), writable(data)});
      std::vector<float> largest(n);
      for (int r = 0; r < ranks(); ++r) {
        const auto theirs = values(r, n);
        for (size_t i = 0; i < n; ++i) largest[i] = std::max(largest[i], theirs[i]);
      }
      ASSERT_TRUE(data == largest) << n << " values";
    }
  });
}

TEST_P(Conformance, AllGatherConcatenatesInTheOrderOfTheRanks) {
  on_ranks([&](detail::GroupImpl& group) {
    for (const size_t n : kCounts) {
      const auto in = values(group.rank(), n);
      std::vector<float> out(n * static_cast<size_t>(ranks()), -1.0f);
      group.run({Operation::all_gather, Reduction::none, float32, -1, bytes_of(in), writable(out)});
      for (int r = 0; r < ranks(); ++r) {
        const auto block = out.begin() + static_cast<ptrdiff_t>(n) * r;
        ASSERT_TRUE(std::equal(block, block + static_cast<ptrdiff_t>(n), values(r, n).begin()))
            << "block " << r << " of " << n;
      }
    }
  });
}

TEST_P(Conformance, SumScatterGivesEachRankItsPart) {
  on_ranks([&](detail::GroupImpl& group) {
    for (const size_t n : kCounts) {
      const auto in = values(group.rank(), n * static_cast<size_t>(ranks()));
      std::vector<float> out(n, -1.0f);
      group.run(
          {Operation::reduce_scatter, Reduction::sum, float32, -1, bytes_of(in), writable(out)});
      const size_t first = n * static_cast<size_t>(group.rank());
      for (size_t i = 0; i < n; ++i) ASSERT_EQ(out[i], sum_at(first + i)) << i << " of " << n;
    }
  });
}

TEST_P(Conformance, BroadcastCopiesFromAnyRoot) {
  on_ranks([&](detail::GroupImpl& group) {
    for (int root = 0; root < ranks(); ++root) {
      for (const size_t n : kCounts) {
        const auto in = values(group.rank(), n);
        std::vector<float> out(n, -1.0f);
        group.run(
            {Operation::broadcast, Reduction::none, float32, root, bytes_of(in), writable(out)});
        ASSERT_EQ(out, values(root, n));
      }
    }
  });
}

TEST_P(Conformance, SendReachesAnyRank) {
  on_ranks([&](detail::GroupImpl& group) {
    for (int from = 0; from < ranks(); ++from) {
      for (int to = 0; to < ranks(); ++to) {
        if (from == to) continue;
        for (const size_t n : kCounts) {
          auto data = values(from, n);
          if (group.rank() == from) {
            const Transfer t{Operation::send, float32, to, 0, bytes_of(data), {}};
            group.run({&t, 1});
          } else if (group.rank() == to) {
            std::vector<float> out(n, -1.0f);
            const Transfer t{Operation::recv, float32, from, 0, {}, writable(out)};
            group.run({&t, 1});
            ASSERT_EQ(out, data);
          }
        }
      }
    }
  });
}

TEST_P(Conformance, NobodyLeavesABarrierBeforeAllHaveCome) {
  std::atomic<int> come = 0;
  on_ranks([&](detail::GroupImpl& group) {
    for (int round = 1; round <= 20; ++round) {
      ++come;
      group.run(Collective{});
      EXPECT_GE(come, round * ranks());
      group.run(Collective{});
    }
  });
}

TEST_P(Conformance, ManySmallCollectivesInARowStayInStep) {
  on_ranks([&](detail::GroupImpl& group) {
    for (int i = 0; i < 500; ++i) {
      const std::vector<float> in(1, static_cast<float>(group.rank() + i));
      std::vector<float> out(1);
      group.run({Operation::all_reduce, Reduction::sum, float32, -1, bytes_of(in), writable(out)});
      ASSERT_EQ(out[0], static_cast<float>(ranks() * (ranks() - 1) / 2 + ranks() * i));
    }
  });
}

INSTANTIATE_TEST_SUITE_P(
    Transports, Conformance,
    ::testing::Values(Setting{"memory", 1}, Setting{"memory", 2}, Setting{"memory", 3},
                      Setting{"memory", 5}, Setting{"memory", 8}, Setting{"tcp", 2},
                      Setting{"tcp", 3}, Setting{"shm", 2}, Setting{"shm", 3}, Setting{"auto", 4},
                      Setting{"mixed", 4}, Setting{"fake_rdma", 2}, Setting{"fake_rdma", 3},
                      Setting{"fake_rdma", 5}),
    [](const auto& info) {
      return info.param.transport + std::string("_") + std::to_string(info.param.ranks);
    });

class EachAlgorithm : public ::testing::TestWithParam<std::tuple<const char*, int>> {};

TEST_P(EachAlgorithm, GivesAllRanksTheSameBits) {
  const auto [algorithm, ranks] = GetParam();
  const Groups groups = make_groups("memory", ranks, Milliseconds{20'000}, algorithm);
  for (const size_t n : kCounts) {
    std::vector<std::vector<float>> results(static_cast<size_t>(ranks));
    on_threads(ranks, [&](int rank) {
      std::vector<float> in(n);
      for (size_t i = 0; i < n; ++i) in[i] = std::sin(static_cast<float>(i + 1) * (rank + 1.3f));
      auto& out = results[static_cast<size_t>(rank)];
      out.resize(n);
      groups.ranks[static_cast<size_t>(rank)]->run(
          {Operation::all_reduce, Reduction::sum, float32, -1, bytes_of(in), writable(out)});
    });
    for (int rank = 1; rank < ranks; ++rank) {
      const auto &a = results[0], &b = results[static_cast<size_t>(rank)];
      ASSERT_TRUE(n == 0 || std::memcmp(a.data(), b.data(), n * sizeof(float)) == 0)
          << "rank " << rank << ", " << n << " values";
    }
    for (size_t i = 0; i < n; i += 1 + n / 50) {
      double exact = 0;
      for (int r = 0; r < ranks; ++r) exact += std::sin(static_cast<float>(i + 1) * (r + 1.3f));
      ASSERT_NEAR(results[0][i], exact, 1e-5);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rings, EachAlgorithm,
                         ::testing::Combine(::testing::Values("direct", "doubling", "ring",
                                                              "pairwise"),
                                            ::testing::Values(2, 3, 4, 5, 7, 8)),
                         [](const auto& info) {
                           return std::get<0>(info.param) + std::string("_") +
                                  std::to_string(std::get<1>(info.param));
                         });

// The sum of 1 and many tiny values is only right when it is not rounded at each step.
TEST(HalfTypes, AreRoundedOnceWhateverTheAlgorithm) {
  constexpr int kRanks = 5;
  for (const char* algorithm : {"direct", "doubling", "pairwise", ""}) {
    for (const size_t n : {size_t{3}, size_t{100'000}}) {
      const Groups groups = make_groups("memory", kRanks, Milliseconds{20'000}, algorithm);
      on_threads(kRanks, [&](int rank) {
        const std::vector<bfloat16_t> in(n, bfloat16_t(rank == 0 ? 1.0f : 0x1p-9f));
        std::vector<bfloat16_t> out(n);
        groups.ranks[static_cast<size_t>(rank)]->run(
            {Operation::all_reduce, Reduction::sum, bfloat16, -1, bytes_of(in), writable(out)});
        for (const bfloat16_t v : out) ASSERT_EQ(float(v), 1.0f + 0x1p-7f) << algorithm;
      });
    }
  }
}

}  // namespace
}  // namespace mlx::core::distributed
