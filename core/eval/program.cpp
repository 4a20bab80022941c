// From a fused group to a tile program: operands to registers, casts where an
// operand has another dtype than the operation computes in.

#include "mlx/core/eval/program.h"

#include <algorithm>
#include <cassert>

namespace mlx::core {

ComputeType compute_type(Dtype dtype) {
  switch (dtype.val()) {
    case Dtype::Val::bool_:
      return ComputeType::b8;
    case Dtype::Val::int8:
    case Dtype::Val::int16:
    case Dtype::Val::int32:
      return ComputeType::i32;
    case Dtype::Val::uint8:
    case Dtype::Val::uint16:
    case Dtype::Val::uint32:
      return ComputeType::u32;
    case Dtype::Val::int64:
      return ComputeType::i64;
    case Dtype::Val::uint64:
      return ComputeType::u64;
    case Dtype::Val::float16:
    case Dtype::Val::bfloat16:
    case Dtype::Val::float32:
      return ComputeType::f32;
    case Dtype::Val::float64:
      return ComputeType::f64;
    case Dtype::Val::complex64:
      break;
  }
  return ComputeType::c64;
}

namespace {

// Registers of loads stay theirs; a member's register is free again after its
// last use within the group.
class Writer {
 public:
  Writer(const Tape& tape, const FusedGroup& group, TileProgram& program,
         std::vector<array>& inputs, std::vector<array>& outputs)
      : tape_(tape), group_(group), program_(program), inputs_(inputs), outputs_(outputs) {
    program_.loads.clear();
    program_.code.clear();
    program_.stores.clear();
    program_.registers = 0;
    inputs_.clear();
    outputs_.clear();
    values_.reserve(group.members.size());
  }

  void write() {
    for (size_t i = group_.members.size(); i-- > 0;) {
      write_member(group_.members[i]);
    }
    if (!group_.is_reduction) {
      store(group_.root);
    } else if (!group_.members.empty()) {
      store_result(group_.members.front());
    }
    for (uint32_t index : group_.extra_outputs) {
      store(index);
    }
  }

 private:
  struct Value {
    const Node* node;
    uint8_t reg;
    uint32_t remaining_uses;
  };

  bool is_output(uint32_t index) const {
    return index == group_.members.front() ||
           std::find(group_.extra_outputs.begin(), group_.extra_outputs.end(), index) !=
               group_.extra_outputs.end();
  }

  // A value of this group, looked up from the latest: chains use the last one.
  Value* find_value(const Node* node) {
    for (size_t i = values_.size(); i-- > 0;) {
      if (values_[i].node == node) {
        return &values_[i];
      }
    }
    return nullptr;
  }

  uint8_t take_register() {
    if (free_.empty()) {
      assert(program_.registers < TileProgram::kMaxRegisters);
      return static_cast<uint8_t>(program_.registers++);
    }
    const uint8_t reg = free_.back();
    free_.pop_back();
    return reg;
  }

  uint8_t load(const array& in) {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i].node() == in.node()) {
        return program_.loads[i].reg;
      }
    }
    const auto reg = static_cast<uint8_t>(program_.registers++);
    inputs_.push_back(in);
    program_.loads.push_back({in.dtype().val(), reg});
    return reg;
  }

  uint8_t operand(const array& in, Dtype wanted) {
    uint8_t reg;
    // What has run (or was given to a stream) is in memory; the rest are members.
    if (in.status() == array::unscheduled) {
      Value* value = find_value(in.node());
      reg = value->reg;
      if (--value->remaining_uses == 0) {
        released_.push_back(reg);
      }
    } else {
      reg = load(in);
    }
    if (in.dtype() == wanted) {
      return reg;
    }
    const uint8_t cast = take_register();
    program_.code.push_back(
        {TileProgram::kCast, in.dtype().val(), wanted.val(), cast, {reg, 0, 0}});
    released_.push_back(cast);
    return cast;
  }

  void write_member(uint32_t index) {
    const TapeEntry& entry = tape_.entries[index];
    const Node* node = entry.node;
    const ElementwiseRow& row = *node->op->row;
    TileProgram::Instruction instruction{
        row.opcode, Dtype::Val::bool_, node->dtype.val(), 0, {0, 0, 0}};
    for (int i = 0; i < row.arity; ++i) {
      const Dtype wanted = row.operand(node->inputs, i);
      instruction.src[i] = operand(node->inputs[static_cast<size_t>(i)], wanted);
      instruction.operand = wanted.val();  // a select computes in its last operand's dtype
    }
    // Operand registers become free only now: the result never overwrites one.
    instruction.dst = take_register();
    program_.code.push_back(instruction);
    free_.insert(free_.end(), released_.begin(), released_.end());
    released_.clear();
    const uint32_t uses = is_output(index) ? UINT32_MAX : entry.uses;
    values_.push_back({node, instruction.dst, uses});
  }

  void store_result(uint32_t index) {
    const Node* node = tape_.entries[index].node;
    program_.stores.push_back({node->dtype.val(), find_value(node)->reg});
  }

  void store(uint32_t index) {
    store_result(index);
    Node* node = tape_.entries[index].node;
    Node::retain(node);
    outputs_.emplace_back(array(node));
  }

  const Tape& tape_;
  const FusedGroup& group_;
  TileProgram& program_;
  std::vector<array>& inputs_;
  std::vector<array>& outputs_;
  std::vector<Value> values_;
  std::vector<uint8_t> free_;
  std::vector<uint8_t> released_;
};

}  // namespace

void write_program(const Tape& tape, const FusedGroup& group, TileProgram& program,
                   std::vector<array>& inputs, std::vector<array>& outputs) {
  Writer(tape, group, program, inputs, outputs).write();
}

}  // namespace mlx::core
