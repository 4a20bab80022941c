// The order that needs less memory.
//
// Depth first holds little where results are reduced one after the other, such
// as files that are loaded and quantized. But of a gradient it runs the whole
// backward pass before the first product that gives the gradient of weights,
// and keeps what these products read: all that the forward pass computed, even
// if checkpoint() could compute it again. The order of creation, which is that
// of an eager program, is better there.

#include <algorithm>
#include <limits>
#include <numeric>

#include "mlx/core/eval/tape.h"

namespace mlx::core {
namespace {

// Below, no order is worth the time to find it.
constexpr size_t kLittle = size_t{16} << 20;

// Ops that bring their own kernel and have inputs are views, as a rule.
size_t bytes_of(const Node& node) {
  const bool is_view = node.op->run != nullptr && !node.inputs.empty();
  return is_view ? 0 : node.size * size_of(node.dtype);
}

// Collectives have their order for another reason: they begin early, and the
// rest runs beside them.
bool may_reorder(const Tape& tape) {
  size_t total = 0;
  for (const TapeEntry& entry : tape.entries) {
    if (entry.node->op->ordered) {
      return false;
    }
    total += bytes_of(*entry.node);
  }
  return total >= kLittle;
}

// Bytes of results that an order holds at most at one time.
size_t peak(const Tape& tape, std::span<const uint32_t> order) {
  std::vector<uint32_t> uses;
  for (const TapeEntry& entry : tape.entries) {
    uses.push_back(entry.uses);
  }
  std::vector<bool> has_run(tape.entries.size(), false);
  size_t held = 0;
  size_t most = 0;
  for (const uint32_t index : order) {
    const Node& node = *tape.entries[index].node;
    held += bytes_of(node);
    most = std::max(most, held);
    has_run[index] = true;
    for (const array& in : node.inputs) {
      const Node* input = representative(in.node());
      if (!tape.contains(input)) {
        continue;
      }
      if (!has_run[input->mark]) {  // somebody gave the node other inputs
        return std::numeric_limits<size_t>::max();
      }
      if (--uses[input->mark] == 0 && !tape.is_retained(tape.entries[input->mark])) {
        held -= bytes_of(*input);
      }
    }
  }
  return most;
}

}  // namespace

void save_memory(Tape& tape) {
  if (!may_reorder(tape)) {
    return;
  }
  std::vector<uint32_t> by_creation(tape.entries.size());
  std::iota(by_creation.begin(), by_creation.end(), 0u);
  std::sort(by_creation.begin(), by_creation.end(), [&](uint32_t a, uint32_t b) {
    return tape.entries[a].node->sequence < tape.entries[b].node->sequence;
  });
  if (peak(tape, by_creation) < peak(tape, tape.order)) {
    tape.order = std::move(by_creation);
  }
}

}  // namespace mlx::core
