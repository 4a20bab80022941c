#include "mlx/core/cpu/fft_rows.h"

#include <algorithm>
#include <vector>

#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/scratch.h"

namespace mlx::core::cpu {
namespace {

// Fewer rows than this leave too many lanes empty; then a row at a time, if it is long.
constexpr int64_t kFewTransforms = 8;
// Elements of a long row that one thread should have at least.
constexpr int64_t kSplitGrain = 1 << 13;

using Buffer = Scratch<float>;

/// The buffers of a thread.
class Lanes {
 public:
  explicit Lanes(const FftPlan& plan)
      : plan_(plan),
        x_(plan.buffer_elements() * kFftElement),
        y_(plan.buffer_elements() * kFftElement) {}

  float* input() { return x_.data(); }
  /// Transforms the input.
  float* run() { return plan_.run(x_.data(), y_.data()); }
  /// The buffer that run() did not return.
  float* other(const float* result) { return result == x_.data() ? y_.data() : x_.data(); }

 private:
  const FftPlan& plan_;
  Buffer x_, y_;
};

// A long row as a matrix [first][second]: transforms along the columns, whose
// neighbours are the lanes; factors; transforms along the rows, whose results
// are neighbours again.
void fft_split(const FftPlan::Split& split, float* to, const float* from, const FftRow& row) {
  const FftLoops& loops = fft_loops();
  const int64_t first = split.first->length(), second = split.second->length();
  const Buffer middle(2 * split.n);
  const auto grain = [](int64_t n) { return 1 + kSplitGrain / (n * kFftLanes); };
  parallel_for((second + kFftLanes - 1) / kFftLanes, grain(first), [&](int64_t begin, int64_t end) {
    Lanes lanes(*split.first);
    std::vector<float> factors(static_cast<size_t>(2 * first));
    for (int64_t column = begin * kFftLanes; column < std::min(end * kFftLanes, second);
         column += kFftLanes) {
      const int64_t count = std::min(kFftLanes, second - column);
      loops.load(lanes.input(), from + 2 * column * row.from_step, first,
                 {row.from_step, second * row.from_step, count}, row.inverse);
      float* x = lanes.run();
      split.factors(factors.data(), column);
      loops.twist(x, first, factors.data(), split.rotations.data());
      loops.store(middle.data() + 2 * column, x, first, {1, second, count}, false, 1);
    }
  });
  parallel_for((first + kFftLanes - 1) / kFftLanes, grain(second), [&](int64_t begin, int64_t end) {
    Lanes lanes(*split.second);
    for (int64_t k = begin * kFftLanes; k < std::min(end * kFftLanes, first); k += kFftLanes) {
      const int64_t count = std::min(kFftLanes, first - k);
      loops.load(lanes.input(), middle.data() + 2 * k * second, second, {second, 1, count}, false);
      loops.store(to + 2 * k * row.to_step, lanes.run(), second,
                  {row.to_step, first * row.to_step, count}, row.inverse, row.scale);
    }
  });
}

void multiply(float* x, const float* y, int64_t n) {
  for (int64_t i = 0; i < 2 * n; i += 2) {
    const float re = x[i] * y[i] - x[i + 1] * y[i + 1];
    x[i + 1] = x[i] * y[i + 1] + x[i + 1] * y[i];
    x[i] = re;
  }
}

void fft_chirp(const FftPlan& plan, float* to, const float* from, const FftRow& row) {
  const FftPlan::Chirp& chirp = *plan.chirp();
  const int64_t n = plan.length(), power = chirp.power->length();
  const Buffer x(2 * power);
  std::fill(x.data() + 2 * n, x.data() + 2 * power, 0.0f);
  const int64_t re = row.inverse ? 1 : 0, im = 1 - re;
  for (int64_t i = 0; i < n; ++i) {
    x[2 * i] = from[2 * i * row.from_step + re];
    x[2 * i + 1] = from[2 * i * row.from_step + im];
  }
  multiply(x.data(), chirp.chirp.data(), n);
  fft_of_one(*chirp.power, x.data(), x.data(), {});
  multiply(x.data(), chirp.filter.data(), power);
  fft_of_one(*chirp.power, x.data(), x.data(), {.inverse = true});
  multiply(x.data(), chirp.chirp.data(), n);
  for (int64_t i = 0; i < n; ++i) {
    to[2 * i * row.to_step + re] = x[2 * i] * row.scale;
    to[2 * i * row.to_step + im] = x[2 * i + 1] * row.scale;
  }
}

/// Up to kFftLanes rows at equal distances.
struct RowGroup {
  int64_t outer, inner;  ///< of the first
  bool along_inner;
  int64_t lanes;

