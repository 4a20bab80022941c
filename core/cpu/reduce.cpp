// Reductions over any axes.
//
// Neighbouring axes that are all reduced, or all kept, merge into one run, so
// that runs alternate. The operand is read once, in row-major order, in rows of
// the innermost run: a row is added to one accumulator if that run is reduced,
// otherwise element by element to as many accumulators. Threads divide a kept
// run among themselves; where there is none, or it is small, blocks of the
// first run (whose size does not depend on the number of threads) have
// accumulators of their own, which are merged in order.

#include "mlx/core/cpu/reduce.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/instruction_set.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/reduce_loops.h"
#include "mlx/core/cpu/tile.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/reduce_ops.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kReduceGrain = 1 << 16;  // elements that one thread should have at least
constexpr int64_t kFewOutputs = 1 << 12;   // up to here, blocks get accumulators of their own

const ReduceLoops& reduce_loops() {
  static const ReduceLoops& loops = MLX_CHOOSE_LOOPS(kReduceLoops);
  return loops;
}

size_t compute_bytes(ComputeType type) {
  switch (type) {
    case ComputeType::b8:
      return 1;
    case ComputeType::i32:
    case ComputeType::u32:
    case ComputeType::f32:
      return 4;
    default:
      return 8;
  }
}

struct Run {
  int64_t size;
  bool reduced;
  int64_t out_stride;  // in accumulators; 0 if reduced
};

struct Free {
  void operator()(std::byte* p) const { allocator::free(allocator::Buffer(p)); }
};
using Memory = std::unique_ptr<std::byte[], Free>;

Memory get_memory(size_t bytes) {
  return Memory(static_cast<std::byte*>(allocator::malloc(bytes).raw_ptr()));
}

std::vector<Run> make_runs(const Shape& shape, const std::vector<int>& axes) {
  std::vector<Run> runs;
  for (size_t i = 0; i < shape.size(); ++i) {
    const bool reduced = std::find(axes.begin(), axes.end(), static_cast<int>(i)) != axes.end();
    if (shape[i] == 1) {
      continue;
    }
    if (!runs.empty() && runs.back().reduced == reduced) {
      runs.back().size *= shape[i];
    } else {
      runs.push_back({shape[i], reduced, 0});
    }
  }
  if (runs.empty()) {
    runs.push_back({1, true, 0});
  }
  int64_t stride = 1;
  for (size_t i = runs.size(); i-- > 0;) {
    if (!runs[i].reduced) {
      runs[i].out_stride = stride;
      stride *= runs[i].size;
    }
  }
  return runs;
}

// Adds a part of the operand to accumulators.
class Reducer {
 public:
  Reducer(const KernelArgs& args, std::span<const array> inputs, const Shape& shape,
          const std::vector<int>& axes, ReduceKind kind, const ReduceLoop* own)
      : program_(args.program), inputs_(inputs), shape_(shape), runs_(make_runs(shape, axes)) {
    const Dtype dtype =
        program_ != nullptr ? dtype_of(program_->stores[0].dtype) : inputs[0].dtype();
    const ComputeType type = compute_type(dtype);
    loop_ = &reduce_loops().loop[static_cast<int>(kind)][static_cast<int>(type)];
    value_bytes_ = compute_bytes(type);
    find_memory(dtype, kind);
    if (own != nullptr) loop_ = own;
    after_.resize(runs_.size(), 1);
    for (size_t i = runs_.size() - 1; i-- > 0;) {
      after_[i] = after_[i + 1] * runs_[i + 1].size;
    }
  }

  const ReduceLoop& loop() const { return *loop_; }

  /// Everything, into `outputs` accumulators.
  void run(std::byte* acc, int64_t outputs) {
    loop_->init(acc, outputs);
    const int64_t total = runs_[0].size * after_[0];
    if (!runs_[0].reduced) {
      share(0, total, acc);
    } else if (runs_.size() > 1 && outputs > kFewOutputs) {
      share(1, total, acc);
    } else {
      run_in_blocks(acc, outputs);
    }
  }

