#include "mlx/distributed/algorithms/algorithms.h"

namespace mlx::core::distributed {
namespace {

// Up to this size the number of steps counts, not the number of bytes.
constexpr size_t kSmallBytes = 16 * 1024;
// One step to everyone is cheaper than several steps up to this many ranks, and
// this many bytes that a rank sends in all.
constexpr int kFewRanks = 8;
constexpr size_t kDirectBytes = 128 * 1024;

bool is_direct(size_t bytes, int ranks) {
  return ranks <= kFewRanks && bytes * static_cast<size_t>(ranks - 1) <= kDirectBytes;
}

Algorithm for_all_reduce(const Collective& c, int ranks) {
  if (is_direct(c.bytes(), ranks)) return Algorithm::direct;
  if (c.bytes() <= kSmallBytes) return Algorithm::doubling;
  // Around the ring a half type would be rounded at each rank.
  const bool rounds = reduce_into(c.dtype, c.reduction).widens() && ranks > 2;
  return rounds ? Algorithm::pairwise : Algorithm::ring;
}

Algorithm for_all_gather(const Collective& c, int ranks) {
  return is_direct(c.bytes(), ranks) ? Algorithm::direct : Algorithm::ring;
}

}  // namespace

Algorithm choose_algorithm(const Collective& c, int ranks, std::string_view wish) {
  const bool reduces = c.operation == Operation::all_reduce;
  const bool gathers = c.operation == Operation::all_gather;
  if (wish == "direct" && (reduces || gathers)) return Algorithm::direct;
  if (wish == "ring" && (reduces || gathers)) return Algorithm::ring;
  if (wish == "doubling" && reduces) return Algorithm::doubling;
  if (wish == "pairwise" && reduces) return Algorithm::pairwise;
  if (reduces) return for_all_reduce(c, ranks);
  if (gathers) return for_all_gather(c, ranks);
  return Algorithm::direct;  // the others have one algorithm each
}

namespace {

void all_reduce(Exchange& exchange, const Collective& c, Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::direct:
      return direct::all_reduce(exchange, c);
    case Algorithm::doubling:
      return doubling::all_reduce(exchange, c);
    case Algorithm::ring:
      return ring::all_reduce(exchange, c);
    case Algorithm::pairwise:
      return pairwise::all_reduce(exchange, c);
    default:
      break;
  }
}

// Nobody leaves before everybody has come: the smallest all_reduce.
void barrier(Exchange& exchange, Collective c) {
  std::byte token{1};
  c.dtype = uint8;
  c.reduction = Reduction::max;
  c.in = {&token, 1};
  c.out = {&token, 1};
  doubling::all_reduce(exchange, c);
}

}  // namespace

void run_algorithm(Exchange& exchange, const Collective& c, Algorithm algorithm) {
  switch (c.operation) {
    case Operation::all_reduce:
      return all_reduce(exchange, c, algorithm);
    case Operation::all_gather:
      return algorithm == Algorithm::ring ? ring::all_gather(exchange, c)
                                          : direct::all_gather(exchange, c);
    case Operation::reduce_scatter:
      return pairwise::reduce_scatter(exchange, c);
    case Operation::broadcast:
      return tree::broadcast(exchange, c);
    case Operation::barrier:
      return barrier(exchange, c);
    default:
      break;
  }
}

}  // namespace mlx::core::distributed
