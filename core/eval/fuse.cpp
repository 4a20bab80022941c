// Fusion: which element-wise operations run as one tile program.
//
// Walking the tape backwards, an operation joins a group when all its
// consumers are in that group already, so no path can leave the group and come
// back. Its value then lives in a register, or is one more output of the
// program if somebody outside still holds it. A reduction starts a group that
// its operand may join: the operand is never stored.

#include "mlx/core/base/environment.h"
#include "mlx/core/eval/tape.h"

namespace mlx::core {
namespace {

// Bounds that keep a program's registers under TileProgram::kMaxRegisters:
// every operand may need a load, every member a register of its own.
constexpr size_t kMaxMembers = 64;
constexpr int kMaxOperands = 100;

bool fits(const Tape& tape, const FusedGroup& group, const TapeEntry& entry) {
  const Node* root = tape.entries[group.root].node;
  const Node* node = entry.node;
  if (group.members.size() >= kMaxMembers || group.operands + node->op->row->arity > kMaxOperands) {
    return false;
  }
  if (group.is_reduction && tape.is_retained(entry)) {
    return false;
  }
  return node->shape == *group.shape && node->stream == root->stream;
}

void join(Tape& tape, int32_t id, uint32_t index) {
  FusedGroup& group = tape.groups[static_cast<size_t>(id)];
  TapeEntry& entry = tape.entries[index];
  entry.group = id;
  group.members.push_back(index);
  group.operands += entry.node->op->row->arity;
  if (group.root != index && tape.is_retained(entry)) {
    group.extra_outputs.push_back(index);
  }
}

int32_t open_group(Tape& tape, uint32_t index, const Shape* shape, bool is_reduction) {
  tape.groups.push_back({.root = index, .is_reduction = is_reduction, .shape = shape});
  return static_cast<int32_t>(tape.groups.size() - 1);
}

void assign(Tape& tape, uint32_t index) {
  TapeEntry& entry = tape.entries[index];
  const Op& op = *entry.node->op;
  if (op.fuses_producer) {
    entry.group = open_group(tape, index, &entry.node->inputs[0].shape(), true);
    return;
  }
  if (op.row == nullptr) {
    return;
  }
  const bool can_join = entry.candidate >= 0 && !Environment::get().disable_fusion &&
                        fits(tape, tape.groups[static_cast<size_t>(entry.candidate)], entry);
  const int32_t id =
      can_join ? entry.candidate : open_group(tape, index, &entry.node->shape, false);
  join(tape, id, index);
}

// Tells the inputs which group this consumer is in.
void propose(Tape& tape, const TapeEntry& consumer) {
  const int32_t group = consumer.group >= 0 ? consumer.group : TapeEntry::kSeveral;
  for (const array& in : consumer.node->inputs) {
    if (in.status() != array::unscheduled) {
      continue;
    }
    TapeEntry& producer = tape.entry(in.node());
    if (producer.candidate == TapeEntry::kNone) {
      producer.candidate = group;
    } else if (producer.candidate != group) {
      producer.candidate = TapeEntry::kSeveral;
    }
  }
}

}  // namespace

void fuse(Tape& tape) {
  for (size_t i = tape.order.size(); i-- > 0;) {
    const uint32_t index = tape.order[i];
    assign(tape, index);
    propose(tape, tape.entries[index]);
  }
}

}  // namespace mlx::core
