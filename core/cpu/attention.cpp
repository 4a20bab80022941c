// Attention in tiles of rows and keys, with a running softmax: Milakov and
// Gimelshein 2018, Dao et al. 2022.

#include "mlx/core/cpu/attention.h"

#include <algorithm>
#include <limits>

#include "mlx/core/cpu/attention_tile.h"
#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/parallel.h"

namespace mlx::core::cpu {
namespace {

// Scores and values of a tile stay in the second level cache.
constexpr int64_t kForwardRows = 128;
constexpr int64_t kForwardKeys = 512;

// One thread's work and its memory.
template <typename T>
class AttentionForward {
 public:
  /// For blocks of up to `rows` rows.
  AttentionForward(const Attention<T>& attention, const KernelArgs& args, int64_t rows)
      : a_(attention),
        n_(attention.sizes),
        out_(args.outputs[0]),
        sums_(args.outputs[1].data<T>()),
        keys_(room(kForwardKeys, n_.keys, n_.depth)),
        values_(room(kForwardKeys, n_.keys, n_.value_depth)),
        scores_(room(kForwardKeys, n_.keys, rows)),
        result_(static_cast<size_t>(rows * n_.value_depth)) {}

  void run(const RowBlock& block) {
    start(block);
    const int64_t visible = a_.visible_keys(block);
    for (int64_t first = 0; first < visible; first += kForwardKeys) {
      add_tile(block, first, std::min(kForwardKeys, visible - first));
    }
    finish(block);
  }

 private:
  static size_t room(int64_t rows, int64_t most, int64_t n) {
    return static_cast<size_t>(std::min(rows, most) * n);
  }

  // A sink is a score that was there before all keys.
  void start(const RowBlock& block) {
    for (int64_t i = 0; i < block.count; ++i) {
      maximum_[i] = a_.attrs.has_sinks ? a_.sink(block, i) : -std::numeric_limits<T>::infinity();
      sum_[i] = a_.attrs.has_sinks ? T(1) : T(0);
    }
  }

  void add_tile(const RowBlock& block, int64_t first, int64_t count) {
    const TileMatrix<const T> keys =
        a_.keys.read(block.batch, block.kv_head, first, count, keys_.data());
    a_.scores(block, first, count, keys, {scores_.data(), count});
    const int64_t n = n_.value_depth;
    for (int64_t i = 0; i < block.count; ++i) {
      const T change =
          loops_.exponentials(scores_.data() + i * count, count, &maximum_[i], &sum_[i]);
      T* row = result_.data() + i * n;
      if (first > 0 && change != 1) loops_.scale(row, row, change, n);
    }
    const TileMatrix<const T> values =
        a_.values.read(block.batch, block.kv_head, first, count, values_.data());
    multiply<T>({block.count, n, count, false, false, 1, first == 0 ? 0.0f : 1.0f},
                {scores_.data(), count}, values, {result_.data(), n});
  }

  void finish(const RowBlock& block) {
    const int64_t n = n_.value_depth, first = a_.row_of(block, 0);
    for (int64_t i = 0; i < block.count; ++i) {
      const T factor = 1 / sum_[i];
      sums_[2 * (first + i)] = maximum_[i];
      sums_[2 * (first + i) + 1] = factor;
      T* row = result_.data() + i * n;
      T* to = out_.place((first + i) * n, row);
      loops_.scale(to, row, factor, n);
      out_.commit((first + i) * n, n, row);
    }
    out_.fence();
  }

  const Attention<T>& a_;
  const AttentionSizes n_;
  const FastLoops<T>& loops_ = fast_loops_for<T>();
  WideWriter<T> out_;
  T* sums_;
  std::vector<T> keys_, values_, scores_, result_;
  T maximum_[kForwardRows], sum_[kForwardRows];
};

// Without keys: zeros.
void no_keys(const KernelArgs& args) {
  for (array& out : args.outputs) {
    std::fill_n(static_cast<std::byte*>(out.data<void>()), out.nbytes(), std::byte{0});
  }
}

template <typename T>
void attention_blocks(const KernelArgs& args) {
  const Attention<T> attention(args);
  const AttentionSizes& n = attention.sizes;
  // Long queries: a block is of one head, so that the causal rule leaves out the most.
  const int64_t rows = n.queries >= kForwardRows ? n.queries : n.queries * n.group();
  const int64_t parts = n.group() * n.queries / rows,
                blocks = (rows + kForwardRows - 1) / kForwardRows;
  parallel_for(n.batch * n.kv_heads * parts * blocks, 1, [&](int64_t begin, int64_t end) {
    AttentionForward<T> forward(attention, args, std::min(kForwardRows, rows));
    for (int64_t item = begin; item < end; ++item) {
      const int64_t head = item / (parts * blocks), part = item / blocks % parts,
                    first = item % blocks * kForwardRows;
      forward.run({head / n.kv_heads, head % n.kv_heads, part * rows + first,
                   std::min(kForwardRows, rows - first)});
    }
  });
}

}  // namespace

void attention(const KernelArgs& args) {
  for (array& out : args.outputs) allocate(out);
  if (args.outputs[1].size() == 0) return;
  if (args.inputs[1].shape(2) == 0) return no_keys(args);
  args.outputs[0].dtype() == float64 ? attention_blocks<double>(args)
                                     : attention_blocks<float>(args);
}

}  // namespace mlx::core::cpu
