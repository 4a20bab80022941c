#include "mlx/core/cpu/tile.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/tile_plan.h"
#include "mlx/core/graph/node.h"

namespace mlx::core::cpu {

/// One thread's run of a plan: its slots and its place in each input.
class TileRunner {
 public:
  TileRunner(const TilePlan& plan, int64_t tile)
      : plan_(plan), tile_(tile), slots_(static_cast<size_t>(plan.slots())) {
    // Room for the widest compute type, which also holds what is read to be widened.
    const int64_t slot_bytes = (tile * 8 + 63) / 64 * 64;
    const size_t scratch_slots = static_cast<size_t>(plan.registers) + 1 + plan.loads.size();
    const size_t bytes = scratch_slots * static_cast<size_t>(slot_bytes);
    std::byte* scratch = small_;
    if (bytes > sizeof small_) {
      large_.reset(static_cast<std::byte*>(::operator new(bytes, std::align_val_t(64))));
      scratch = large_.get();
    }
    for (size_t i = 0; i < scratch_slots; ++i) {
      slots_[i] = scratch + static_cast<int64_t>(i) * slot_bytes;
    }
    start_loads();
  }

  /// Computes and stores the elements from `begin` to `end`.
  void run(int64_t begin, int64_t end) {
    seek(begin);
    while (position_ < end) {
      const int64_t first = position_;
      const int64_t count = std::min(tile_, end - first);
      for (size_t i = 0; i < plan_.stores.size(); ++i) {
        const TilePlan::Store& store = plan_.stores[i];
        slots_[plan_.store_slot(i)] = store.data + first * store.itemsize;
      }
      compute(count);
      for (const TilePlan::Store& store : plan_.stores) {
        if (!store.is_direct) {
          put(store, first, count);
        }
      }
    }
    std::atomic_thread_fence(std::memory_order_seq_cst);  // streamed stores are not ordered
  }

  void seek(int64_t position) {
    if (position == position_) {
      return;
    }
    position_ = position;
    for (TileCursor& cursor : cursors_) {
      cursor.seek(position);
    }
  }

  /// Computes the next `count` elements.
  void compute(int64_t count) {
    size_t cursor = 0;
    for (size_t i = 0; i < plan_.loads.size(); ++i) {
      const TilePlan::Load& load = plan_.loads[i];
      if (load.is_flat) {
        take(load, i, load.view.data + position_ * load.view.itemsize, count);
      } else if (!load.is_scalar) {
        gather(load, i, cursors_[cursor++], count);
      }
    }
    for (const TilePlan::Step& step : plan_.steps) {
      step.run(slots_[step.dst], slots_[step.src[0]], slots_[step.src[1]], slots_[step.src[2]],
               count);
    }
    position_ += count;
  }

  const void* result() const { return slots_[plan_.stores[0].slot]; }

 private:
  struct Free {
    void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t(64)); }
  };

  // The value that a load's scratch is filled with, if it is one.
  struct Filled {
    const std::byte* value;
    int64_t count;
  };

  // Slots of loads start as scratch; `own_` remembers it while they point elsewhere.
  void start_loads() {
    for (size_t i = 0; i < plan_.loads.size(); ++i) {
      const TilePlan::Load& load = plan_.loads[i];
      const uint16_t slot = plan_.load_slot(i);
      own_.push_back(slots_[slot]);
      filled_.push_back({nullptr, 0});
      if (load.is_scalar) {
        fill(load, slots_[slot]);
      } else if (!load.is_flat) {
        cursors_.emplace_back(load.view);
      }
    }
  }

  std::byte* staging(size_t i) const { return static_cast<std::byte*>(own_[i]) + tile_ * 4; }

  void fill(const TilePlan::Load& load, void* slot) {
    auto* to = static_cast<std::byte*>(slot);
    std::byte* first = load.widen != nullptr ? to + tile_ * 4 : to;
    const int64_t count = std::min(tile_, load.view.sizes[0]);
    TileCursor(load.view).read(first, count);
    if (load.widen != nullptr) {
      load.widen(to, first, nullptr, nullptr, count);
    }
  }

  // Points the slot at values in memory, or widens them into scratch.
  void take(const TilePlan::Load& load, size_t i, const std::byte* at, int64_t count) {
    void*& slot = slots_[plan_.load_slot(i)];
    if (load.widen == nullptr) {
      slot = const_cast<std::byte*>(at);
    } else {
      load.widen(slot, at, nullptr, nullptr, count);
    }
  }

  void gather(const TilePlan::Load& load, size_t i, TileCursor& cursor, int64_t count) {
    const std::byte* value = cursor.repeated(count);
    Filled& filled = filled_[i];
    if (value != nullptr && value == filled.value && count <= filled.count) {
      cursor.skip(count);
      return;
    }
    filled = {value, count};
    if (const std::byte* at = cursor.adjacent(count)) {
      take(load, i, at, count);
      cursor.skip(count);
      return;
    }
    std::byte* own = static_cast<std::byte*>(own_[i]);
    std::byte* to = load.widen != nullptr ? staging(i) : own;
    cursor.read(to, count);
    slots_[plan_.load_slot(i)] = own;
    if (load.widen != nullptr) {
      load.widen(own, to, nullptr, nullptr, count);
    }
  }

  void put(const TilePlan::Store& store, int64_t first, int64_t count) {
    std::byte* to = store.data + first * store.itemsize;
    const void* values = slots_[store.slot];
    if (store.narrow != nullptr) {
      void* narrowed = store.streams ? slots_[plan_.temporary_slot()] : to;
      store.narrow(narrowed, values, nullptr, nullptr, count);
      values = narrowed;
    }
    const int64_t bytes = count * store.itemsize;
    if (store.streams) {
      tile_loops().stream(to, values, bytes);
    } else if (values != to) {
      std::memcpy(to, values, static_cast<size_t>(bytes));
    }
  }

  const TilePlan& plan_;
  int64_t tile_;
  int64_t position_ = 0;
  SmallVector<void*, 12> slots_;
  SmallVector<void*, 6> own_;
  SmallVector<Filled, 6> filled_;
  std::vector<TileCursor> cursors_;
  std::unique_ptr<std::byte, Free> large_;
  alignas(64) std::byte small_[2048];
};

