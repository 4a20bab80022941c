// Products with packed matrices. Few rows of x: dot products with the codes, each of which is read
// once and never stored. More rows: tiles of codes, where the processor has instructions for them,
// or strips of the matrix that are unpacked and multiplied by gemm.

#include <algorithm>
#include <functional>
#include <numeric>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/gemm.h"
#include "mlx/core/cpu/index_positions.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/quantized.h"
#include "mlx/core/cpu/quantized_digits.h"
#include "mlx/core/cpu/quantized_matrix.h"
#include "mlx/core/cpu/quantized_tiles.h"
#include "mlx/core/graph/node.h"

namespace mlx::core::cpu {
namespace {

// Rows of x up to which unpacking does not pay; for bfloat16 where gemm takes it.
constexpr int64_t kPackedRows = 64;
constexpr int64_t kFewRowsNarrow = 24;
// Rows of x up to which integers are faster than floats.
constexpr int64_t kDigitRows = 4;
// Rows of x that are worth tiles.
constexpr int64_t kTileRows = 5;
// Rows of the matrix whose scales are prepared together.
constexpr int64_t kSliceRows = 16;
// Elements of an unpacked strip: they fit the cache of a core.
constexpr int64_t kUnpackedElements = 1 << 18;
// Columns of a strip whose columns are not rows of the matrix.
constexpr int64_t kPieceColumns = 1 << 10;
// Codes that are worth a thread.
constexpr int64_t kPackedGrain = 1 << 16;

int64_t rounded_up(int64_t x, int64_t unit) { return (x + unit - 1) / unit * unit; }

array scratch(int64_t elements, Dtype dtype) {
  array out = make_array({elements}, dtype);
  allocate(out);
  return out;
}

/// Some rows of x times one of the matrices: out[rows][outer] = x[rows][inner] w.
struct PackedProduct {
  const QuantizedMatrix& w;
  int64_t matrix;  ///< which of the batch
  bool transpose;
  int64_t inner, outer;
  int64_t rows;
  const void* x;
  void* out;
  Dtype dtype;  ///< of x and out: float32, or bfloat16 if gemm takes it

  int64_t first_row() const { return matrix * (transpose ? outer : inner); }
};

// ---- few rows

/// Rows of x in the order in which the codes come, and their sums over groups.
class ArrangedRows {
 public:
  ArrangedRows(const PackedProduct& p, const DotLayout& layout)
      : blocks_(rounded_up(p.inner, layout.block()) / layout.block()),
        groups_(rounded_up(p.w.groups(), layout.lanes) + layout.lanes),
        columns_(p.rows == 1 ? 1 : rounded_up(p.rows, kDotColumns)),
        row_(blocks_ * layout.block()),
        storage_(scratch(columns_ * (row_ + groups_), float32)) {
    std::fill_n(storage_.data<float>(), storage_.size(), 0.0f);
    const auto* x = static_cast<const float*>(p.x);
    for (int64_t r = 0; r < p.rows; ++r) {
      arrange(row(r), x + r * p.inner, p.inner, layout);
      sum_groups(sums(r), x + r * p.inner, p.w.groups(), p.w.format().group);
    }
  }

  int64_t blocks() const { return blocks_; }
  /// Room for the groups of a row, as Dot wants it.
  int64_t groups() const { return groups_; }
  float* row(int64_t r) { return storage_.data<float>() + r * row_; }
  float* sums(int64_t r) { return storage_.data<float>() + columns_ * row_ + r * groups_; }

 private:
  static void arrange(float* to, const float* x, int64_t count, const DotLayout& layout) {
    if (!layout.interleaved) {
      std::copy_n(x, count, to);
      return;
    }
    for (int64_t i = 0; i < count; ++i) {
      const int64_t within = i % layout.block();
      const int64_t step = within % layout.steps, lane = within / layout.steps;
      to[i - within + step * layout.lanes + lane] = x[i];
    }
  }

  static void sum_groups(float* to, const float* x, int64_t groups, int64_t group) {
    for (int64_t g = 0; g < groups; ++g, x += group) {
      to[g] = sum_of_group(x, group);
    }
  }

