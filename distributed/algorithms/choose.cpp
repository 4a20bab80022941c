#include <limits>

#include "mlx/core/base/error.h"
#include "mlx/distributed/algorithms/algorithms.h"

namespace mlx::core::distributed {
namespace {

constexpr int kAnyRanks = std::numeric_limits<int>::max();
constexpr size_t kAnyBytes = std::numeric_limits<size_t>::max();
constexpr size_t kKiB = 1024;

struct Row {
  Operation operation;
  int ranks;     // up to so many
  size_t bytes;  // of a rank's part, up to so many
  Algorithm algorithm;
  void (*run)(Team&, const Collective&);
};

// The first row that fits is chosen. Measured between threads and processes of
// one host: up to some KiB the number of steps counts, and one step to everyone
// is best while the ranks are few; then the bytes count.
using O = Operation;
using A = Algorithm;
constexpr Row kRows[] = {
    {O::all_reduce, 2, 32 * kKiB, A::direct, direct::all_reduce},
    {O::all_reduce, 5, 8 * kKiB, A::direct, direct::all_reduce},
    {O::all_reduce, 8, 1 * kKiB, A::direct, direct::all_reduce},
    {O::all_reduce, kAnyRanks, 16 * kKiB, A::doubling, doubling::all_reduce},
    {O::all_reduce, kAnyRanks, kAnyBytes, A::hierarchical, hierarchical::all_reduce},
    {O::all_reduce, kAnyRanks, kAnyBytes, A::ring, ring::all_reduce},
    {O::all_reduce, kAnyRanks, kAnyBytes, A::pairwise, pairwise::all_reduce},
    {O::all_reduce, kAnyRanks, kAnyBytes, A::both_ways, both_ways::all_reduce},

    {O::all_gather, 8, 16 * kKiB, A::direct, direct::all_gather},
    {O::all_gather, kAnyRanks, kAnyBytes, A::ring, ring::all_gather},
    {O::all_gather, kAnyRanks, kAnyBytes, A::both_ways, both_ways::all_gather},

    {O::reduce_scatter, kAnyRanks, kAnyBytes, A::pairwise, pairwise::reduce_scatter},

    {O::broadcast, kAnyRanks, kAnyBytes, A::tree, tree::broadcast},
    {O::broadcast, kAnyRanks, kAnyBytes, A::ring, ring::broadcast},

    {O::reduce, kAnyRanks, 128 * kKiB, A::tree, tree::reduce},
    {O::reduce, kAnyRanks, kAnyBytes, A::pairwise, pairwise::reduce},

    {O::gather, kAnyRanks, kAnyBytes, A::direct, direct::gather},
    {O::scatter, kAnyRanks, kAnyBytes, A::direct, direct::scatter},
    {O::all_to_all, kAnyRanks, kAnyBytes, A::pairwise, pairwise::all_to_all},
    {O::barrier, kAnyRanks, kAnyBytes, A::doubling, doubling::barrier},
};

constexpr std::pair<std::string_view, Algorithm> kNames[] = {
    {"direct", A::direct},
    {"doubling", A::doubling},
    {"ring", A::ring},
    {"both_ways", A::both_ways},
    {"pairwise", A::pairwise},
    {"tree", A::tree},
    {"hierarchical", A::hierarchical},
};

bool has_name(Algorithm algorithm, std::string_view name) {
  for (const auto& [text, value] : kNames) {
    if (value == algorithm) return text == name;
  }
  return false;
}

// Whether the algorithm can do it at all.
bool suits(const Row& row, const Collective& c, const Hosts& hosts) {
  if (row.operation != c.operation) return false;
  if (row.algorithm == A::hierarchical) return hosts.mixed();
  if (row.algorithm == A::both_ways && hosts.ranks() == 2) return false;
  // Around a ring a half type would be rounded at each rank.
  const bool around = row.algorithm == A::ring || row.algorithm == A::both_ways;
  const bool ring_of_sums = around && c.operation == O::all_reduce;
  return !ring_of_sums || hosts.ranks() == 2 || !reduce_into(c.dtype, c.reduction).widens();
}

// What a rank gives; on the average where that differs.
size_t part_bytes(const Collective& c, int ranks) {
  const bool of_all = c.operation == O::all_gather && !c.out_parts.empty();
  return c.bytes() / (of_all ? static_cast<size_t>(ranks) : 1);
}

}  // namespace

Algorithm choose_algorithm(const Collective& c, const Hosts& hosts, std::string_view wish) {
  if (!wish.empty()) {
    for (const Row& row : kRows) {
      if (suits(row, c, hosts) && has_name(row.algorithm, wish)) return row.algorithm;
    }
  }
  const size_t bytes = part_bytes(c, hosts.ranks());
  for (const Row& row : kRows) {
    const bool fits = hosts.ranks() <= row.ranks && bytes <= row.bytes;
    if (fits && suits(row, c, hosts)) return row.algorithm;
  }
  throw_invalid("[", operation_name(c.operation, c.reduction), "] No algorithm can do it.");
}

void run_algorithm(Exchange& exchange, const Collective& c, Algorithm algorithm) {
  Team everyone(exchange);
  for (const Row& row : kRows) {
    if (row.operation == c.operation && row.algorithm == algorithm) return row.run(everyone, c);
  }
}

}  // namespace mlx::core::distributed