namespace {

// Whether an output is nothing but input `load`.
bool is_stored(const TilePlan& plan, size_t load) {
  return std::any_of(plan.stores.begin(), plan.stores.end(), [&](const TilePlan::Store& store) {
    return store.slot == plan.load_slot(load);
  });
}

// The input whose memory output `out` can take over, or -1.
int find_donor(const KernelArgs& args, const TilePlan& plan, const array& out, uint64_t taken) {
  constexpr size_t kWastedBytes = 16 * 1024;
  for (size_t i = 0; i < plan.loads.size() && i < 64; ++i) {
    const array& in = args.inputs[i];
    if ((taken >> i & 1) == 0 && in.itemsize() == out.itemsize() && in.size() == out.size() &&
        in.flags().row_contiguous && in.is_donatable() &&
        in.buffer_size() <= out.nbytes() + kWastedBytes && !is_stored(plan, i)) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

// Outputs of this size will have left the caches before anybody reads them.
constexpr size_t kStreamedBytes = 32 << 20;

void place_outputs(const KernelArgs& args, TilePlan& plan) {
  uint64_t taken = 0;
  for (size_t i = 0; i < args.outputs.size(); ++i) {
    array& out = args.outputs[i];
    const int donor = find_donor(args, plan, out, taken);
    if (donor >= 0) {
      taken |= uint64_t{1} << donor;
      array& in = args.inputs[static_cast<size_t>(donor)];
      const Strides strides = row_major(out.shape());
      out.copy_shared_buffer(in, strides, layout_flags(out.shape(), strides, out.size()),
                             out.size());
    } else {
      allocate(out);
    }
    plan.set_output(i, out.data<void>(), donor, donor < 0 && out.nbytes() >= kStreamedBytes);
  }
}

}  // namespace

void run_tile_program(const KernelArgs& args) {
  const auto size = static_cast<int64_t>(args.outputs[0].size());
  if (size == 0) {
    for (array& out : args.outputs) {
      allocate(out);
    }
    return;
  }
  for (array& in : args.inputs) {
    if (!in.flags().row_contiguous) {
      in = without_transpose(in);
    }
  }
  TilePlan plan(*args.program, args.inputs, *args.shape);
  plan.shorten();
  place_outputs(args, plan);
  const int64_t tile = plan.tile_size(size);
  const int64_t tiles = (size + tile - 1) / tile;
  // A parallel region costs microseconds: about 64K simple operations.
  const int64_t grain = (1 << 16) / (tile * static_cast<int64_t>(1 + plan.steps.size())) + 1;
  parallel_for(tiles, grain, [&](int64_t begin, int64_t end) {
    TileRunner(plan, tile).run(begin * tile, std::min(end * tile, size));
  });
}

namespace {

TileProgram identity_program(const TileProgram* program, std::span<const array> inputs) {
  if (program != nullptr) {
    return {};
  }
  const Dtype::Val dtype = inputs[0].dtype().val();
  return {.loads = {{dtype, 0}}, .code = {}, .stores = {{dtype, 0}}, .registers = 1};
}

}  // namespace

struct TileReader::State {
  State(const TileProgram& program, std::span<const array> inputs, const Shape& shape)
      : dtype(dtype_of(program.stores[0].dtype)),
        plan(program, inputs, shape),
        runner(plan, kMaxCount) {}

  Dtype dtype;
  TilePlan plan;
  TileRunner runner;
};

TileReader::TileReader(const TileProgram* program, std::span<const array> inputs,
                       const Shape& shape) {
  const TileProgram identity = identity_program(program, inputs);
  state_ = std::make_unique<State>(program != nullptr ? *program : identity, inputs, shape);
}

TileReader::~TileReader() = default;

Dtype TileReader::dtype() const { return state_->dtype; }
ComputeType TileReader::type() const { return compute_type(state_->dtype); }

const void* TileReader::direct() const {
  const TilePlan& plan = state_->plan;
  const uint16_t slot = plan.stores[0].slot;
  if (slot < plan.load_slot(0)) {
    return nullptr;
  }
  const TilePlan::Load& load = plan.loads[slot - plan.load_slot(0)];
  return load.is_flat && load.widen == nullptr ? load.view.data : nullptr;
}

const void* TileReader::read(int64_t start, int64_t count) {
  state_->runner.seek(start);
  state_->runner.compute(count);
  return state_->runner.result();
}

}  // namespace mlx::core::cpu
