#pragma once

// A tile program made ready to run on this machine: instructions become calls
// of loops, registers become slots.
//
// A slot holds the tile of one register, of one load or of one output. Slots of
// registers are scratch memory; a load's slot points into the input where it
// can; an output's slot points into the output, and then the instruction that
// makes the result writes it there.

#include <span>

#include "mlx/core/cpu/tile_loops.h"
#include "mlx/core/cpu/tile_view.h"

namespace mlx::core::cpu {

struct TilePlan {
  struct Load {
    TileView view;
    TileLoop widen;  // null: memory is in the compute type
    bool is_flat;
    bool is_scalar;
  };
  struct Step {
    TileLoop run;
    uint16_t dst;
    uint16_t src[3];
  };
  struct Store {
    std::byte* data;
    TileLoop narrow;  // null: memory is in the compute type
    uint16_t slot;
    bool is_direct;  // the slot is the output's own
    bool streams;    // written past the caches
    uint8_t itemsize;
  };

  TilePlan(const TileProgram& program, std::span<const array> inputs, const Shape& shape);

  /// Leaves out passes that storing makes needless. For plans whose result is stored.
  void shorten();

  /// Where output `i` goes: fresh memory, or that of the flat input `donor`.
  void set_output(size_t i, void* data, int donor, bool streams);

  int slots() const { return registers + 1 + static_cast<int>(loads.size() + stores.size()); }
  uint16_t temporary_slot() const { return static_cast<uint16_t>(registers); }
  uint16_t load_slot(size_t i) const {
    return static_cast<uint16_t>(registers + 1 + static_cast<int>(i));
  }
  uint16_t store_slot(size_t i) const {
    return static_cast<uint16_t>(load_slot(0) + static_cast<int>(loads.size() + i));
  }
  /// Elements for each tile: scratch memory stays in the first-level cache.
  int64_t tile_size(int64_t size) const;

  int registers;
  std::vector<Load> loads;
  std::vector<Step> steps;
  std::vector<Store> stores;
};

}  // namespace mlx::core::cpu
