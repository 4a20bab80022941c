// Slices, gathers, scatters.

#include "call.h"
#include "mlx/core/ops.h"

namespace differential {

using namespace mlx::core;  // NOLINT

namespace {

/// Indices follow the first `skip` arrays.
std::vector<array> indices_after(const Call& c, size_t skip) {
  const std::vector<array> all = c.positional();
  return {all.begin() + static_cast<std::ptrdiff_t>(skip), all.end()};
}

#define UPDATE(op)                                                                        \
  Entry {                                                                                 \
#op, [](const Call& c) -> Results {                                                     \
      if (!c.has("strides")) return {op(c[0], c[1], c.shape("start"), c.shape("stop"))};    \
      return {op(c[0], c[1], c.shape("start"), c.shape("stop"), c.shape("strides"))};       \
    } \
  }
/// Arrays: operand, updates, indices.
#define SCATTER(op)                                                                            \
  Entry {                                                                                      \
#op, [](const Call& c)                                                                     \
              -> Results { return {op(c[0], indices_after(c, 2), c[1], c.integers("axes"))}; } \
  }

const Entry kIndexingEntries[] = {
    {"slice",
     [](const Call& c) -> Results {
       if (!c.has("strides")) return {slice(c[0], c.shape("start"), c.shape("stop"))};
       return {slice(c[0], c.shape("start"), c.shape("stop"), c.shape("strides"))};
     }},
    {"slice_at",
     [](const Call& c) -> Results {
       return {slice(c[0], c[1], c.integers("axes"), c.shape("slice_size"))};
     }},
    {"slice_update_at",
     [](const Call& c) -> Results { return {slice_update(c[0], c[1], c[2], c.integers("axes"))}; }},
    UPDATE(slice_update),
    UPDATE(slice_update_add),
    UPDATE(slice_update_prod),
    UPDATE(slice_update_max),
    UPDATE(slice_update_min),
    {"take",
     [](const Call& c) -> Results {
       if (!c.has("axis")) return {take(c[0], c[1])};
       return {take(c[0], c[1], c.integer("axis"))};
     }},
    {"take_one",
     [](const Call& c) -> Results {
       if (!c.has("axis")) return {take(c[0], c.integer("index"))};
       return {take(c[0], c.integer("index"), c.integer("axis"))};
     }},
    {"take_along_axis",
     [](const Call& c) -> Results { return {take_along_axis(c[0], c[1], c.integer("axis"))}; }},
    {"put_along_axis",
     [](const Call& c) -> Results {
       return {put_along_axis(c[0], c[1], c[2], c.integer("axis"))};
     }},
    {"scatter_add_axis",
     [](const Call& c) -> Results {
       return {scatter_add_axis(c[0], c[1], c[2], c.integer("axis"))};
     }},
    {"gather",
     [](const Call& c) -> Results {
       return {gather(c[0], indices_after(c, 1), c.integers("axes"), c.shape("slice_sizes"))};
     }},
    SCATTER(scatter),
    SCATTER(scatter_add),
    SCATTER(scatter_prod),
    SCATTER(scatter_max),
    SCATTER(scatter_min),
    {"masked_scatter", [](const Call& c) -> Results { return {masked_scatter(c[0], c[1], c[2])}; }},
};

}  // namespace

std::span<const Entry> indexing_entries() { return kIndexingEntries; }

}  // namespace differential
