#include "mlx/core/cpu/norm.h"

#include <algorithm>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/instruction_set.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/wide_rows.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/fast_ops.h"

namespace mlx::core::cpu {

const AllFastLoops& fast_loops() {
  static const AllFastLoops& loops = MLX_CHOOSE_LOOPS(kFastLoops);
  return loops;
}

namespace {

int64_t rows_for_a_thread(int64_t n) { return (1 << 13) / std::max<int64_t>(n, 1) + 1; }

// An input of one row, or nothing.
template <typename T>
class RowOperand {
 public:
  RowOperand() = default;
  explicit RowOperand(const array& x) : held_{row_contiguous(x, real_dtype<T>())} {}
  const T* data() const { return held_.empty() ? nullptr : held_[0].template data<T>(); }

 private:
  std::vector<array> held_;
};

template <typename T>
void norm_rows(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<NormAttrs>();
  array& out = args.outputs[0];
  const array in = row_contiguous(args.inputs[0]);
  const auto weight = attrs.has_weight ? RowOperand<T>(args.inputs[1]) : RowOperand<T>();
  const auto bias = attrs.has_bias ? RowOperand<T>(args.inputs.back()) : RowOperand<T>();
  const int64_t n = in.shape(-1), rows = static_cast<int64_t>(in.size()) / n;
  const NormRow<T> row{n, static_cast<T>(attrs.eps), attrs.centered, weight.data(), bias.data()};
  const WideReader<T> from(in);
  const WideWriter<T> to(out);
  const FastLoops<T>& loops = fast_loops_for<T>();
  parallel_for(rows, rows_for_a_thread(n), [&](int64_t begin, int64_t end) {
    std::vector<T> scratch(static_cast<size_t>(n));
    for (int64_t i = begin; i < end; ++i) {
      const T* x = from.read(i * n, n, scratch.data());
      loops.norm(to.place(i * n, scratch.data()), x, row);
      to.commit(i * n, n, scratch.data());
    }
    to.fence();
  });
}

// Sums over rows are of parts, which are the same for any number of threads.
constexpr int64_t kParts = 16;

template <typename T>
struct PartialSums {
  PartialSums(bool wanted, int64_t n) : n(n), sums(wanted ? static_cast<size_t>(kParts * n) : 0) {}
  T* part(int64_t i) { return sums.empty() ? nullptr : sums.data() + i * n; }

  // Their total, in the dtype of `out`.
  void store(array& out) {
    array total = make_array(out.shape(), real_dtype<T>());
    allocate(total);
    std::fill_n(total.data<T>(), n, T(0));
    for (int64_t p = 0; p < kParts; ++p) {
      for (int64_t i = 0; i < n; ++i) total.data<T>()[i] += part(p)[i];
    }
    allocate(out);
    copy_to(total, out.data<void>(), out.dtype());
  }

  int64_t n;
  std::vector<T> sums;
};

template <typename T>
void norm_grad_rows(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<NormAttrs>();
  const array x = row_contiguous(args.inputs[0]), g = row_contiguous(args.inputs[1]);
  const auto weight = attrs.has_weight ? RowOperand<T>(args.inputs[2]) : RowOperand<T>();
  const int64_t n = x.shape(-1), rows = n == 0 ? 0 : static_cast<int64_t>(x.size()) / n;
  const NormRow<T> row{n, static_cast<T>(attrs.eps), attrs.centered, weight.data(), nullptr};
  PartialSums<T> dweight(attrs.has_weight, n), dbias(attrs.has_bias, n);
  const WideReader<T> from_x(x), from_g(g);
  const WideWriter<T> to(args.outputs[0]);
  const FastLoops<T>& loops = fast_loops_for<T>();
  parallel_for(kParts, std::max<int64_t>(1, kParts * rows_for_a_thread(n) / (rows + 1)),
               [&](int64_t begin, int64_t end) {
                 std::vector<T> scratch(static_cast<size_t>(3 * n));
                 T* dx = scratch.data();
                 for (int64_t p = begin; p < end; ++p) {
                   for (int64_t i = rows * p / kParts; i < rows * (p + 1) / kParts; ++i) {
                     loops.norm_grad(to.place(i * n, dx), from_x.read(i * n, n, dx + n),
                                     from_g.read(i * n, n, dx + 2 * n), dweight.part(p),
                                     dbias.part(p), row);
                     to.commit(i * n, n, dx);
                   }
                 }
                 to.fence();
               });
  if (attrs.has_weight) dweight.store(args.outputs[1]);
  if (attrs.has_bias) dbias.store(args.outputs.back());
}

}  // namespace

void norm(const KernelArgs& args) {
  allocate(args.outputs[0]);
  if (args.outputs[0].size() == 0) return;
  args.outputs[0].dtype() == float64 ? norm_rows<double>(args) : norm_rows<float>(args);
}

void norm_grad(const KernelArgs& args) {
  allocate(args.outputs[0]);
  args.outputs[0].dtype() == float64 ? norm_grad_rows<double>(args) : norm_grad_rows<float>(args);
}

}  // namespace mlx::core::cpu
