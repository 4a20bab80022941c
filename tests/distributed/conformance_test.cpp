// Every operation over every transport: the suite that a new row of the
// registry must pass. All dtypes at a few sizes, all sizes with a few dtypes.

#include "distributed/conformance.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstring>

#include "distributed/ranks.h"
#include "mlx/distributed/distributed.h"

namespace mlx::core::distributed {
namespace {

using testing::Case;
using testing::expect_right;
using testing::Groups;
using testing::kCases;
using testing::make_groups;
using testing::on_threads;

struct Setting {
  const char* transport;
  int ranks;
  const char* algorithm = "";
};

void PrintTo(const Setting& s, std::ostream* out) {
  *out << s.ranks << " over " << s.transport << " " << s.algorithm;
}

std::string name_of(const ::testing::TestParamInfo<Setting>& info) {
  const Setting& s = info.param;
  return s.transport + std::string("_") + std::to_string(s.ranks) + (*s.algorithm ? "_" : "") +
         s.algorithm;
}

// Runs on all ranks of a job, each with its own group.
void on_all_ranks(const Setting& s, const std::function<void(detail::GroupImpl&)>& body) {
  const Groups groups = make_groups(s.transport, s.ranks, Milliseconds{20'000}, s.algorithm);
  on_threads(s.ranks, [&](int rank) { body(*groups.ranks[static_cast<size_t>(rank)]); });
}

template <typename T>
std::span<const std::byte> bytes_of(const std::vector<T>& v) {
  return std::as_bytes(std::span(v));
}
template <typename T>
std::span<std::byte> writable(std::vector<T>& v) {
  return std::as_writable_bytes(std::span(v));
}

// Around the boundaries of float32: nothing, fewer values than ranks, primes,
// one segment and its neighbours, 1 MiB.
constexpr size_t kSmallCounts[] = {0, 1, 2, 7, 1009};
constexpr size_t kLargeCounts[] = {4093, 65535, 65536, 65537, 262'144};

// Of large data the total is what is given, or a job of many ranks would take long.
size_t share_of(const Case& c, size_t count, int ranks) {
  return c.has_parts_of_all() ? count / static_cast<size_t>(ranks) + 1 : count;
}

class Conformance : public ::testing::TestWithParam<Setting> {};

TEST_P(Conformance, EveryDtypeComesOutRight) {
  on_all_ranks(GetParam(), [&](detail::GroupImpl& group) {
    int root = 0;
    for (const Case& c : kCases) {
      for (const Dtype dtype : testing::kAllDtypes) {
        for (const size_t count : {size_t{1}, size_t{7}, size_t{211}}) {
          expect_right(group, c, dtype, count, root);
          root = (root + 1) % group.size();
        }
      }
    }
  });
}

TEST_P(Conformance, EverySmallSizeComesOutRightFromEveryRoot) {
  on_all_ranks(GetParam(), [&](detail::GroupImpl& group) {
    for (const Case& c : kCases) {
      for (const size_t count : kSmallCounts) {
        for (int root = 0; root < group.size(); ++root) {
          expect_right(group, c, float32, count, root);
        }
      }
    }
  });
}

TEST_P(Conformance, EveryLargeSizeComesOutRight) {
  on_all_ranks(GetParam(), [&](detail::GroupImpl& group) {
    int root = 0;
    for (const Case& c : kCases) {
      for (const size_t count : kLargeCounts) {
        root = (root + 1) % group.size();
        expect_right(group, c, float32, share_of(c, count, group.size()), root);
      }
      expect_right(group, c, bfloat16, share_of(c, 131'073, group.size()), root);
    }
  });
}

TEST_P(Conformance, SendReachesAnyRank) {
  on_all_ranks(GetParam(), [&](detail::GroupImpl& group) {
    for (int from = 0; from < group.size(); ++from) {
      for (int to = 0; to < group.size(); ++to) {
        if (from == to) continue;
        for (const size_t n : {0, 1, 1009, 300'007}) {
          const std::vector<int> data(n, 100 * from + to);
          if (group.rank() == from) {
            const Transfer t{.peer = to, .in = bytes_of(data)};
            group.run({&t, 1});
          } else if (group.rank() == to) {
            std::vector<int> out(n, -1);
            const Transfer t{.operation = Operation::recv, .peer = from, .out = writable(out)};
            group.run({&t, 1});
            ASSERT_EQ(out, data);
          }
        }
      }
    }
  });
}

// Everyone with everyone, more than any link holds, at the same time.
TEST_P(Conformance, ABatchMovesWhateverTheSizes) {
  on_all_ranks(GetParam(), [&](detail::GroupImpl& group) {
    const auto ranks = static_cast<size_t>(group.size());
    const size_t n = 1'500'007 / ranks;
    std::vector<std::vector<int>> out(ranks), in(ranks);
    std::vector<Transfer> batch;
    for (int peer = 0; peer < group.size(); ++peer) {
      if (peer == group.rank()) continue;
      const auto i = static_cast<size_t>(peer);
      out[i].assign(n + i, group.rank() * 100 + peer);
      in[i].assign(n + static_cast<size_t>(group.rank()), -1);
      batch.push_back({.peer = peer, .in = bytes_of(out[i])});
      batch.push_back({.operation = Operation::recv, .peer = peer, .out = writable(in[i])});
    }
    group.run(batch);
    for (int peer = 0; peer < group.size(); ++peer) {
      const auto& got = in[static_cast<size_t>(peer)];
      EXPECT_EQ(std::count(got.begin(), got.end(), peer * 100 + group.rank()),
                static_cast<ptrdiff_t>(got.size()));
    }
  });
}

TEST_P(Conformance, MessagesAreFoundByTheirTags) {
  on_all_ranks(GetParam(), [&](detail::GroupImpl& group) {
    if (group.rank() > 1 || group.size() < 2) return;
    const int peer = 1 - group.rank();
    const auto send = [&](int tag, std::vector<int> data) {
      const Transfer t{.peer = peer, .tag = tag, .in = bytes_of(data)};
      group.run({&t, 1});
    };
    const auto recv = [&](int tag, size_t n) {
      std::vector<int> out(n, -1);
      const Transfer t{
          .operation = Operation::recv, .peer = peer, .tag = tag, .out = writable(out)};
      group.run({&t, 1});
      return out;
    };
    using V = std::vector<int>;
    if (group.rank() == 0) {
      send(1, V{10});
      send(2, V{20, 21});
      send(1, V{11, 12, 13});
      send(2, {});
      send(3, V(1000, 30));
    } else {
      EXPECT_EQ(recv(3, 1000), V(1000, 30));
      EXPECT_EQ(recv(2, 2), (V{20, 21}));
      EXPECT_EQ(recv(2, 0), V{});
      // Two of one batch, in another order than they were sent, one of them kept.
      V first(1), second(3);
      const Transfer batch[] = {
          {.operation = Operation::recv, .peer = peer, .tag = 1, .out = writable(first)},
          {.operation = Operation::recv, .peer = peer, .tag = 1, .out = writable(second)}};
      group.run(batch);
      EXPECT_EQ(first, V{10});
      EXPECT_EQ(second, (V{11, 12, 13}));
    }
  });
}

// Rank 0 is to take what comes first: rank 2 has to get rid of a large message
// before rank 1 gets one that it waits for.
TEST_P(Conformance, ABatchTakesMessagesInWhateverOrderTheyCome) {
  if (GetParam().ranks < 3) return;
  on_all_ranks(GetParam(), [&](detail::GroupImpl& group) {
    std::vector<int> large(3'000'000, 7), small(1, 8);
    std::vector<int> from_1(1, -1), from_2(large.size(), -1);
    const auto one = [&](const Transfer& t) { group.run({&t, 1}); };
    if (group.rank() == 0) {
      const Transfer batch[] = {{.operation = Operation::recv, .peer = 1, .out = writable(from_1)},
                                {.operation = Operation::recv, .peer = 2, .out = writable(from_2)}};
      group.run(batch);
      EXPECT_EQ(from_1, small);
      EXPECT_EQ(from_2, large);
    } else if (group.rank() == 1) {
      one({.operation = Operation::recv, .peer = 2, .out = writable(from_1)});
      one({.peer = 0, .in = bytes_of(small)});
    } else if (group.rank() == 2) {
      one({.peer = 0, .in = bytes_of(large)});
      one({.peer = 1, .in = bytes_of(small)});
    }
  });
}

TEST_P(Conformance, NobodyLeavesABarrierBeforeAllHaveCome) {
  std::atomic<int> come = 0;
  on_all_ranks(GetParam(), [&](detail::GroupImpl& group) {
    for (int round = 1; round <= 20; ++round) {
      ++come;
      group.run(Collective{});
      EXPECT_GE(come, round * group.size());
      group.run(Collective{});
    }
  });
}

TEST_P(Conformance, ManySmallCollectivesInARowStayInStep) {
  on_all_ranks(GetParam(), [&](detail::GroupImpl& group) {
    for (size_t i = 0; i < 500; ++i) {
      expect_right(group, kCases[i % std::size(kCases)], float32, 1,
                   static_cast<int>(i) % group.size());
    }
  });
}

// RDMA where this machine has a device.
std::vector<Setting> settings() {
  std::vector<Setting> all{{"memory", 1},     {"memory", 2},    {"memory", 3},  {"memory", 4},
                           {"memory", 5},     {"memory", 8},    {"memory", 13}, {"tcp", 2},
                           {"tcp", 3},        {"tcp", 5},       {"shm", 2},     {"shm", 3},
                           {"auto", 4},       {"mixed", 4},     {"mixed", 5},   {"fake_rdma", 2},
                           {"fake_rdma", 3},  {"fake_rdma", 5}, {"striped", 2}, {"striped", 3},
                           {"two_copies", 2}, {"two_copies", 3}};
  if (is_available("rdma")) {
    for (const int ranks : {2, 3}) all.push_back({"rdma", ranks});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Transports, Conformance, ::testing::ValuesIn(settings()), name_of);

// Whatever is chosen by default, each algorithm can do each of its operations.
class EachAlgorithm : public ::testing::TestWithParam<Setting> {};

TEST_P(EachAlgorithm, ComesOutRight) {
  on_all_ranks(GetParam(), [&](detail::GroupImpl& group) {
    int root = 0;
    for (const Case& c : kCases) {
      for (const size_t count : {0, 1, 7, 1009, 65537, 200'003}) {
        root = (root + 1) % group.size();
        for (const Dtype dtype : {float32, bfloat16}) {
          expect_right(group, c, dtype, share_of(c, static_cast<size_t>(count), group.size()),
                       root);
        }
      }
    }
  });
}

// Sums that depend on the order in which they are made.
TEST_P(EachAlgorithm, GivesAllRanksTheSameBits) {
  const int ranks = GetParam().ranks;
  for (const size_t n : {7, 4097, 300'011}) {
    std::vector<std::vector<float>> results(static_cast<size_t>(ranks));
    on_all_ranks(GetParam(), [&](detail::GroupImpl& group) {
      std::vector<float> in(n);
      const float phase = static_cast<float>(group.rank()) + 1.3f;
      for (size_t i = 0; i < n; ++i) in[i] = std::sin(static_cast<float>(i + 1) * phase);
      auto& out = results[static_cast<size_t>(group.rank())];
      out.resize(n);
      group.run({Operation::all_reduce, Reduction::sum, float32, -1, bytes_of(in), writable(out)});
    });
    for (int rank = 1; rank < ranks; ++rank) {
      const auto &a = results[0], &b = results[static_cast<size_t>(rank)];
      ASSERT_EQ(0, std::memcmp(a.data(), b.data(), n * sizeof(float)))
          << "rank " << rank << ", " << n << " values";
    }
    for (size_t i = 0; i < n; i += 1 + n / 50) {
      double exact = 0;
      for (int r = 0; r < ranks; ++r) {
        exact += std::sin(static_cast<float>(i + 1) * (static_cast<float>(r) + 1.3f));
      }
      ASSERT_NEAR(results[0][i], exact, 1e-5);
    }
  }
}

// The sum of 1 and many tiny values is only right when it is not rounded at each step.
TEST_P(EachAlgorithm, RoundsHalfTypesOnce) {
  const int ranks = GetParam().ranks;
  for (const size_t n : {3, 100'000}) {
    on_all_ranks(GetParam(), [&](detail::GroupImpl& group) {
      const std::vector<bfloat16_t> in(n, bfloat16_t(group.rank() == 0 ? 1.0f : 0x1p-9f));
      const auto expected = bfloat16_t(1.0f + static_cast<float>(ranks - 1) * 0x1p-9f);
      for (const Operation operation : {Operation::all_reduce, Operation::reduce}) {
        std::vector<bfloat16_t> out(n, expected);
        const int root = operation == Operation::reduce ? 1 : -1;
        group.run({operation, Reduction::sum, bfloat16, root, bytes_of(in), writable(out)});
        for (const bfloat16_t v : out) ASSERT_EQ(float(v), float(expected));
      }
    });
  }
}

INSTANTIATE_TEST_SUITE_P(
    Algorithms, EachAlgorithm,
    ::testing::Values(Setting{"memory", 2, "direct"}, Setting{"memory", 5, "direct"},
                      Setting{"memory", 2, "doubling"}, Setting{"memory", 4, "doubling"},
                      Setting{"memory", 7, "doubling"}, Setting{"memory", 2, "ring"},
                      Setting{"memory", 3, "ring"}, Setting{"memory", 8, "ring"},
                      Setting{"memory", 3, "both_ways"}, Setting{"memory", 4, "both_ways"},
                      Setting{"tcp", 5, "both_ways"}, Setting{"memory", 2, "pairwise"},
                      Setting{"memory", 5, "pairwise"}, Setting{"memory", 7, "pairwise"},
                      Setting{"memory", 5, "tree"}, Setting{"memory", 8, "tree"},
                      Setting{"mixed", 3, "hierarchical"}, Setting{"mixed", 4, "hierarchical"},
                      Setting{"mixed", 5, "hierarchical"}, Setting{"mixed", 8, "hierarchical"}),
    name_of);

}  // namespace
}  // namespace mlx::core::distributed
