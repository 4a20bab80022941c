// Sums of products of chosen matrices: out[place] = sum of a[left] b[right] over
// the pairs of that place. PairList that share b are one product of all their rows;
// pairs that share the place are one product along all their inner axes.

#include <algorithm>
#include <numeric>
#include <vector>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/index_positions.h"
#include "mlx/core/cpu/matmul.h"
#include "mlx/core/cpu/matrix_view.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/graph/node.h"

namespace mlx::core::cpu {
namespace {

// Rows, or inner elements, up to which joining pairs pays for copying them.
constexpr int64_t kJoinedRows = 64;
// Multiplications up to which runs go one to a thread, instead of each to all.
constexpr int64_t kSmallRun = 1 << 20;
// Multiplications of a run for which gemm of bfloat16 pays.
constexpr int64_t kMinRunBfloat16 = 1 << 18;

struct Pair {
  int64_t left, right, place;
};
using PairList = std::vector<Pair>;

PairList pairs_of(std::span<array> in, int64_t places) {
  const Positions left = index_positions(in[2], {0, in[0].shape(0), 1}, "gather_mm");
  const Positions right = index_positions(in[3], {0, in[1].shape(0), 1}, "gather_mm");
  const Positions place = index_positions(in[4], {0, places, 1}, "gather_mm");
  PairList pairs(left.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    pairs[i] = {left[at], right[at], place[at]};
  }
  return pairs;
}

// How many of the values occur, and whether any occurs twice.
struct Use {
  int64_t distinct;
  bool repeated;
};

Use use_of(const PairList& pairs, int64_t Pair::*member, int64_t size) {
  std::vector<bool> seen(static_cast<size_t>(size));
  int64_t distinct = 0;
  for (const Pair& pair : pairs) {
    auto bit = seen[static_cast<size_t>(pair.*member)];
    distinct += bit ? 0 : 1;
    bit = true;
  }
  return {distinct, distinct < static_cast<int64_t>(pairs.size())};
}

// Where the runs of equal members begin, and the end.
std::vector<int64_t> sorted_runs(PairList& pairs, int64_t Pair::*member) {
  const auto less = [member](const Pair& x, const Pair& y) { return x.*member < y.*member; };
  if (!std::is_sorted(pairs.begin(), pairs.end(), less)) {
    std::stable_sort(pairs.begin(), pairs.end(), less);
  }
  std::vector<int64_t> starts;
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i == 0 || pairs[i].*member != pairs[i - 1].*member) {
      starts.push_back(static_cast<int64_t>(i));
    }
  }
  starts.push_back(static_cast<int64_t>(pairs.size()));
  return starts;
}

bool follow_each_other(std::span<const Pair> pairs, int64_t Pair::*member) {
  for (size_t i = 1; i < pairs.size(); ++i) {
    if (pairs[i].*member != pairs[i - 1].*member + 1) return false;
  }
  return true;
}

array matrix(const array& x, int64_t index) { return item_of(x, {x.shape(0)}, index); }

// The matrices of x that the pairs name, or their transposes, below each other.
array stacked(const array& x, std::span<const Pair> pairs, int64_t Pair::*member, bool transposed,
              Dtype dtype) {
  const int64_t rows = x.shape(transposed ? 2 : 1), columns = x.shape(transposed ? 1 : 2);
  const auto count = static_cast<int64_t>(pairs.size());
  const int64_t each = rows * columns;
  array out = make_array({count * rows, columns}, dtype);
  allocate(out);
  parallel_for(count, 1 + kSmallRun / (16 * each), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const array one = matrix(x, pairs[static_cast<size_t>(i)].*member);
      copy_to(transposed ? transposed_view(one) : one,
              out.data<std::byte>() + i * each * dtype.size(), dtype);
    }
  });
  return out;
}

template <typename T>
void add_to(T* out, const T* x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) out[i] += x[i];
}

class Sum {
 public:
  Sum(const array& a, const array& b, array& out, bool accumulates)
      : a_(a),
        b_(b),
        out_(out),
        m_(a.shape(1)),
        k_(a.shape(2)),
        n_(b.shape(2)),
        accumulates_(accumulates) {}

  // PairList with one right matrix.
  void add_rows(std::span<const Pair> pairs) const {
    if (pairs.size() == 1 || m_ >= kJoinedRows) return add_each(pairs);
    const Matrix right = readable(matrix(b_, pairs[0].right), dtype());
    const array left = stacked_left(pairs);
    const auto count = static_cast<int64_t>(pairs.size());
    Gemm g{.dtype = dtype(),
           .m = count * m_,
           .n = n_,
           .k = k_,
           .a = {left.data<void>(), std::max<int64_t>(1, k_), false},
           .b = right.operand,
           .c = nullptr,
           .c_stride = n_};
    if (follow_each_other(pairs, &Pair::place)) {
      g.c = place(pairs[0].place);
      g.beta = accumulates_ ? 1.0f : 0.0f;
      return gemm(g);
    }
    array rows = make_array({count, m_, n_}, dtype());
    allocate(rows);
    g.c = rows.data<void>();
    gemm(g);
    for (int64_t i = 0; i < count; ++i) {
      put(pairs[static_cast<size_t>(i)].place,
          rows.data<std::byte>() + i * m_ * n_ * dtype().size());
    }
  }

