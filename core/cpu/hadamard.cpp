// The Hadamard transform of rows.

#include <algorithm>
#include <bit>
#include <span>
#include <vector>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/hadamard_loops.h"
#include "mlx/core/cpu/instruction_set.h"
#include "mlx/core/cpu/matmul.h"
#include "mlx/core/cpu/matrix_view.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/tile_loops.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/matmul_ops.h"

namespace mlx::core::cpu {
namespace {

// Elements that are worth a thread.
constexpr int64_t kHadamardGrain = 1 << 14;

// The matrices that are not Sylvester's: in each row a bit for each element, the
// lowest for the first, which is set where the element is -1.
constexpr uint32_t kNegative12[] = {0x2,   0xaab, 0x3c8, 0x96e, 0xf20, 0x5ba,
                                    0xc8c, 0x6e6, 0x23c, 0xb96, 0x8f0, 0xe5a};
constexpr uint32_t kNegative20[] = {0x933de, 0x2e3bd, 0x5477b, 0xa0ef7, 0x499ef, 0x637c1, 0xc6ba2,
                                    0x8d764, 0x1aee8, 0x359f0, 0xfa53,  0x174a7, 0x26d4e, 0x45e9c,
                                    0x83d39, 0xf7a6d, 0xef4fa, 0xdedd5, 0xbdf8b, 0x7bf36};
constexpr uint32_t kNegative28[] = {
    0xcd69e7e, 0x9ad7c7d, 0x37ab8fb, 0x6d571f7, 0xd8ae3ef, 0xb3587df, 0x66b4f3f,
    0xb467f43, 0x6acbe87, 0xd593d8e, 0xab27b9c, 0x564f7b8, 0xac9aff0, 0x5b31fe1,
    0x87fb325, 0xff66ca,  0x1decd95, 0x39ddb2a, 0x71bf654, 0xe17eca9, 0xc2fd9d2,
    0xfcf1299, 0xfbe2532, 0xf7c4ae4, 0xef8d549, 0xdf1ea13, 0xbe3d4a6, 0x7e7a94c};

std::span<const uint32_t> negative_bits(int64_t n) {
  for (const std::span<const uint32_t> rows :
       {std::span<const uint32_t>(kNegative12), std::span<const uint32_t>(kNegative20),
        std::span<const uint32_t>(kNegative28)}) {
    const auto order = static_cast<int64_t>(rows.size());
    if (n % order == 0 && std::has_single_bit(static_cast<uint64_t>(n / order))) return rows;
  }
  return {};
}

bool is_negative(std::span<const uint32_t> bits, int64_t row, int64_t column) {
  return (bits[static_cast<size_t>(row)] >> column & 1) != 0;
}

template <typename T>
class Transform {
 public:
  Transform(int64_t n, const HadamardAttrs& attrs, void (*row)(const HadamardRow<T>&))
      : n_(n), scale_(static_cast<T>(attrs.scale)), row_(row) {
    const std::span<const uint32_t> bits = negative_bits(n);
    order_ = std::max<int64_t>(1, static_cast<int64_t>(bits.size()));
    for (int64_t i = 0; order_ > 1 && i < order_ * order_; ++i) {
      const int64_t row = i / order_, column = i % order_;
      const bool negative =
          attrs.transposed ? is_negative(bits, column, row) : is_negative(bits, row, column);
      matrix_.push_back(negative ? T{-1} : T{1});
    }
  }

  void operator()(T* x, std::vector<T>& spare) const {
    spare.resize(order_ > 1 ? static_cast<size_t>(n_) : 0);
    row_({x, n_ / order_, order_, matrix_.data(), scale_, spare.data()});
  }