  /// Offset and layout in an array with `n` elements along the axis.
  int64_t offset(int64_t n, const FftRows& rows) const { return outer * n * rows.inner + inner; }
  FftLayout layout(int64_t n, const FftRows& rows) const {
    return {along_inner ? 1 : n * rows.inner, rows.inner, lanes};
  }
};

/// All rows, in groups.
class RowGroups {
 public:
  explicit RowGroups(const FftRows& rows)
      : along_inner_(rows.inner >= std::min(rows.outer, kFftLanes)),
        along_(along_inner_ ? rows.inner : rows.outer),
        across_(along_inner_ ? rows.outer : rows.inner),
        in_a_line_((along_ + kFftLanes - 1) / kFftLanes) {}

  int64_t size() const { return across_ * in_a_line_; }
  /// Without lanes behind the last.
  RowGroup operator[](int64_t i) const {
    const int64_t line = i / in_a_line_, start = i % in_a_line_ * kFftLanes;
    const int64_t lanes = i < size() ? std::min(kFftLanes, along_ - start) : 0;
    return {along_inner_ ? line : start, along_inner_ ? start : line, along_inner_, lanes};
  }

 private:
  bool along_inner_;
  int64_t along_, across_, in_a_line_;
};

bool by_lanes(const FftPlan& plan, const FftRows& rows) {
  const bool few = rows.outer * rows.inner < kFewTransforms && rows.n >= kShortestFftSplit;
  return plan.has_lanes() && !(few && (plan.split() || plan.chirp()));
}

// Work that is worth a thread, in groups.
int64_t grain(const FftRows& rows) { return std::max<int64_t>(1, 1024 / rows.n); }

template <typename Body>
void for_each_row(const FftRows& rows, const Body& body) {
  for (int64_t o = 0; o < rows.outer; ++o) {
    for (int64_t i = 0; i < rows.inner; ++i) body(o, i);
  }
}

}  // namespace

void fft_of_one(const FftPlan& plan, float* to, const float* from, const FftRow& row) {
  const bool short_enough = plan.has_lanes() && plan.length() < kShortestFftSplit;
  if (plan.split()) {
    fft_split(*plan.split(), to, from, row);
  } else if (plan.chirp() && !short_enough) {
    fft_chirp(plan, to, from, row);
  } else {
    Lanes lanes(plan);
    const int64_t n = plan.length();
    fft_loops().load(lanes.input(), from, n, {0, row.from_step, 1}, row.inverse);
    fft_loops().store(to, lanes.run(), n, {0, row.to_step, 1}, row.inverse, row.scale);
  }
}

void fft_complex(const FftRows& rows, float* to, const float* from) {
  const FftPlanPtr plan = FftPlan::of(rows.n);
  const FftLoops& loops = fft_loops();
  if (!by_lanes(*plan, rows)) {
    for_each_row(rows, [&](int64_t o, int64_t i) {
      const int64_t at = 2 * (o * rows.n * rows.inner + i);
      fft_of_one(*plan, to + at, from + at, {rows.inner, rows.inner, rows.inverse, rows.scale});
    });
    return;
  }
  const RowGroups groups(rows);
  parallel_for(groups.size(), grain(rows), [&](int64_t begin, int64_t end) {
    Lanes lanes(*plan);
    for (int64_t g = begin; g < end; ++g) {
      const RowGroup group = groups[g];
      const int64_t at = 2 * group.offset(rows.n, rows);
      const FftLayout layout = group.layout(rows.n, rows);
      loops.load(lanes.input(), from + at, rows.n, layout, rows.inverse);
      loops.store(to + at, lanes.run(), rows.n, layout, rows.inverse, rows.scale);
    }
  });
}

void fft_from_real(const FftRows& rows, float* to, const float* from) {
  const FftPlanPtr plan = FftPlan::of(rows.n);
  const FftLoops& loops = fft_loops();
  const int64_t n = rows.n, half = n / 2 + 1;
  if (!by_lanes(*plan, rows)) {
    const Buffer row(2 * n);
    for_each_row(rows, [&](int64_t o, int64_t i) {
      for (int64_t k = 0; k < n; ++k) {
        row[2 * k] = from[(o * n + k) * rows.inner + i];
        row[2 * k + 1] = 0;
      }
      fft_of_one(*plan, row.data(), row.data(), {.scale = rows.scale});
      for (int64_t k = 0; k < half; ++k) {
        std::copy_n(&row[2 * k], 2, to + 2 * ((o * half + k) * rows.inner + i));
      }
    });
    return;
  }
  const RowGroups groups(rows);
  parallel_for((groups.size() + 1) / 2, grain(rows), [&](int64_t begin, int64_t end) {
    Lanes lanes(*plan);
    const Buffer second(half * kFftElement);
    for (int64_t g = begin; g < end; ++g) {
      const RowGroup pair[] = {groups[2 * g], groups[2 * g + 1]};
      for (int part = 0; part < 2; ++part) {
        const int64_t at = pair[part].lanes > 0 ? pair[part].offset(n, rows) : 0;
        loops.load_real(lanes.input(), from + at, n, pair[part].layout(n, rows), part);
      }
      float* both = lanes.run();
      float* parts[] = {lanes.other(both), second.data()};
      loops.separate(parts[0], parts[1], both, n);
      for (int part = 0; part < 2; ++part) {
        if (pair[part].lanes == 0) continue;
        loops.store(to + 2 * pair[part].offset(half, rows), parts[part], half,
                    pair[part].layout(half, rows), false, rows.scale);
      }
    }
  });
}

void fft_to_real(const FftRows& rows, float* to, const float* from) {
  const FftPlanPtr plan = FftPlan::of(rows.n);
  const FftLoops& loops = fft_loops();
  const int64_t n = rows.n, half = n / 2 + 1;
  if (!by_lanes(*plan, rows)) {
    const Buffer row(2 * n);
    for_each_row(rows, [&](int64_t o, int64_t i) {
      for (int64_t k = 0; k < half; ++k) {
        const float* x = from + 2 * ((o * half + k) * rows.inner + i);
        const bool real = k == 0 || 2 * k == n;
        if (k > 0) {
          row[2 * (n - k)] = x[0];
          row[2 * (n - k) + 1] = -x[1];
        }
        row[2 * k] = x[0];
        row[2 * k + 1] = real ? 0 : x[1];
      }
      fft_of_one(*plan, row.data(), row.data(), {.inverse = true, .scale = rows.scale});
      for (int64_t k = 0; k < n; ++k) to[(o * n + k) * rows.inner + i] = row[2 * k];
    });
    return;
  }
  const RowGroups groups(rows);
  parallel_for((groups.size() + 1) / 2, grain(rows), [&](int64_t begin, int64_t end) {
    Lanes lanes(*plan);
    const Buffer first(half * kFftElement), second(half * kFftElement);
    float* const parts[] = {first.data(), second.data()};
    for (int64_t g = begin; g < end; ++g) {
      const RowGroup pair[] = {groups[2 * g], groups[2 * g + 1]};
      for (int part = 0; part < 2; ++part) {
        const int64_t at = pair[part].lanes > 0 ? 2 * pair[part].offset(half, rows) : 0;
        loops.load(parts[part], from + at, half, pair[part].layout(half, rows), false);
      }
      loops.join_swapped(lanes.input(), parts[0], parts[1], n);
      const float* result = lanes.run();
      for (int part = 0; part < 2; ++part) {
        if (pair[part].lanes == 0) continue;
        loops.store_real(to + pair[part].offset(n, rows), result, n, pair[part].layout(n, rows),
                         1 - part, rows.scale);
      }
    }
  });
}

}  // namespace mlx::core::cpu