  int64_t blocks_, groups_, columns_, row_;
  array storage_;
};

/// The same rows as digits, if they have some.
class DigitRows {
 public:
  explicit DigitRows(const PackedProduct& p)
      : blocks_(rounded_up(p.w.row_words(), kDigitLanes) / kDigitLanes),
        groups_(rounded_up(p.w.groups(), kDigitLanes)),
        row_(blocks_ * kDigitLanes * 32 / p.w.format().bits * 3),
        exist_(p.rows <= kDigitRows && has_digits(code_kind(p.w.format()))),
        digits_(scratch(exist_ ? p.rows * row_ : 0, int8)),
        of_groups_(scratch(exist_ ? p.rows * 2 * groups_ : 0, float32)) {
    std::fill_n(digits_.data<int8_t>(), digits_.size(), int8_t{0});
    std::fill_n(of_groups_.data<float>(), of_groups_.size(), 0.0f);
    for (int64_t r = 0; exist_ && r < p.rows; ++r) {
      exist_ = write_digits(row(r), static_cast<const float*>(p.x) + r * p.inner, p.inner,
                            p.w.format().group, p.w.format().bits);
    }
  }

  bool exist() const { return exist_; }
  int64_t blocks() const { return blocks_; }
  DigitRow row(int64_t r) {
    float* of_groups = of_groups_.data<float>() + r * 2 * groups_;
    return {digits_.data<int8_t>() + r * row_, of_groups, of_groups + groups_};
  }

 private:
  int64_t blocks_, groups_, row_;
  bool exist_;
  array digits_, of_groups_;
};

void multiply_digits(const PackedProduct& p, DigitRows& x) {
  const int64_t slices = rounded_up(p.outer, kSliceRows) / kSliceRows;
  const int64_t grain = 1 + kPackedGrain / (kSliceRows * p.inner);
  parallel_for(slices, grain, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      const int64_t first = s * kSliceRows;
      Dot dot{.words = p.w.words(p.first_row() + first),
              .row_words = p.w.row_words(),
              .rows = std::min(kSliceRows, p.outer - first),
              .group = p.w.format().group,
              .row_groups = p.w.groups(),
              .blocks = x.blocks(),
              .out_stride = p.outer};
      for (int64_t row = 0; row < p.rows; ++row) {
        dot.out = static_cast<float*>(p.out) + row * p.outer + first;
        dot_digits(dot, x.row(row), p.w.parameters(p.first_row() + first), p.w.format().bits);
      }
    }
  });
}

// Scales and biases of the rows [begin, end), in `parameters`, with `groups` for each row.
void copy_parameters(Dot& dot, const PackedProduct& p, float* parameters, int64_t groups,
                     int64_t begin) {
  const int64_t first = p.first_row() + begin;
  float* biases = p.w.has_biases() ? parameters + kSliceRows * groups : nullptr;
  for (int64_t r = 0; r < dot.rows; ++r) {
    p.w.scales(parameters + r * groups, first + r, 0, p.w.groups());
    if (biases != nullptr) p.w.biases(biases + r * groups, first + r, 0, p.w.groups());
  }
  dot.scales = parameters;
  dot.biases = biases;
  dot.groups = groups;
}

// The rows [begin, end) of the matrix, at most kSliceRows.
void dot_slice(const PackedProduct& p, ArrangedRows& x, float* parameters, int64_t begin,
               int64_t end) {
  const CodeLoops& loops = quantized_loops().codes[static_cast<int>(code_kind(p.w.format()))];
  Dot dot{.words = p.w.words(p.first_row() + begin),
          .row_words = p.w.row_words(),
          .rows = end - begin,
          .group = p.w.format().group,
          .row_groups = p.w.groups(),
          .out_stride = p.outer};
  copy_parameters(dot, p, parameters, x.groups(), begin);
  dot.blocks = x.blocks();
  for (int64_t row = 0; row < p.rows; row += kDotColumns) {
    dot.x = x.row(row);
    dot.sums = x.sums(row);
    dot.out = static_cast<float*>(p.out) + row * p.outer + begin;
    dot.columns = std::min(kDotColumns, p.rows - row);
    (p.rows == 1 ? loops.dot : loops.dot_columns)(dot);
  }
}

void multiply_by_dots(const PackedProduct& p) {
  if (DigitRows digits(p); digits.exist()) return multiply_digits(p, digits);
  const CodeLoops& loops = quantized_loops().codes[static_cast<int>(code_kind(p.w.format()))];
  ArrangedRows x(p, loops.layout);
  const int64_t slices = rounded_up(p.outer, kSliceRows) / kSliceRows;
  const int64_t grain = 1 + kPackedGrain / (kSliceRows * p.inner);
  parallel_for(slices, grain, [&](int64_t begin, int64_t end) {
    array parameters = scratch(2 * kSliceRows * x.groups(), float32);
    std::fill_n(parameters.data<float>(), parameters.size(), 0.0f);
    for (int64_t s = begin; s < end; ++s) {
      dot_slice(p, x, parameters.data<float>(), s * kSliceRows,
                std::min(p.outer, (s + 1) * kSliceRows));
    }
  });
}

// ---- many rows