  // PairList with one place.
  void add_inner(std::span<const Pair> pairs) const {
    if (pairs.size() == 1 || k_ >= kJoinedRows) return add_each(pairs);
    const array left = stacked(a_, pairs, &Pair::left, true, dtype());
    const array right = stacked(b_, pairs, &Pair::right, false, dtype());
    gemm({.dtype = dtype(),
          .m = m_,
          .n = n_,
          .k = left.shape(0),
          .a = {left.data<void>(), std::max<int64_t>(1, m_), true},
          .b = {right.data<void>(), std::max<int64_t>(1, n_), false},
          .c = place(pairs[0].place),
          .c_stride = n_,
          .beta = accumulates_ ? 1.0f : 0.0f});
  }

 private:
  Dtype dtype() const { return out_.dtype(); }
  std::byte* place(int64_t index) const {
    return out_.data<std::byte>() + index * m_ * n_ * dtype().size();
  }

  // One product after the other; what pairs share is converted once.
  void add_each(std::span<const Pair> pairs) const {
    Matrix left = readable(matrix(a_, pairs[0].left), dtype());
    Matrix right = readable(matrix(b_, pairs[0].right), dtype());
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (i > 0 && pairs[i].left != pairs[i - 1].left) {
        left = readable(matrix(a_, pairs[i].left), dtype());
      }
      if (i > 0 && pairs[i].right != pairs[i - 1].right) {
        right = readable(matrix(b_, pairs[i].right), dtype());
      }
      gemm({.dtype = dtype(),
            .m = m_,
            .n = n_,
            .k = k_,
            .a = left.operand,
            .b = right.operand,
            .c = place(pairs[i].place),
            .c_stride = n_,
            .beta = accumulates_ ? 1.0f : 0.0f});
    }
  }

  // The rows of the left matrices, in place if they follow each other there.
  array stacked_left(std::span<const Pair> pairs) const {
    const array first = matrix(a_, pairs[0].left);
    const bool in_place = a_.dtype() == dtype() && first.flags().row_contiguous &&
                          a_.strides()[0] == m_ * k_ && follow_each_other(pairs, &Pair::left);
    return in_place ? first : stacked(a_, pairs, &Pair::left, false, dtype());
  }

  void put(int64_t index, const std::byte* x) const {
    const int64_t count = m_ * n_;
    if (!accumulates_) {
      std::copy_n(x, count * dtype().size(), place(index));
    } else if (dtype() == float64) {
      add_to(reinterpret_cast<double*>(place(index)), reinterpret_cast<const double*>(x), count);
    } else {
      add_to(reinterpret_cast<float*>(place(index)), reinterpret_cast<const float*>(x), count);
    }
  }

  const array &a_, &b_;
  array& out_;
  int64_t m_, k_, n_;
  bool accumulates_;
};

// What to join, so that each matrix is read or each place written once.
struct Plan {
  bool by_right;
  bool accumulates;
  std::vector<int64_t> starts;
};

Plan plan_of(PairList& pairs, int64_t rights, int64_t places) {
  const Use right = use_of(pairs, &Pair::right, rights);
  const Use place = use_of(pairs, &Pair::place, places);
  const bool by_right = right.distinct <= place.distinct;
  // Where a place has several products or none, they add up from 0.
  const bool accumulates = place.repeated || place.distinct < places;
  return {by_right, accumulates, sorted_runs(pairs, by_right ? &Pair::right : &Pair::place)};
}

void run(const array& a, const array& b, const PairList& pairs, const Plan& plan, array& out) {
  if (plan.accumulates) std::fill_n(out.data<std::byte>(), out.nbytes(), std::byte{0});
  const Sum sum(a, b, out, plan.accumulates);
  const auto body = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto at = static_cast<size_t>(i);
      const std::span<const Pair> run(pairs.data() + plan.starts[at],
                                      pairs.data() + plan.starts[at + 1]);
      plan.by_right ? sum.add_rows(run) : sum.add_inner(run);
    }
  };
  const auto runs = static_cast<int64_t>(plan.starts.size()) - 1;
  const int64_t work = a.shape(1) * a.shape(2) * b.shape(2) *
                       (static_cast<int64_t>(pairs.size()) / std::max<int64_t>(1, runs) + 1);
  const bool shares_places = plan.by_right && plan.accumulates;
  const bool spread = !shares_places && runs >= 2 * thread_count() && work < kSmallRun;
  spread ? parallel_for(runs, 1 + (kSmallRun >> 4) / work, body) : body(0, runs);
}

// 16-bit floats multiply as such where the processor can and nothing adds up.
Dtype computed_dtype(const array& out, int64_t pairs, const Plan& plan, int64_t inner) {
  if (out.dtype() != bfloat16 || plan.accumulates || pairs == 0) return sum_dtype(out.dtype());
  const auto runs = static_cast<int64_t>(plan.starts.size()) - 1;
  const int64_t work = out.shape(1) * out.shape(2) * inner * pairs / std::max<int64_t>(1, runs);
  return work < kMinRunBfloat16 ? float32 : gemm_dtype(bfloat16);
}

}  // namespace

void gather_mm(const KernelArgs& args) {
  const array &a = args.inputs[0], &b = args.inputs[1];
  array& out = args.outputs[0];
  PairList pairs = pairs_of(args.inputs, out.shape(0));
  if (out.size() == 0 || a.shape(2) == 0) {
    allocate(out);
    std::fill_n(out.data<std::byte>(), out.nbytes(), std::byte{0});
    return;
  }
  const Plan plan = plan_of(pairs, b.shape(0), out.shape(0));
  const Dtype dtype = computed_dtype(out, static_cast<int64_t>(pairs.size()), plan, a.shape(2));
  compute_in(dtype, out, [&](array& result) { run(a, b, pairs, plan, result); });
}

}  // namespace mlx::core::cpu
