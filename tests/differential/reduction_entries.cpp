// Reductions, cumulative operations, sorting.

#include "call.h"
#include "mlx/core/ops.h"

namespace differential {

using namespace mlx::core;  // NOLINT

/// No axis, one, or a list, each by its own overload.
#define REDUCTION(name)                                                        \
  Entry {                                                                      \
#name, [](const Call& c) -> Results {                                        \
      const bool keepdims = c.flag("keepdims");                                  \
      if (!c.has("axis")) return {name(c[0], keepdims)};                         \
      if (c.is_list("axis")) return {name(c[0], c.integers("axis"), keepdims)};  \
      return {name(c[0], c.integer("axis"), keepdims)};                          \
    } \
  }
#define SPREAD(name)                                                                  \
  Entry {                                                                             \
#name, [](const Call& c) -> Results {                                               \
      const bool keepdims = c.flag("keepdims");                                         \
      const int ddof = c.integer("ddof", 0);                                            \
      if (!c.has("axis")) return {mlx::core::name(c[0], keepdims, ddof)};               \
      if (c.is_list("axis")) return {mlx::core::name(c[0], c.integers("axis"), keepdims, ddof)}; \
      return {mlx::core::name(c[0], c.integer("axis"), keepdims, ddof)};                \
    } \
  }
#define POSITION(name)                                   \
  Entry {                                                \
#name, [](const Call& c) -> Results {                  \
      const bool keepdims = c.flag("keepdims");            \
      if (!c.has("axis")) return {name(c[0], keepdims)};   \
      return {name(c[0], c.integer("axis"), keepdims)};    \
    } \
  }
#define SCAN(name)                                                                \
  Entry {                                                                         \
#name, [](const Call& c) -> Results {                                           \
      const bool reverse = c.flag("reverse");                                       \
      const bool inclusive = c.flag("inclusive", true);                             \
      if (!c.has("axis")) return {name(c[0], reverse, inclusive)};                  \
      return {name(c[0], c.integer("axis"), reverse, inclusive)};                   \
    } \
  }
#define TYPED_SCAN(name)                                                          \
  Entry {                                                                         \
#name, [](const Call& c) -> Results {                                           \
      const bool reverse = c.flag("reverse");                                       \
      const bool inclusive = c.flag("inclusive", true);                             \
      const auto dtype = c.maybe_dtype("dtype");                                    \
      if (!c.has("axis")) return {name(c[0], reverse, inclusive, dtype)};           \
      return {name(c[0], c.integer("axis"), reverse, inclusive, dtype)};            \
    } \
  }
/// "flat" asks for the overload without an axis; the default is the last one.
#define SORTING(name)                                                   \
  Entry {                                                               \
#name, [](const Call& c) -> Results {                                 \
      if (!c.has("axis")) return {name(c[0])};                            \
      return {name(c[0], c.integer("axis"))};                             \
    } \
  }
#define SELECTION(name, count)                                          \
  Entry {                                                               \
#name, [](const Call& c) -> Results {                                 \
      if (!c.has("axis")) return {name(c[0], c.integer(count))};          \
      return {name(c[0], c.integer(count), c.integer("axis"))};           \
    } \
  }

namespace {

const Entry kReductionEntries[] = {
    REDUCTION(sum),
    REDUCTION(prod),
    REDUCTION(max),
    REDUCTION(min),
    REDUCTION(all),
    REDUCTION(any),
    REDUCTION(mean),
    REDUCTION(median),
    REDUCTION(logsumexp),
    REDUCTION(count_nonzero),
    SPREAD(var),
    SPREAD(std),
    POSITION(argmin),
    POSITION(argmax),
    SCAN(cummax),
    SCAN(cummin),
    SCAN(logcumsumexp),
    TYPED_SCAN(cumsum),
    TYPED_SCAN(cumprod),
    SORTING(sort),
    SORTING(argsort),
    SELECTION(partition, "kth"),
    SELECTION(argpartition, "kth"),
    SELECTION(topk, "k"),
    {"searchsorted",
     [](const Call& c) -> Results { return {searchsorted(c[0], c[1], c.text("side", "left"))}; }},
    {"softmax",
     [](const Call& c) -> Results {
       const bool precise = c.flag("precise");
       if (!c.has("axis")) return {softmax(c[0], precise)};
       if (c.is_list("axis")) return {softmax(c[0], c.integers("axis"), precise)};
       return {softmax(c[0], c.integer("axis"), precise)};
     }},
    {"diff",
     [](const Call& c) -> Results {
       return {diff(c[0], c.integer("n", 1), c.integer("axis", -1))};
     }},
};

}  // namespace

std::span<const Entry> reduction_entries() { return kReductionEntries; }

}  // namespace differential
