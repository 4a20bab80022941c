#include "mlx/core/cpu/tile_plan.h"

#include <algorithm>

namespace mlx::core::cpu {
namespace {

Dtype dtype_at(Dtype::Val val) { return dtype_of(val); }

TileLoop narrow_loop(const TileLoop (&loops)[kNarrowTypes], Dtype dtype) {
  const NarrowType type = narrow_type(dtype);
  return type == NarrowType::none ? nullptr : loops[static_cast<int>(type)];
}

bool is_narrow_integer(Dtype dtype) {
  const NarrowType type = narrow_type(dtype);
  return type < NarrowType::f16;
}

void copy_words(void* dst, const void* a, const void*, const void*, int64_t count) {
  const auto* from = static_cast<const uint32_t*>(a);
  std::copy(from, from + count, static_cast<uint32_t*>(dst));
}
void copy_long_words(void* dst, const void* a, const void*, const void*, int64_t count) {
  const auto* from = static_cast<const uint64_t*>(a);
  std::copy(from, from + count, static_cast<uint64_t*>(dst));
}
void copy_bytes(void* dst, const void* a, const void*, const void*, int64_t count) {
  const auto* from = static_cast<const uint8_t*>(a);
  std::copy(from, from + count, static_cast<uint8_t*>(dst));
}

TileLoop copy_loop(ComputeType type) {
  switch (type) {
    case ComputeType::b8:
      return copy_bytes;
    case ComputeType::i32:
    case ComputeType::u32:
    case ComputeType::f32:
      return copy_words;
    default:
      return copy_long_words;
  }
}

// Writes the steps of a program. `where_` is the slot of each register now.
class Planner {
 public:
  Planner(TilePlan& plan, const TileProgram& program) : plan_(plan), loops_(tile_loops()) {
    where_.resize(static_cast<size_t>(program.registers));
    for (size_t i = 0; i < program.loads.size(); ++i) {
      where_[program.loads[i].reg] = plan.load_slot(i);
    }
    for (const TileProgram::Instruction& in : program.code) {
      if (in.opcode == TileProgram::kCast) {
        cast(in);
      } else {
        compute(in);
      }
    }
    for (size_t i = 0; i < program.stores.size(); ++i) {
      plan.stores[i].slot = where_[program.stores[i].reg];
    }
  }

 private:
  void emit(TileLoop run, uint16_t dst, uint16_t a) {
    plan_.steps.push_back({run, dst, {a, a, a}});
  }

  void compute(const TileProgram::Instruction& in) {
    const uint16_t dst = in.dst;
    const TileLoop run = find_loop(in.opcode, compute_type(dtype_at(in.operand)));
    emit(run, dst, where_[in.src[0]]);
    for (int i = 1; i < kElementwise[in.opcode].row->arity; ++i) {
      plan_.steps.back().src[i] = where_[in.src[i]];
    }
    if (is_narrow_integer(dtype_at(in.result))) {
      emit(narrow_loop(loops_.trim, dtype_at(in.result)), dst, dst);
    }
    where_[in.dst] = dst;
  }

  void cast(const TileProgram::Instruction& in) {
    const Dtype from = dtype_at(in.operand);
    const Dtype to = dtype_at(in.result);
    const uint16_t src = where_[in.src[0]];
    uint16_t now = convert(compute_type(from), compute_type(to), src, in.dst);
    const TileLoop trim = narrow_loop(loops_.trim, to);
    if (trim != nullptr && from != bool_ && from != to) {
      emit(trim, in.dst, now);
      now = in.dst;
    }
    // The slot of another register may change later: only a load's is kept.
    if (now != in.dst && now < plan_.load_slot(0)) {
      emit(copy_loop(compute_type(to)), in.dst, now);
      now = in.dst;
    }
    where_[in.dst] = now;
  }

  // Returns the slot that holds the converted tile: `dst`, or `src` if the bits stay.
  uint16_t convert(ComputeType from, ComputeType to, uint16_t src, uint16_t dst) {
    using enum ComputeType;
    if (from == to) {
      return src;
    }
    if (from == c64) {
      if (to == b8) {
        emit(kComplexLoops.to_b8, dst, src);
        return dst;
      }
      const uint16_t real = to == f32 ? dst : plan_.temporary_slot();
      emit(kComplexLoops.to_f32, real, src);
      return convert(f32, to, real, dst);
    }
    if (to == c64) {
      const uint16_t real = convert(from, f32, src, plan_.temporary_slot());
      emit(kComplexLoops.from_f32, dst, real);
      return dst;
    }
    const TileLoop run = loops_.convert[static_cast<int>(from)][static_cast<int>(to)];
    if (run == nullptr) {
      return src;
    }
    emit(run, dst, src);
    return dst;
  }