 private:
  // An operand that lies in memory as the loops want it.
  void find_memory(Dtype dtype, ReduceKind kind) {
    if (program_ != nullptr || !inputs_[0].flags().row_contiguous) {
      return;
    }
    const bool is_brain = dtype == bfloat16 && kind == ReduceKind::sum;
    if (is_brain) {
      loop_ = &reduce_loops().sum_bfloat16;
      value_bytes_ = size_of(dtype);
    }
    if (is_brain || size_of(dtype) == value_bytes_) {
      memory_ = inputs_[0].data<std::byte>();
    }
  }

  // Threads divide kept run `j`: no two touch the same accumulator.
  void share(size_t j, int64_t total, std::byte* acc) {
    const int64_t size = runs_[j].size;
    const int64_t grain = std::max<int64_t>(1, kReduceGrain / std::max<int64_t>(1, total / size));
    parallel_for(size, grain, [&](int64_t begin, int64_t end) { add_range(j, begin, end, acc); });
  }

  void run_in_blocks(std::byte* acc, int64_t outputs) {
    const int64_t size = runs_[0].size;
    // Many elements for each accumulator, or merging would cost more than adding.
    const int64_t wanted = std::max(kReduceGrain, 64 * outputs);
    const int64_t per_block = (wanted + after_[0] - 1) / after_[0];
    const int64_t blocks = (size + per_block - 1) / per_block;
    if (blocks == 1) {
      add_range(0, 0, size, acc);
      return;
    }
    const size_t bytes = static_cast<size_t>(outputs) * loop_->accumulator_bytes;
    const Memory partial = get_memory(static_cast<size_t>(blocks) * bytes);
    parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        std::byte* mine = partial.get() + static_cast<size_t>(b) * bytes;
        loop_->init(mine, outputs);
        add_range(0, b * per_block, std::min(size, (b + 1) * per_block), mine);
      }
    });
    for (int64_t b = 0; b < blocks; ++b) {
      loop_->merge(acc, partial.get() + static_cast<size_t>(b) * bytes, outputs);
    }
  }

  // Positions [begin, end) of run `j`, at every position of the runs before it.
  void add_range(size_t j, int64_t begin, int64_t end, std::byte* acc) {
    std::optional<TileReader> reader;
    if (memory_ == nullptr) {
      reader.emplace(program_, inputs_, shape_);
    }
    int64_t before = 1;
    for (size_t i = 0; i < j; ++i) {
      before *= runs_[i].size;
    }
    std::vector<int64_t> position(runs_.size());
    for (int64_t b = 0; b < before; ++b) {
      // The odometer of the runs before j; the rest starts at (begin, 0, ...).
      int64_t rest = b;
      int64_t out = begin * runs_[j].out_stride;
      for (size_t i = j; i-- > 0;) {
        position[i] = rest % runs_[i].size;
        rest /= runs_[i].size;
        out += position[i] * runs_[i].out_stride;
      }
      std::fill(position.begin() + static_cast<std::ptrdiff_t>(j), position.end(), 0);
      position[j] = begin;
      const int64_t first = (b * runs_[j].size + begin) * after_[j];
      add_segment(reader ? &*reader : nullptr, j, first, (end - begin) * after_[j], out, position,
                  acc);
    }
  }

  // `count` elements from `first` on, which are whole rows, except that run j
  // may be the innermost one and give a part of a row.
  void add_segment(TileReader* reader, size_t j, int64_t first, int64_t count, int64_t out,
                   std::vector<int64_t>& position, std::byte* acc) {
    const size_t last = runs_.size() - 1;
    const int64_t row = j == last ? count : runs_[last].size;
    if (reader == nullptr) {
      const std::byte* values = memory_ + static_cast<size_t>(first) * value_bytes_;
      add_rows(j, values, count / row, row, out, position, acc);
      return;
    }
    constexpr int64_t kMost = TileReader::kMaxCount;
    int64_t in_row = 0;
    for (int64_t done = 0; done < count;) {
      const int64_t wanted = row <= kMost ? kMost / row * row : std::min(kMost, row - in_row);
      const int64_t got = std::min(wanted, count - done);
      const auto* values = static_cast<const std::byte*>(reader->read(first + done, got));
      if (row <= kMost) {
        add_rows(j, values, got / row, row, out, position, acc);
      } else {
        add_piece(acc, out, in_row, values, 1, got);
        in_row += got;
        if (in_row == row) {
          in_row = 0;
          advance(j, 1, position, out);
        }
      }
      done += got;
    }
  }

  // Whole rows, as many at once as the odometer's last digit has left.
  void add_rows(size_t j, const std::byte* values, int64_t rows, int64_t row, int64_t& out,
                std::vector<int64_t>& position, std::byte* acc) const {
    const size_t last = runs_.size() - 1;
    while (rows > 0) {
      int64_t n = rows;
      if (last > 0 && last - 1 > j) {
        n = std::min(n, runs_[last - 1].size - position[last - 1]);
      }
      add_piece(acc, out, 0, values, n, row);
      values += static_cast<size_t>(n * row) * value_bytes_;
      rows -= n;
      advance(j, n, position, out);
    }
  }

  // `rows` rows, or one part of one: neighbouring runs alternate, so that the rows add to
  // the same accumulators if they are kept, and to consecutive ones if they are reduced.
  void add_piece(std::byte* acc, int64_t out, int64_t in_row, const std::byte* values, int64_t rows,
                 int64_t count) const {
    if (runs_.back().reduced) {
      loop_->row(acc + static_cast<size_t>(out) * loop_->accumulator_bytes, values, rows, count);
    } else {
      loop_->column(acc + static_cast<size_t>(out + in_row) * loop_->accumulator_bytes, values,
                    rows, count);
    }
  }

  // `rows` rows on, no more than the last digit has left: an odometer over the runs j to
  // the last but one.
  void advance(size_t j, int64_t rows, std::vector<int64_t>& position, int64_t& out) const {
    for (size_t i = runs_.size() - 1; i-- > j; rows = 1) {
      out += rows * runs_[i].out_stride;
      position[i] += rows;
      if (position[i] < runs_[i].size || i == j) {
        return;
      }
      position[i] = 0;
      out -= runs_[i].size * runs_[i].out_stride;
    }
  }

  const TileProgram* program_;
  std::span<const array> inputs_;
  const Shape& shape_;
  const std::vector<Run> runs_;
  std::vector<int64_t> after_;  // elements of one position of a run
  const ReduceLoop* loop_ = nullptr;
  size_t value_bytes_ = 0;
  const std::byte* memory_ = nullptr;  // of an operand that needs no reader
};

