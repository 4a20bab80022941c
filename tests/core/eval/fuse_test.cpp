#include <gtest/gtest.h>

#include "mlx/core/eval/program.h"
#include "mlx/core/eval/tape.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

Tape planned(const std::vector<array>& outputs) {
  Tape tape = collect(outputs);
  fuse(tape);
  return tape;
}

TEST(Fuse, AChainIsOneGroup) {
  const array x = ones({8});
  const array y = exp(x * x) + x;
  const Tape tape = planned({y});
  const FusedGroup& group = tape.groups[0];
  EXPECT_EQ(group.members.size(), 3u);
  EXPECT_TRUE(group.extra_outputs.empty());
}

TEST(Fuse, AValueThatIsHeldIsAnExtraOutput) {
  const array x = ones({8});
  const array middle = x * x;
  const array y = exp(middle);
  const Tape tape = planned({y});
  EXPECT_EQ(tape.groups[0].members.size(), 2u);
  EXPECT_EQ(tape.groups[0].extra_outputs.size(), 1u);
  eval(y);
  EXPECT_TRUE(middle.is_available());
}

TEST(Fuse, AValueForTwoGroupsIsStored) {
  const array x = ones({4, 4});
  const array y = [&] {
    const array middle = x * x;
    return matmul(exp(middle), middle + x);
  }();
  const Tape tape = planned({y});
  size_t members = 0;
  for (const FusedGroup& group : tape.groups) {
    members = std::max(members, group.members.size());
  }
  EXPECT_EQ(members, 1u);
}

TEST(Fuse, AReductionTakesItsProducer) {
  const array x = ones({4, 4});
  const array y = sum(square(x - array(1.0f)), 0);
  const Tape tape = planned({y});
  bool found = false;
  for (const FusedGroup& group : tape.groups) {
    if (group.is_reduction) {
      found = true;
      EXPECT_EQ(group.members.size(), 2u);
      EXPECT_EQ(*group.shape, (Shape{4, 4}));
    }
  }
  EXPECT_TRUE(found);
}

TEST(Fuse, AProducerThatIsHeldStaysOutsideTheReduction) {
  const array x = ones({4, 4});
  const array p = square(x);
  const array y = sum(p);
  const Tape tape = planned({y});
  for (const FusedGroup& group : tape.groups) {
    EXPECT_TRUE(!group.is_reduction || group.members.empty());
  }
  EXPECT_EQ(y.node()->shape.size(), 0u);
}

TEST(Fuse, LongChainsAreCutIntoPrograms) {
  array x(1.0f);
  const array one(1.0f);
  for (int i = 0; i < 1000; ++i) {
    x = x + one;
  }
  const Tape tape = planned({x});
  EXPECT_GT(tape.groups.size(), 10u);
  for (const FusedGroup& group : tape.groups) {
    TileProgram program;
    std::vector<array> inputs;
    std::vector<array> outputs;
    if (&group == &tape.groups.back()) {  // the one whose inputs are evaluated
      write_program(tape, group, program, inputs, outputs);
      EXPECT_LE(program.registers, 6);
      EXPECT_EQ(outputs.size(), 1u);
    }
  }
}

TEST(Fuse, MixedDtypesGetCasts) {
  const array x({1, 2, 3}, int16);
  const array y = x * array({0.5f, 0.5f, 0.5f});
  const Tape tape = planned({y});
  TileProgram program;
  std::vector<array> inputs;
  std::vector<array> outputs;
  write_program(tape, tape.groups[0], program, inputs, outputs);
  ASSERT_EQ(program.code.size(), 2u);
  EXPECT_EQ(program.code[0].opcode, TileProgram::kCast);
  EXPECT_EQ(program.code[1].operand, Dtype::Val::float32);
}

TEST(Tape, OrdersDepthFirstAndVisitsOnce) {
  const array x = ones({4});
  const array a = exp(x);
  const array b = matmul(a, a);
  const std::vector<array> outputs{b + b};
  const Tape tape = collect(outputs);
  ASSERT_GE(tape.order.size(), 3u);
  for (size_t i = 0; i < tape.order.size(); ++i) {
    const Node* node = tape.entries[tape.order[i]].node;
    for (const array& in : node->inputs) {
      if (in.status() != array::unscheduled) {
        continue;
      }
      const auto at = std::find(tape.order.begin(), tape.order.end(), in.node()->mark);
      EXPECT_LT(at - tape.order.begin(), static_cast<std::ptrdiff_t>(i));
    }
  }
}

// The names of the operations in their order.
std::vector<std::string_view> operations(const Tape& tape) {
  std::vector<std::string_view> names;
  for (uint32_t index : tape.order) {
    names.push_back(tape.entries[index].node->op->name);
  }
  return names;
}

// x is used last by its sum: the first result of all by creation, the last depth first.
std::vector<array> used_late(int size) {
  const array x = arange(size, float32);
  const array total = sum(x);
  return {sort(repeat(exp(slice(x, {0}, {4})), size / 4)), total};
}

bool is_by_creation(const Tape& tape) {
  return std::is_sorted(tape.order.begin(), tape.order.end(), [&](uint32_t a, uint32_t b) {
    return tape.entries[a].node->sequence < tape.entries[b].node->sequence;
  });
}

TEST(SaveMemory, TakesTheOrderOfCreationWhereThatHoldsLess) {
  const std::vector<array> outputs = used_late(1 << 21);
  Tape tape = collect(outputs);
  ASSERT_FALSE(is_by_creation(tape));
  save_memory(tape);
  EXPECT_TRUE(is_by_creation(tape));
}

TEST(SaveMemory, LeavesSmallGraphsAlone) {
  const std::vector<array> outputs = used_late(1 << 10);
  Tape tape = collect(outputs);
  const std::vector<uint32_t> before = tape.order;
  save_memory(tape);
  EXPECT_EQ(tape.order, before);
}

TEST(SaveMemory, KeepsDepthFirstWhereThatHoldsLess) {
  std::vector<array> large;
  std::vector<array> sums;
  for (int i = 0; i < 4; ++i) {
    large.push_back(arange(1 << 21));
  }
  for (const array& x : large) {
    sums.push_back(sum(x));
  }
  large.clear();
  Tape tape = collect(sums);
  save_memory(tape);
  const std::vector<std::string_view> names = operations(tape);
  ASSERT_EQ(names.size(), 8u);
  EXPECT_EQ(names[0], names[2]);
  EXPECT_NE(names[0], names[1]);
}

}  // namespace
}  // namespace mlx::core