/// A piece of the matrix that is unpacked: the elements [begin, end) of the product's rows, and
/// [first, first + depth) of those of x.
struct Piece {
  int64_t begin, end, first, depth;
};

/// Unpacks pieces: [columns][depth] if transposed, else [depth][columns].
class Strip {
 public:
  Strip(const PackedProduct& p, int64_t columns, int64_t depth)
      : p_(p),
        is_narrow_(p.dtype != float32),
        longest_(p.transpose ? depth : columns),
        strip_(scratch(columns * depth, p.dtype)),
        // A row in float32, and scales and biases.
        row_(scratch(longest_ + 2 * longest_ / p.w.format().group, float32)) {}

  const void* unpack(const Piece& piece) {
    const int64_t columns = piece.end - piece.begin;
    const int64_t rows = p_.transpose ? columns : piece.depth;
    const int64_t first = p_.transpose ? piece.first : piece.begin;
    const int64_t count = p_.transpose ? piece.depth : columns;
    const int64_t first_row = p_.first_row() + (p_.transpose ? piece.begin : piece.first);
    auto* out = strip_.data<std::byte>();
    auto* wide = row_.data<float>();
    for (int64_t r = 0; r < rows; ++r, out += count * p_.dtype.size()) {
      float* to = is_narrow_ ? wide : reinterpret_cast<float*>(out);
      p_.w.unpack(to, first_row + r, first, count, wide + longest_);
      if (is_narrow_) narrow_to(p_.dtype, out, wide, count);
    }
    return strip_.data<void>();
  }

 private:
  const PackedProduct& p_;
  bool is_narrow_;
  int64_t longest_;
  array strip_, row_;
};

int64_t strip_columns(const PackedProduct& p) {
  const int64_t fits = std::max<int64_t>(16, kUnpackedElements / p.inner);
  const int64_t share = (p.outer + thread_count() - 1) / thread_count();
  // Whole groups of any size, and long pieces of rows that are not columns of the product.
  return p.transpose ? std::min(fits, share)
                     : rounded_up(std::min(std::max(fits, kPieceColumns), share), 128);
}

void multiply_by_strips(const PackedProduct& p) {
  const int64_t columns = strip_columns(p);
  // Sums over several pieces are in float32.
  const bool whole = p.transpose || p.dtype != float32;
  const int64_t depth = whole ? p.inner : std::min(p.inner, kUnpackedElements / columns);
  parallel_for(rounded_up(p.outer, columns) / columns, 1, [&](int64_t begin, int64_t end) {
    Strip strip(p, columns, depth);
    for (int64_t s = begin; s < end; ++s) {
      const int64_t from = s * columns, to = std::min(p.outer, from + columns);
      for (int64_t k = 0; k < p.inner; k += depth) {
        const Piece piece{from, to, k, std::min(depth, p.inner - k)};
        gemm({.dtype = p.dtype,
              .m = p.rows,
              .n = to - from,
              .k = piece.depth,
              .a = {static_cast<const std::byte*>(p.x) + k * p.dtype.size(), p.inner, false},
              .b = {strip.unpack(piece), p.transpose ? piece.depth : to - from, p.transpose},
              .c = static_cast<std::byte*>(p.out) + from * p.dtype.size(),
              .c_stride = p.outer,
              .beta = k == 0 ? 0.0f : 1.0f});
      }
    }
  });
}

// ---- batches

/// Which matrix of x meets which packed one, for each matrix of the output.
struct Pairs {
  Positions x, w;
};

// The matrices of x that `pairs` name in [begin, end), one after the other.
array collected(const array& x, const Positions& indices, int64_t begin, int64_t end) {
  const int64_t bytes = x.shape(-2) * x.shape(-1) * x.dtype().size();
  array out = make_array({end - begin, x.shape(-2), x.shape(-1)}, x.dtype());
  allocate(out);
  for (int64_t i = begin; i < end; ++i) {
    std::copy_n(x.data<std::byte>() + indices[i] * bytes, bytes,
                out.data<std::byte>() + (i - begin) * bytes);
  }
  return out;
}

bool follow_each_other(const Positions& indices, int64_t begin, int64_t end) {
  for (int64_t i = begin + 1; i < end; ++i) {
    if (indices[i] != indices[i - 1] + 1) return false;
  }
  return true;
}

bool takes_tiles(const QuantFormat& format, int64_t rows) {
  return rows >= kTileRows && has_tiles(format);
}

