// The gradient of attention: the scores of a tile are computed again, so that
// they are never all there (Dao et al. 2022).

#include <algorithm>
#include <optional>

#include "mlx/core/cpu/attention.h"
#include "mlx/core/cpu/attention_tile.h"
#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/graph/node.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kGradRows = 128;
constexpr int64_t kGradKeys = 256;

// An output, added to in the type that it is computed in.
template <typename T>
class Sums {
 public:
  explicit Sums(array& out) : out_(&out), wide_(out) {
    if (out.dtype() != real_dtype<T>()) wide_ = make_array(out.shape(), real_dtype<T>());
    allocate(wide_);
    std::fill_n(data(), wide_.size(), T(0));
  }
  T* data() { return wide_.data<T>(); }
  void finish() {
    if (out_->dtype() == real_dtype<T>()) return;
    allocate(*out_);
    copy_to(wide_, out_->data<void>(), out_->dtype());
  }

 private:
  array* out_;
  array wide_;  // shares out's memory if it has the type
};

// The inputs of kAttentionGrad from queries to values, then both results and the cotangent.
template <typename T>
struct Gradient {
  explicit Gradient(const KernelArgs& args)
      : attention(args),
        out(row_contiguous(args.inputs[3], real_dtype<T>())),
        sums(row_contiguous(args.inputs[4])),
        cotangent(row_contiguous(args.inputs[5], real_dtype<T>())),
        queries(args.outputs[0]),
        keys(args.outputs[1]),
        values(args.outputs[2]) {
    if (attention.attrs.mask_grad) mask.emplace(args.outputs[3]);
    if (attention.attrs.has_sinks) sinks.emplace(args.outputs.back());
  }

  void finish() {
    for (Sums<T>* s : {&queries, &keys, &values}) s->finish();
    if (mask) mask->finish();
    if (sinks) sinks->finish();
  }

  Attention<T> attention;
  array out, sums, cotangent;
  Sums<T> queries, keys, values;
  std::optional<Sums<T>> mask, sinks;
};

// All rows of one key head: nothing that it writes is another head's.
template <typename T>
class AttentionBackward {
 public:
  AttentionBackward(Gradient<T>& gradient, int64_t batch, int64_t kv_head)
      : g_(gradient),
        n_(gradient.attention.sizes),
        batch_(batch),
        kv_head_(kv_head),
        rows_(n_.group() * n_.queries),
        row_(g_.attention.row_of(block(0), 0)),
        key_tile_(static_cast<size_t>(kGradKeys * n_.depth)),
        value_tile_(static_cast<size_t>(kGradKeys * n_.value_depth)),
        probability_(static_cast<size_t>(kGradRows * kGradKeys)),
        grad_(static_cast<size_t>(kGradRows * kGradKeys)),
        mean_(static_cast<size_t>(rows_)) {}

  void run() {
    find_means();
    for (int64_t first = 0; first < n_.keys; first += kGradKeys) {
      const int64_t count = std::min(kGradKeys, n_.keys - first);
      const auto keys = g_.attention.keys.read(batch_, kv_head_, first, count, key_tile_.data());
      const auto values =
          g_.attention.values.read(batch_, kv_head_, first, count, value_tile_.data());
      for (int64_t row = 0; row < rows_; row += kGradRows) {
        if (first < g_.attention.visible_keys(block(row))) {
          add_tile(block(row), first, count, keys, values);
        }
      }
    }
  }

 private:
  RowBlock block(int64_t first) const {
    return {batch_, kv_head_, first, std::min(kGradRows, n_.group() * n_.queries - first)};
  }

  const T* cotangent(int64_t row) const {
    return g_.cotangent.template data<T>() + (row_ + row) * n_.value_depth;
  }
  T maximum(int64_t row) const { return g_.sums.template data<T>()[2 * (row_ + row)]; }
  T scale(int64_t row) const { return g_.sums.template data<T>()[2 * (row_ + row) + 1]; }

  // The cotangents of a row's probabilities, weighted by them: from the output.
  void find_means() {
    for (int64_t row = 0; row < rows_; ++row) {
      const T* out = g_.out.template data<T>() + (row_ + row) * n_.value_depth;
      const T mean = loops_.dot(cotangent(row), out, n_.value_depth);
      mean_[static_cast<size_t>(row)] = mean;
      if (g_.sinks) {
        const int64_t head = kv_head_ * n_.group() + row / n_.queries;
        T probability = g_.attention.sink(block(row), 0);
        loops_.probabilities(&probability, 1, maximum(row), scale(row));
        g_.sinks->data()[batch_ * n_.heads + head] -= probability * mean;
      }
    }
  }

  void add_tile(const RowBlock& b, int64_t first, int64_t count, TileMatrix<const T> keys,
                TileMatrix<const T> values) {
    const int64_t d = n_.depth, v = n_.value_depth;
    const TileMatrix<T> p{probability_.data(), count}, grad{grad_.data(), count};
    const TileMatrix<const T> cp{p.data, count}, cgrad{grad.data, count}, g{cotangent(b.first), v};
    g_.attention.scores(b, first, count, keys, p);
    multiply<T>({b.count, count, v, false, true, 1, 0}, g, values, grad);
    for (int64_t i = 0; i < b.count; ++i) {
      const int64_t row = b.first + i;
      loops_.probabilities(p.data + i * count, count, maximum(row), scale(row));
      loops_.softmax_grad(grad.data + i * count, p.data + i * count,
                          mean_[static_cast<size_t>(row)], count);
    }
    g_.attention.clear_masked(b, first, count, grad);
    if (g_.mask) store_mask(b, first, count);

    const float scale = g_.attention.attrs.scale;
    const int64_t key = (batch_ * n_.kv_heads + kv_head_) * n_.keys + first;
    const T* queries = g_.attention.queries.template data<T>() + (row_ + b.first) * d;
    multiply<T>({count, v, b.count, true, false, 1, 1}, cp, g, {g_.values.data() + key * v, v});
    multiply<T>({count, d, b.count, true, false, scale, 1}, cgrad, {queries, d},
                {g_.keys.data() + key * d, d});
    multiply<T>({b.count, d, count, false, false, scale, 1}, cgrad, keys,
                {g_.queries.data() + (row_ + b.first) * d, d});
  }

  void store_mask(const RowBlock& b, int64_t first, int64_t count) {
    for (int64_t i = 0; i < b.count; ++i) {
      std::copy_n(grad_.data() + i * count, count,
                  g_.mask->data() + (row_ + b.first + i) * n_.keys + first);
    }
  }

  Gradient<T>& g_;
  const AttentionSizes n_;
  const int64_t batch_, kv_head_, rows_, row_;
  const FastLoops<T>& loops_ = fast_loops_for<T>();
  std::vector<T> key_tile_, value_tile_, probability_, grad_, mean_;
};

template <typename T>
void attention_grad_heads(const KernelArgs& args) {
  Gradient<T> gradient(args);
  const AttentionSizes& n = gradient.attention.sizes;
  if (args.inputs[4].size() > 0) {
    parallel_for(n.batch * n.kv_heads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t head = begin; head < end; ++head) {
        AttentionBackward<T>(gradient, head / n.kv_heads, head % n.kv_heads).run();
      }
    });
  }
  gradient.finish();
}

}  // namespace

void attention_grad(const KernelArgs& args) {
  args.outputs[0].dtype() == float64 ? attention_grad_heads<double>(args)
                                     : attention_grad_heads<float>(args);
}

}  // namespace mlx::core::cpu