// The dtype in which `finish` leaves results of `dtype`.
Dtype finished_dtype(Dtype dtype) {
  switch (compute_type(dtype)) {
    case ComputeType::b8:
      return bool_;
    case ComputeType::i32:
      return int32;
    case ComputeType::u32:
      return uint32;
    case ComputeType::f32:
      return float32;
    default:
      return dtype;
  }
}

// The axes from the one with the largest stride to the one with the smallest:
// the order in which the elements lie in memory.
std::vector<int> memory_order(const array& in) {
  std::vector<int> order(in.ndim());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return std::abs(in.strides()[a]) > std::abs(in.strides()[b]);
  });
  return order;
}

array permuted(const array& in, const std::vector<int>& order) {
  Shape shape;
  Strides strides;
  for (int axis : order) {
    shape.push_back(in.shape()[axis]);
    strides.push_back(in.strides()[axis]);
  }
  array view = make_array(shape, in.dtype());
  view.copy_shared_buffer(in, strides, layout_flags(shape, strides, in.data_size()),
                          in.data_size());
  view.set_status(array::available);
  return view;
}

// Gives `out` memory whose kept axes lie in the order in which the operand's do.
void allocate_in_order(array& out, const Shape& operand, const ReduceAttrs& attrs,
                       const std::vector<int>& order) {
  Strides by_axis(operand.size(), 0);
  int64_t stride = 1;
  for (size_t i = order.size(); i-- > 0;) {
    const int axis = order[i];
    const bool reduced = std::binary_search(attrs.axes.begin(), attrs.axes.end(), axis);
    by_axis[axis] = stride;
    stride *= reduced ? 1 : operand[axis];
  }
  Strides strides;
  for (size_t i = 0; i < operand.size(); ++i) {
    const bool reduced =
        std::binary_search(attrs.axes.begin(), attrs.axes.end(), static_cast<int>(i));
    if (!reduced || attrs.keepdims) {
      strides.push_back(by_axis[i]);
    }
  }
  out.set_data(allocator::malloc(out.nbytes()), out.size(), strides,
               layout_flags(out.shape(), strides, out.size()));
}

