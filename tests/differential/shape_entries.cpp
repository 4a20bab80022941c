// Creation and movement: where elements go, never what they become.

#include "call.h"
#include "mlx/core/ops.h"

namespace differential {

using namespace mlx::core;  // NOLINT

namespace {

Results do_split(const Call& c) {
  if (c.is_list("indices_or_sections")) {
    return split(c[0], c.shape("indices_or_sections"), c.integer("axis", 0));
  }
  return split(c[0], c.integer("indices_or_sections"), c.integer("axis", 0));
}

Results do_pad(const Call& c) {
  const array value = c.has("constant_values") ? c.named("constant_values") : array(0);
  const std::string mode = c.text("mode", "constant");
  const auto low = c.integers("low");
  const auto high = c.integers("high");
  if (c.has("axes")) {
    return {pad(c[0], c.integers("axes"), c.shape("low"), c.shape("high"), value, mode)};
  }
  std::vector<std::pair<int, int>> widths;
  for (size_t i = 0; i < low.size(); ++i) {
    widths.emplace_back(low[i], high[i]);
  }
  return {pad(c[0], widths, value, mode)};
}

Results do_roll(const Call& c) {
  const bool shifts = c.is_list("shift");
  if (!c.has("axis")) {
    return {shifts ? roll(c[0], c.shape("shift")) : roll(c[0], c.integer("shift"))};
  }
  if (c.is_list("axis")) {
    const auto axes = c.integers("axis");
    return {shifts ? roll(c[0], c.shape("shift"), axes) : roll(c[0], c.integer("shift"), axes)};
  }
  const int axis = c.integer("axis");
  return {shifts ? roll(c[0], c.shape("shift"), axis) : roll(c[0], c.integer("shift"), axis)};
}

Results do_arange(const Call& c) {
  const double start = c.number("start");
  const double stop = c.number("stop");
  const double step = c.number("step");
  if (c.has("dtype")) {
    return {arange(start, stop, step, c.dtype("dtype"))};
  }
  if (c.flag("integers")) {
    return {arange(c.integer("start"), c.integer("stop"), c.integer("step"))};
  }
  return {arange(start, stop, step)};
}

/// The operation of no axis, one axis or several.
#define OVER_AXES(name)                                            \
  Entry {                                                          \
#name, [](const Call& c) -> Results {                            \
      if (!c.has("axis")) return {name(c[0])};                       \
      if (c.is_list("axis")) return {name(c[0], c.integers("axis"))}; \
      return {name(c[0], c.integer("axis"))};                        \
    } \
  }
#define FORWARDS_LIST(name, ...)                                      \
  Entry {                                                             \
#name, [](const Call& c) -> Results { return name(__VA_ARGS__); } \
  }

const Entry kShapeEntries[] = {
    FORWARDS(reshape, c[0], c.shape("shape")),
    FORWARDS(unflatten, c[0], c.integer("axis"), c.shape("shape")),
    FORWARDS(flatten, c[0], c.integer("start_axis", 0), c.integer("end_axis", -1)),
    OVER_AXES(squeeze),
    OVER_AXES(flip),
    {"expand_dims",
     [](const Call& c) -> Results {
       return {c.is_list("axis") ? expand_dims(c[0], c.integers("axis"))
                                 : expand_dims(c[0], c.integer("axis"))};
     }},
    {"transpose",
     [](const Call& c) -> Results {
       return {c.has("axes") ? transpose(c[0], c.integers("axes")) : transpose(c[0])};
     }},
    FORWARDS(swapaxes, c[0], c.integer("axis1"), c.integer("axis2")),
    FORWARDS(moveaxis, c[0], c.integer("source"), c.integer("destination")),
    FORWARDS(broadcast_to, c[0], c.shape("shape")),
    FORWARDS_LIST(broadcast_arrays, c.positional()),
    FORWARDS_LIST(meshgrid, c.positional(), c.flag("sparse"), c.text("indexing", "xy")),
    {"concatenate",
     [](const Call& c) -> Results { return {concatenate(c.positional(), c.integer("axis", 0))}; }},
    {"stack",
     [](const Call& c) -> Results { return {stack(c.positional(), c.integer("axis", 0))}; }},
    {"repeat",
     [](const Call& c) -> Results {
       const int repeats = c.integer("repeats");
       return {c.has("axis") ? repeat(c[0], repeats, c.integer("axis")) : repeat(c[0], repeats)};
     }},
    FORWARDS(tile, c[0], c.integers("reps")),
    {"split", do_split},
    FORWARDS_LIST(unstack, c[0], c.integer("axis", 0)),
    {"pad", do_pad},
    {"roll", do_roll},
    FORWARDS(atleast_1d, c[0]),
    FORWARDS(atleast_2d, c[0]),
    FORWARDS(atleast_3d, c[0]),
    FORWARDS(contiguous, c[0], c.flag("allow_col_major")),
    FORWARDS(diag, c[0], c.integer("k", 0)),
    FORWARDS(diagonal, c[0], c.integer("offset", 0), c.integer("axis1", 0), c.integer("axis2", 1)),
    {"trace",
     [](const Call& c) -> Results {
       const int offset = c.integer("offset", 0);
       const int axis1 = c.integer("axis1", 0);
       const int axis2 = c.integer("axis2", 1);
       if (c.has("dtype")) return {trace(c[0], offset, axis1, axis2, c.dtype("dtype"))};
       return {trace(c[0], offset, axis1, axis2)};
     }},
    FORWARDS(tril, c[0], c.integer("k", 0)),
    FORWARDS(triu, c[0], c.integer("k", 0)),
    FORWARDS(tri, c.integer("n"), c.integer("m"), c.integer("k"), c.dtype("dtype")),
    FORWARDS(eye, c.integer("n"), c.integer("m"), c.integer("k"), c.dtype("dtype")),
    FORWARDS(identity, c.integer("n"), c.dtype("dtype")),
    {"arange", do_arange},
    FORWARDS(linspace, c.number("start"), c.number("stop"), c.integer("num"),
             c.flag("endpoint", true), c.dtype("dtype")),
    FORWARDS(zeros, c.shape("shape"), c.dtype("dtype")),
    FORWARDS(ones, c.shape("shape"), c.dtype("dtype")),
    FORWARDS(zeros_like, c[0]),
    FORWARDS(ones_like, c[0]),
    {"full",
     [](const Call& c) -> Results {
       if (c.has("dtype")) return {full(c.shape("shape"), c[0], c.dtype("dtype"))};
       return {full(c.shape("shape"), c[0])};
     }},
    {"full_like",
     [](const Call& c) -> Results {
       if (c.has("dtype")) return {full_like(c[0], c[1], c.dtype("dtype"))};
       return {full_like(c[0], c[1])};
     }},
    FORWARDS(hanning, c.integer("M")),
    FORWARDS(hamming, c.integer("M")),
    FORWARDS(bartlett, c.integer("M")),
    FORWARDS(blackman, c.integer("M")),
    {"as_strided",
     [](const Call& c) -> Results {
       const auto steps = c.integers("strides");
       return {as_strided(c[0], c.shape("shape"), Strides(steps.begin(), steps.end()),
                          static_cast<size_t>(c.integer("offset")))};
     }},
    FORWARDS(number_of_elements, c[0], c.integers("axes"), c.flag("inverted"), c.dtype("dtype")),
    {"depends", [](const Call& c) -> Results { return depends({c[0]}, {c[1]}); }},
};

}  // namespace

std::span<const Entry> shape_entries() { return kShapeEntries; }

}  // namespace differential