 private:
  int64_t n_, order_ = 1;
  T scale_;
  void (*row_)(const HadamardRow<T>&);
  std::vector<T> matrix_;
};

int64_t grain_of(int64_t n) { return std::max<int64_t>(1, kHadamardGrain / n); }

template <typename T>
void transform_rows(const array& in, array& out, const Transform<T>& transform) {
  const int64_t n = in.shape(-1), rows = static_cast<int64_t>(in.size()) / n;
  parallel_for(rows, grain_of(n), [&](int64_t begin, int64_t end) {
    std::vector<T> spare;
    for (int64_t i = begin; i < end; ++i) {
      T* row = out.data<T>() + i * n;
      std::copy_n(in.data<T>() + i * n, n, row);
      transform(row, spare);
    }
  });
}

// Half types, one row at a time in float32.
void transform_narrow_rows(const array& in, array& out, const Transform<float>& transform) {
  const auto type = static_cast<size_t>(narrow_type(in.dtype()));
  const TileLoop widen = tile_loops().widen[type], narrow = tile_loops().narrow[type];
  const int64_t n = in.shape(-1), rows = static_cast<int64_t>(in.size()) / n;
  const int64_t row_bytes = n * in.dtype().size();
  parallel_for(rows, grain_of(n), [&](int64_t begin, int64_t end) {
    std::vector<float> row(static_cast<size_t>(n)), spare;
    for (int64_t i = begin; i < end; ++i) {
      widen(row.data(), in.data<std::byte>() + i * row_bytes, nullptr, nullptr, n);
      transform(row.data(), spare);
      narrow(out.data<std::byte>() + i * row_bytes, row.data(), nullptr, nullptr, n);
    }
  });
}

template <typename T>
void write_matrix(array& out, std::span<const uint32_t> bits, double scale) {
  const int64_t n = out.shape(0), length = n / static_cast<int64_t>(bits.size());
  for (int64_t i = 0; i < n * n; ++i) {
    const int64_t row = i / n, column = i % n;
    const auto both = static_cast<uint64_t>(row % length & column % length);
    const bool negative =
        is_negative(bits, row / length, column / length) != (std::popcount(both) % 2 != 0);
    out.data<T>()[i] = static_cast<T>(negative ? -scale : scale);
  }
}

// Rows too short for the loops, as one product with the matrix.
void multiply_rows(const array& in, array& out, const HadamardAttrs& attrs) {
  compute_in(sum_dtype(out.dtype()), out, [&](array& result) {
    const Dtype dtype = result.dtype();
    const int64_t n = in.shape(-1);
    const array x = row_contiguous(in, dtype);
    array matrix = make_array({n, n}, dtype);
    allocate(matrix);
    dtype == float64 ? write_matrix<double>(matrix, negative_bits(n), attrs.scale)
                     : write_matrix<float>(matrix, negative_bits(n), attrs.scale);
    gemm({.dtype = dtype,
          .m = static_cast<int64_t>(in.size()) / n,
          .n = n,
          .k = n,
          .a = {x.data<void>(), n, false},
          .b = {matrix.data<void>(), n, !attrs.transposed},
          .c = result.data<void>(),
          .c_stride = n});
  });
}

}  // namespace

void hadamard(const KernelArgs& args) {
  static const HadamardLoops& loops = MLX_CHOOSE_LOOPS(kHadamardLoops);
  const auto& attrs = args.attrs.get<HadamardAttrs>();
  array& out = args.outputs[0];
  const array in = row_contiguous(args.inputs[0]);
  const int64_t n = in.shape(-1), order = static_cast<int64_t>(negative_bits(n).size());
  if (in.size() > 0 && order > 1 && n / order < kMinHadamardLength) {
    return multiply_rows(in, out, attrs);
  }
  allocate(out);
  if (in.size() == 0) return;
  if (in.dtype() == float64) {
    transform_rows<double>(in, out, {n, attrs, loops.row_f64});
  } else if (in.dtype() == float32) {
    transform_rows<float>(in, out, {n, attrs, loops.row_f32});
  } else {
    transform_narrow_rows(in, out, {n, attrs, loops.row_f32});
  }
}

}  // namespace mlx::core::cpu