// With the kind's loop, or with one that gives float64, to be divided by `divisor`.
void reduce_with(const KernelArgs& args, const ReduceAttrs& attrs, const ReduceLoop* own,
                 const Shape& operand, double divisor) {
  array& out = args.outputs[0];
  if (out.size() == 0) {
    allocate(out);
    return;
  }
  // A plain operand is read in the order of memory; a program in its own order.
  std::vector<int> order(operand.size());
  std::iota(order.begin(), order.end(), 0);
  std::vector<array> inputs(args.inputs.begin(), args.inputs.end());
  if (args.program == nullptr) {
    order = memory_order(inputs[0]);
    inputs[0] = permuted(inputs[0], order);
  }
  Shape shape;
  std::vector<int> axes;
  for (size_t i = 0; i < order.size(); ++i) {
    shape.push_back(operand[order[i]]);
    if (std::binary_search(attrs.axes.begin(), attrs.axes.end(), order[i])) {
      axes.push_back(static_cast<int>(i));
    }
  }
  Reducer reducer(args, inputs, shape, axes, attrs.kind, own);
  const auto outputs = static_cast<int64_t>(out.size());
  const Memory acc = get_memory(out.size() * reducer.loop().accumulator_bytes);
  if (element_count(shape) == 0) {
    reducer.loop().init(acc.get(), outputs);
  } else {
    reducer.run(acc.get(), outputs);
  }
  allocate_in_order(out, operand, attrs, order);
  const Dtype finished = own != nullptr ? float64 : finished_dtype(out.dtype());
  if (finished == out.dtype()) {
    reducer.loop().finish(out.data<void>(), acc.get(), outputs);
    return;
  }
  array results = make_array({outputs}, finished);
  allocate(results);
  parallel_for(outputs, kReduceGrain / 16, [&](int64_t begin, int64_t end) {
    std::byte* to = results.data<std::byte>() + static_cast<size_t>(begin) * finished.size();
    const auto from = static_cast<size_t>(begin) * reducer.loop().accumulator_bytes;
    reducer.loop().finish(to, acc.get() + from, end - begin);
    for (int64_t i = begin; own != nullptr && i < end; ++i) results.data<double>()[i] /= divisor;
  });
  copy_to(results, out.data<void>(), out.dtype());
}

}  // namespace

void reduce(const KernelArgs& args) {
  reduce_with(args, args.attrs.get<ReduceAttrs>(), nullptr, *args.shape, 1);
}

void variance(const KernelArgs& args) {
  const auto& [axes, keepdims, ddof] = args.attrs.get<VarianceAttrs>();
  const Shape& operand = args.inputs[0].shape();
  int64_t count = 1;
  for (const int axis : axes) count *= operand[axis];
  reduce_with(args, {ReduceKind::sum, axes, keepdims}, &reduce_loops().deviations, operand,
              static_cast<double>(std::max<int64_t>(count - ddof, 0)));
}

}  // namespace mlx::core::cpu
