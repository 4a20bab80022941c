#pragma once

// One step of an evaluation, ready to run on any thread: an operation or a
// fused group with the arrays it reads and writes.

#include <exception>
#include <string>
#include <vector>

#include "mlx/core/eval/tape.h"
#include "mlx/core/graph/op.h"
#include "mlx/core/graph/tile_program.h"

namespace mlx::core {

struct Task {
  const Op* op = nullptr;
  Attrs attrs;
  Stream stream{0, Device(Device::cpu)};
  TileProgram program;
  bool has_program = false;
  Shape shape;
  std::vector<array> inputs;
  std::vector<array> outputs;
  /// What the timeline calls it; empty when there is none.
  std::string label;
  /// For KernelArgs::turn.
  uint64_t turn = 0;
  /// Signaled when the outputs can be read. Not valid when the task runs at once.
  Event done;

  /// Takes the operation of a tape entry out of the graph. Nodes that a
  /// transform is tracing keep their place in it.
  void take(Tape& tape, uint32_t index);

  /// Gets the turn of an op that has turns.
  void reserve_turn() {
    if (op->turns != nullptr) turn = op->turns->reserve(attrs);
  }

  /// Waits for the inputs and computes the outputs. An error becomes the error
  /// of the outputs, of this task's event, and the return value.
  std::exception_ptr run() noexcept;

  /// Lets go of all arrays, so that what nobody else holds is free again.
  void clear();

 private:
  void compute();
  void compute_on_timeline();
  void fail(const std::exception_ptr& error) noexcept;
};

}  // namespace mlx::core