// Equal packed matrices in a row make one product of more rows of x.
// For `rounded` results the matrix may be, too.
void multiply(const QuantizedMatrix& w, bool transpose, const array& x, array& out, bool rounded,
              const Pairs& pairs) {
  const int64_t rows = out.shape(-2), inner = x.shape(-1), outer = out.shape(-1);
  const auto count = static_cast<int64_t>(pairs.w.size());
  for (int64_t begin = 0, end = 0; begin < count; begin = end) {
    while (end < count && pairs.w[end] == pairs.w[begin]) ++end;
    const bool in_place = follow_each_other(pairs.x, begin, end);
    const array own = in_place ? x : collected(x, pairs.x, begin, end);
    const int64_t at = in_place ? pairs.x[begin] * rows * inner : 0;
    const PackedProduct p{.w = w,
                          .matrix = pairs.w[begin],
                          .transpose = transpose,
                          .inner = inner,
                          .outer = outer,
                          .rows = (end - begin) * rows,
                          .x = own.data<std::byte>() + at * x.dtype().size(),
                          .out = out.data<std::byte>() + begin * rows * outer * x.dtype().size(),
                          .dtype = x.dtype()};
    if (transpose && p.dtype == float32 && takes_tiles(w.format(), p.rows) &&
        multiply_by_tiles(w, p.first_row(), outer, static_cast<const float*>(p.x), p.rows,
                          static_cast<float*>(p.out), rounded && p.rows > kPackedRows)) {
      continue;
    }
    if (transpose && p.rows <= kPackedRows && p.dtype == float32) {
      multiply_by_dots(p);
    } else {
      multiply_by_strips(p);
    }
  }
}

// Of x, that meet the same packed matrix in a row; on average.
int64_t rows_of_a_run(const Pairs& pairs, int64_t rows) {
  const auto count = static_cast<int64_t>(pairs.w.size());
  int64_t runs = 1;
  for (int64_t i = 1; i < count; ++i) runs += pairs.w[i] != pairs.w[i - 1] ? 1 : 0;
  return count * rows / runs;
}

void run(const KernelArgs& args, const Pairs& pairs) {
  const auto& [format, transpose] = args.attrs.get<QuantMatmulAttrs>();
  array& out = args.outputs[0];
  allocate(out);
  const array& x = args.inputs[0];
  if (out.size() == 0 || x.shape(-1) == 0) {
    std::fill_n(out.data<std::byte>(), out.nbytes(), std::byte{0});
    return;
  }
  const QuantizedMatrix w(format, args.inputs.subspan(1));
  const int64_t rows = rows_of_a_run(pairs, x.shape(-2));
  const bool narrow =
      out.dtype() == bfloat16 && rows > kFewRowsNarrow && !(transpose && takes_tiles(format, rows));
  const Dtype dtype = narrow ? gemm_dtype(bfloat16) : float32;
  array result = out;
  if (dtype != out.dtype()) {
    result = make_array(out.shape(), dtype);
    allocate(result);
  }
  multiply(w, transpose, row_contiguous(x, dtype), result, out.dtype() == bfloat16, pairs);
  if (dtype != out.dtype()) copy_to(result, out.data<void>(), out.dtype());
}

int64_t batch_size(const array& x) {
  return std::accumulate(x.shape().begin(), x.shape().end() - 2, int64_t{1}, std::multiplies<>());
}

// The matrix of x for each matrix of the output that x broadcasts to.
Positions broadcast_positions(const array& x, const array& out) {
  const size_t axes = out.ndim() - 2, extra = out.ndim() - x.ndim();
  Strides steps(axes, 0);
  int64_t step = 1;
  for (size_t axis = axes; axis-- > extra;) {
    const ShapeElem size = x.shape()[axis - extra];
    steps[axis] = size == 1 ? 0 : step;
    step *= size;
  }
  Positions positions(static_cast<size_t>(batch_size(out)));
  for (int64_t p = 0; p < static_cast<int64_t>(positions.size()); ++p) {
    int64_t rest = p;
    positions[p] = 0;
    for (size_t axis = axes; axis-- > 0;) {
      positions[p] += rest % out.shape()[axis] * steps[axis];
      rest /= out.shape()[axis];
    }
  }
  return positions;
}

}  // namespace

void quantized_matmul(const KernelArgs& args) {
  const array& out = args.outputs[0];
  run(args, {broadcast_positions(args.inputs[0], out), broadcast_positions(args.inputs[1], out)});
}

void gather_qmm(const KernelArgs& args) {
  const size_t lhs = args.inputs.size() - 2;
  const auto positions = [&](size_t index, const array& of) {
    return index_positions(args.inputs[index], {0, batch_size(of), 1}, "gather_qmm");
  };
  run(args, {positions(lhs, args.inputs[0]), positions(lhs + 1, args.inputs[1])});
}

}  // namespace mlx::core::cpu