  TilePlan& plan_;
  const TileLoops& loops_;
  SmallVector<uint16_t, 16> where_;
};

}  // namespace

TilePlan::TilePlan(const TileProgram& program, std::span<const array> inputs, const Shape& shape)
    : registers(program.registers) {
  loads.reserve(program.loads.size());
  for (size_t i = 0; i < program.loads.size(); ++i) {
    TileView view = TileView::of(inputs[i], shape);
    const bool is_flat = view.is_flat();
    const bool is_scalar = view.is_scalar();
    loads.push_back(
        {std::move(view), narrow_loop(tile_loops().widen, inputs[i].dtype()), is_flat, is_scalar});
  }
  stores.reserve(program.stores.size());
  for (const TileProgram::Port& port : program.stores) {
    const Dtype dtype = dtype_at(port.dtype);
    stores.push_back(
        {nullptr, narrow_loop(tile_loops().narrow, dtype), 0, false, false, dtype.size()});
  }
  steps.reserve(program.code.size() + 4);
  Planner(*this, program);
}

void TilePlan::shorten() {
  if (stores.size() != 1) {
    return;
  }
  if (steps.empty()) {  // widening may write where the result goes
    if (loads[0].is_flat && loads[0].widen != nullptr && stores[0].narrow == nullptr) {
      const uint16_t from = load_slot(0);
      steps.push_back({loads[0].widen, 0, {from, from, from}});
      loads[0].widen = nullptr;
      stores[0].slot = 0;
    }
    return;
  }
  // A trim right before its store: narrowing rounds alike.
  const Step last = steps.back();
  const TileLoops& loops = tile_loops();
  for (int type = 0; type < kNarrowTypes; ++type) {
    if (loops.narrow[type] == stores[0].narrow && loops.trim[type] == last.run &&
        last.dst == stores[0].slot) {
      stores[0].slot = last.src[0];
      steps.pop_back();
      return;
    }
  }
}

void TilePlan::set_output(size_t i, void* data, int donor, bool streams) {
  Store& store = stores[i];
  store.data = static_cast<std::byte*>(data);
  store.streams = streams;
  if (streams || store.narrow != nullptr || store.slot >= load_slot(0)) {
    return;
  }
  size_t maker = steps.size();
  while (maker-- > 0 && steps[maker].dst != store.slot) {
  }
  // A trim works in place: the step before it makes the value. Both move.
  size_t first = maker;
  while (first > 0 && steps[first].src[0] == store.slot && steps[first - 1].dst == store.slot) {
    --first;
  }
  const uint16_t old = store.slot;
  const uint16_t own = store_slot(i);
  const auto reads = [](const Step& step, uint16_t slot) {
    return std::find(step.src, step.src + 3, slot) != step.src + 3;
  };
  if (donor >= 0) {
    const uint16_t given = load_slot(static_cast<size_t>(donor));
    const bool is_read_later =
        std::any_of(steps.begin() + static_cast<std::ptrdiff_t>(first) + 1, steps.end(),
                    [&](const Step& step) { return reads(step, given); });
    if (is_read_later) {
      return;
    }
  }
  for (size_t k = first; k < steps.size(); ++k) {
    if (k > first) {
      std::replace(steps[k].src, steps[k].src + 3, old, own);
    }
    if (k == first || steps[k].dst == old) {
      steps[k].dst = own;
    }
  }
  for (Store& other : stores) {
    if (other.slot == old) {
      other.slot = own;
    }
  }
  store.is_direct = true;
}

int64_t TilePlan::tile_size(int64_t size) const {
  constexpr int64_t kScratchBytes = 32 * 1024;
  constexpr int64_t kShortest = 256;
  // Short tiles spread streamed stores between the reads.
  const bool streams =
      std::any_of(stores.begin(), stores.end(), [](const Store& store) { return store.streams; });
  const int64_t fitting = streams ? kShortest : kScratchBytes / (8 * (slots() + 1));
  return std::min(std::clamp<int64_t>(fitting / 64 * 64, kShortest, 1024), size);
}

}  // namespace mlx::core::cpu
