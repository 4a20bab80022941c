// The engine: programs over every layout, casts, donation, readers, and the
// loops of each instruction set against each other.

#include "mlx/core/cpu/tile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "core/elements.h"
#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/tile_loops.h"
#include "mlx/core/graph/element.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/transforms.h"

using namespace mlx::core;
using namespace mlx::test;

namespace {

using Val = Dtype::Val;

uint16_t code(Opcode opcode) { return static_cast<uint16_t>(opcode); }

// 0, 1, 2, ... in memory, seen through strides.
array strided(const Shape& shape, const Strides& strides, int64_t offset, size_t count,
              Dtype dtype) {
  std::vector<double> numbers(count);
  for (size_t i = 0; i < count; ++i) {
    numbers[i] = static_cast<double>(i % 100);
  }
  const array memory = make(numbers, dtype);
  array view = make_array(shape, dtype);
  view.copy_shared_buffer(memory, strides, layout_flags(shape, strides, view.size() + 1), count,
                          offset);
  view.set_status(array::available);
  return view;
}

struct TileLayout {
  const char* name;
  Shape shape;
  Strides strides;
  int64_t offset;
  size_t count;
};

const TileLayout kLayouts[] = {
    {"scalar", {}, {}, 3, 10},
    {"row-major", {3, 5}, {5, 1}, 0, 15},
    {"empty", {0, 5}, {5, 1}, 0, 15},
    {"transposed", {5, 3}, {1, 5}, 0, 15},
    {"reversed", {7}, {-1}, 6, 7},
    {"reversed rows", {4, 6}, {-6, 1}, 18, 24},
    {"every other", {4, 3}, {6, 2}, 1, 30},
    {"broadcast rows", {4, 3}, {0, 1}, 2, 10},
    {"broadcast columns", {4, 3}, {1, 0}, 2, 10},
    {"broadcast scalar", {4, 3}, {0, 0}, 2, 10},
    {"permuted", {2, 3, 4}, {4, 8, 1}, 0, 24},
    {"long rows", {3, 3001}, {3005, 1}, 7, 9100},
    {"long odd", {4099}, {1}, 0, 4099},
    {"long broadcast", {5, 1, 2000}, {0, 0, 1}, 0, 2000},
    {"many short rows", {1500, 3}, {4, 1}, 0, 6000},
    {"many transposed", {301, 33}, {1, 301}, 0, 9933},
    {"large transposed", {301, 133}, {1, 301}, 0, 40033},
    {"large permuted", {5, 77, 3, 41}, {77 * 43 * 3, 1, 77, 77 * 3}, 0, 77 * 43 * 15},
};

array view_of(const TileLayout& l, Dtype dtype) {
  return strided(l.shape, l.strides, l.offset, l.count, dtype);
}

TEST(Tile, EveryLayoutOfEveryDtypeIsRead) {
  for (const TileLayout& l : kLayouts) {
    for (Dtype dtype : all_dtypes()) {
      const array x = view_of(l, dtype);
      std::vector<double> expected = values(x);
      for (double& v : expected) {
        v = dtype == bool_ ? (v != 0) : v;
      }
      EXPECT_EQ(values(maximum(x, x)), expected) << l.name << " " << dtype_name(dtype);
    }
  }
}

TEST(Tile, OperandsOfDifferentLayoutsAndDtypesMeet) {
  for (const TileLayout& l : kLayouts) {
    if (l.shape.empty()) {
      continue;
    }
    const array x = view_of(l, float32);
    const array row = strided({l.shape.back()}, {1}, 5, 4200, int16);
    const array one = make({0.5}, {1}, bfloat16);
    const std::vector<double> xs = values(x);
    const std::vector<double> rows = values(row);
    std::vector<double> expected;
    for (size_t i = 0; i < xs.size(); ++i) {
      expected.push_back((xs[i] + rows[i % rows.size()]) * 0.5);
    }
    EXPECT_EQ(values((x + row) * one), expected) << l.name;
  }
}

TEST(Tile, CastsBetweenAllDtypesAgreeWithElementConversion) {
  const std::vector<double> numbers = {0, 1, 2.75, 100.5, -1, -3.25, 127, 200, 300, 65504, -30000};
  for (Dtype from : all_dtypes()) {
    const array x = make(numbers, from);
    for (Dtype to : all_dtypes()) {
      std::vector<std::byte> expected(numbers.size() * to.size());
      convert_elements(x.data<void>(), from, expected.data(), to, numbers.size());
      array cast = astype(x, to);
      cast.eval();
      EXPECT_EQ(std::memcmp(cast.data<void>(), expected.data(), expected.size()), 0)
          << dtype_name(from) << " to " << dtype_name(to);
    }
  }
}

TEST(Tile, FloatsOutOfRangeBecomeTheSmallestInteger) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (Dtype from : {float32, float64}) {
    const array x = make({1e30, -1e30, nan, -1, 3e9, 1.9}, from);
    EXPECT_EQ(values(astype(x, int32)),
              (std::vector<double>{-0x1p31, -0x1p31, -0x1p31, -1, -0x1p31, 1}));
    EXPECT_EQ(values(astype(x, uint32)),
              (std::vector<double>{0, 0x1p31, 0x1p31, 4294967295, 3e9, 1}));
    EXPECT_EQ(values(astype(x, int64)),
              (std::vector<double>{-0x1p63, -0x1p63, -0x1p63, -1, 3e9, 1}));
    EXPECT_EQ(values(astype(x, uint64)), (std::vector<double>{0, 0x1p63, 0x1p63, 0x1p64, 3e9, 1}));
    EXPECT_EQ(values(astype(x, bool_)), (std::vector<double>{1, 1, 1, 1, 1, 1}));
  }
}

TEST(Tile, HalvesRoundToNearestEven) {
  std::mt19937 random(7);
  std::uniform_int_distribution<uint32_t> bits;
  std::vector<float> floats;
  for (int i = 0; i < 5000; ++i) {
    const uint32_t exponent = 90 + bits(random) % 60;  // around the range of float16
    floats.push_back(std::bit_cast<float>((bits(random) & 0x807FFFFF) | exponent << 23));
  }
  const array x(floats.data(), {5000}, float32);
  array half = astype(x, float16);
  array brain = astype(x, bfloat16);
  eval({half, brain});
  for (size_t i = 0; i < floats.size(); ++i) {
    ASSERT_EQ(half.data<uint16_t>()[i], float16_t::from_float(floats[i])) << floats[i];
    ASSERT_EQ(brain.data<uint16_t>()[i], bfloat16_t::from_float(floats[i])) << floats[i];
  }
  array wide = astype(half, float32);
  wide.eval();
  for (size_t i = 0; i < floats.size(); ++i) {
    ASSERT_EQ(wide.data<float>()[i], float16_t::to_float(half.data<uint16_t>()[i]));
  }
}

TEST(Tile, ExplicitCastsRoundWithinAFusedProgram) {
  const array x = make({1.0009765625 + 0.0001, 300.7, 70000}, float32);
  EXPECT_EQ(values(astype(astype(x, float16), float32) - array(0.0f)),
            (std::vector<double>{1.0009765625, 300.75, std::numeric_limits<double>::infinity()}));
  EXPECT_EQ(values(astype(astype(x, int8), int32) + array(1)), (std::vector<double>{2, 45, 113}));
}

// ---- programs by hand

struct Call {
  std::vector<array> inputs;
  std::vector<array> outputs;
};

void run(const TileProgram& program, const Shape& shape, Call& io) {
  const Attrs attrs;
  cpu::run_tile_program({io.inputs, io.outputs, attrs, &program, &shape, to_stream({})});
  for (array& out : io.outputs) {
    out.set_status(array::available);
  }
}

// r1 = x + x, r2 = r1 * x: both stored, and x too.
TileProgram three_outputs() {
  return {.loads = {{Val::float32, 0}},
          .code = {{code(Opcode::add), Val::float32, Val::float32, 1, {0, 0, 0}},
                   {code(Opcode::multiply), Val::float32, Val::float32, 2, {1, 0, 0}}},
          .stores = {{Val::float32, 1}, {Val::float32, 2}, {Val::float32, 0}},
          .registers = 3};
}

TEST(Tile, AProgramStoresSeveralResults) {
  const array x = strided({3000}, {1}, 0, 3000, float32);
  const Shape shape{3000};
  Call io{{x},
          {make_array(shape, float32), make_array(shape, float32), make_array(shape, float32)}};
  run(three_outputs(), shape, io);
  const std::vector<double> xs = values(x);
  const std::vector<double> sums = values(io.outputs[0]);
  const std::vector<double> products = values(io.outputs[1]);
  for (size_t i = 0; i < xs.size(); ++i) {
    ASSERT_EQ(sums[i], 2 * xs[i]);
    ASSERT_EQ(products[i], 2 * xs[i] * xs[i]);
  }
  EXPECT_EQ(values(io.outputs[2]), xs);
}

TEST(Tile, ADonatedInputThatIsStillNeededIsNotOverwrittenEarly) {
  const Shape shape{3000};
  std::vector<double> xs(3000);
  for (size_t i = 0; i < xs.size(); ++i) {
    xs[i] = static_cast<double>(i % 100);
  }
  Call io;
  io.inputs.push_back(make(xs, float32));
  io.outputs = {make_array(shape, float32), make_array(shape, float32)};
  const void* memory = io.inputs[0].data<void>();
  TileProgram program = three_outputs();
  program.stores.pop_back();
  run(program, shape, io);
  EXPECT_EQ(io.outputs[0].data<void>(), memory);  // taken over
  const std::vector<double> sums = values(io.outputs[0]);
  const std::vector<double> products = values(io.outputs[1]);
  for (size_t i = 0; i < xs.size(); ++i) {
    ASSERT_EQ(sums[i], 2 * xs[i]);
    ASSERT_EQ(products[i], 2 * xs[i] * xs[i]);
  }
}

TEST(Tile, AnInputThatIsAnOutputAsItIsIsNotTakenOver) {
  const Shape shape{3};
  Call io;
  io.inputs.push_back(make({1, 2, 3}, float32));
  io.outputs = {make_array(shape, float32), make_array(shape, float32), make_array(shape, float32)};
  run(three_outputs(), shape, io);
  EXPECT_EQ(values(io.outputs[0]), (std::vector<double>{2, 4, 6}));
  EXPECT_EQ(values(io.outputs[2]), (std::vector<double>{1, 2, 3}));
}

TEST(Tile, AnInputHeldElsewhereIsNotTakenOver) {
  const Shape shape{100};
  const array x = strided({100}, {1}, 0, 100, float32);
  const std::vector<double> before = values(x);
  Call io{{x}, {make_array(shape, float32)}};
  const TileProgram negate{
      .loads = {{Val::float32, 0}},
      .code = {{code(Opcode::negative), Val::float32, Val::float32, 1, {0, 0, 0}}},
      .stores = {{Val::float32, 1}},
      .registers = 2};
  run(negate, shape, io);
  EXPECT_NE(io.outputs[0].data<void>(), x.data<void>());
  EXPECT_EQ(values(x), before);
}

TEST(Tile, ARegisterCanBeUsedAgain) {
  // r1 = x + x, r1 = r1 * r1, r0 = -r1: the load's register is written, too.
  const TileProgram program{.loads = {{Val::int8, 0}},
                            .code = {{code(Opcode::add), Val::int8, Val::int8, 1, {0, 0, 0}},
                                     {code(Opcode::multiply), Val::int8, Val::int8, 1, {1, 1, 0}},
                                     {code(Opcode::negative), Val::int8, Val::int8, 0, {1, 0, 0}}},
                            .stores = {{Val::int8, 0}},
                            .registers = 2};
  const array x = make({1, 3, 5, 100}, int8);
  Call io{{x}, {make_array({4}, int8)}};
  run(program, {4}, io);
  // 200 wraps to -56, whose square is 3136 = 64 modulo 256.
  EXPECT_EQ(values(io.outputs[0]), (std::vector<double>{-4, -36, -100, -64}));
  EXPECT_EQ(values(x), (std::vector<double>{1, 3, 5, 100}));
}

TEST(Tile, ResultsOfManyMegabytesAreComplete) {
  const int64_t size = (int64_t{9} << 20) + 5;  // streamed past the caches, odd at the end
  const array zero = strided({size}, {0}, 0, 1, float32);
  array sum = zero + array(3.0f);
  array half = astype(zero, float16) + array(float16_t(3.0f));
  sum.eval();
  half.eval();
  for (int64_t i = 0; i < size; ++i) {
    ASSERT_EQ(sum.data<float>()[i], 3.0f) << i;
    ASSERT_EQ(half.data<uint16_t>()[i], float16_t::from_float(3.0f)) << i;
  }
}

// ---- readers

TEST(TileReader, ReadsAnyRangeOfAnyLayout) {
  for (const TileLayout& l : kLayouts) {
    const array x = view_of(l, bfloat16);
    const std::vector<double> expected = values(x);
    cpu::TileReader reader(nullptr, {&x, 1}, x.shape());
    EXPECT_EQ(reader.dtype(), bfloat16);
    EXPECT_EQ(reader.type(), ComputeType::f32);
    EXPECT_EQ(reader.direct(), nullptr);
    const auto size = static_cast<int64_t>(expected.size());
    for (int64_t start : {int64_t{0}, size / 3, size / 2, int64_t{0}}) {
      const int64_t count = std::min(size - start, cpu::TileReader::kMaxCount);
      if (count == 0) {
        continue;
      }
      const auto* got = static_cast<const float*>(reader.read(start, count));
      for (int64_t i = 0; i < count; ++i) {
        ASSERT_EQ(got[i], expected[static_cast<size_t>(start + i)]) << l.name;
      }
    }
  }
}

TEST(TileReader, RunsItsProgram) {
  TileProgram program = three_outputs();
  program.stores = {program.stores[1]};
  const array x = strided({40, 50}, {1, 40}, 0, 2000, float32);
  const std::vector<double> xs = values(x);
  cpu::TileReader reader(&program, {&x, 1}, x.shape());
  const auto* got = static_cast<const float*>(reader.read(123, 1000));
  for (size_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(got[i], 2 * xs[123 + i] * xs[123 + i]);
  }
}

TEST(TileReader, PointsAtMemoryThatIsReadyToUse) {
  const array x = strided({40, 50}, {50, 1}, 3, 2003, float32);
  EXPECT_EQ(cpu::TileReader(nullptr, {&x, 1}, x.shape()).direct(), x.data<void>());
  const array t = strided({40, 50}, {1, 40}, 0, 2000, float32);
  EXPECT_EQ(cpu::TileReader(nullptr, {&t, 1}, t.shape()).direct(), nullptr);
}

// ---- copies

TEST(Copy, EveryLayoutBecomesRowMajor) {
  for (const TileLayout& l : kLayouts) {
    for (Dtype dtype : {bool_, uint8, float16, float32, complex64}) {
      const array x = view_of(l, dtype);
      array copy = cpu::row_contiguous(x);
      copy.set_status(array::available);
      EXPECT_TRUE(copy.flags().row_contiguous) << l.name;
      EXPECT_EQ(values(copy), values(x)) << l.name << " " << dtype_name(dtype);
      std::vector<double> cast(x.size() + 1, -1);
      cpu::copy_to(x, cast.data(), float64);
      EXPECT_EQ(cast.back(), -1);
      cast.pop_back();
      EXPECT_EQ(cast, values(x)) << l.name << " " << dtype_name(dtype);
    }
  }
}

TEST(Copy, WritesToAStridedPlace) {
  const array x = strided({40, 70}, {1, 40}, 0, 2800, int32);
  std::vector<uint16_t> place(40 * 70 * 2, 9);
  cpu::copy_to_strided(x, place.data(), float16, Strides{2, 80});
  const std::vector<double> xs = values(x);
  for (size_t i = 0; i < 40; ++i) {
    for (size_t j = 0; j < 70; ++j) {
      ASSERT_EQ(place[2 * i + 80 * j], float16_t::from_float(static_cast<float>(xs[i * 70 + j])));
      ASSERT_EQ(place[2 * i + 80 * j + 1], 9);
    }
  }
}

// ---- instruction sets

#if defined(__x86_64__)

// Random values of a compute type: of moderate size, as bytes.
std::vector<std::byte> random_tile(ComputeType type, int64_t count, uint32_t seed) {
  const Dtype dtypes[] = {bool_, int32, uint32, int64, uint64, float32, float64};
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(-4, 4);
  const Dtype dtype = dtypes[static_cast<int>(type)];
  std::vector<double> numbers(static_cast<size_t>(count));
  for (double& v : numbers) {
    v = uniform(random);
    v = dtype == bool_ ? (v > 0) : issubdtype(dtype, floating) ? v : std::trunc(std::abs(v));
  }
  std::vector<std::byte> tile(static_cast<size_t>(count) * 8);
  convert_elements(numbers.data(), float64, tile.data(), dtype, numbers.size());
  return tile;
}

void expect_same(const cpu::TileLoops& wide, int op, int type) {
  constexpr int64_t kCount = 131;
  const auto compute = static_cast<ComputeType>(type);
  const std::vector<std::byte> a = random_tile(compute, kCount, 1);
  const std::vector<std::byte> b = random_tile(compute, kCount, 2);
  const std::vector<std::byte> c = random_tile(ComputeType::b8, kCount, 3);
  const bool is_select = op == static_cast<int>(Opcode::select);
  std::vector<std::byte> expected(kCount * 8);
  std::vector<std::byte> got(kCount * 8);
  const void* first = is_select ? c.data() : a.data();
  cpu::kTileLoopsBase.op[op][type](expected.data(), first, b.data(), a.data(), kCount);
  wide.op[op][type](got.data(), first, b.data(), a.data(), kCount);
  if (expected == got) {
    return;
  }
  // Only vector mathematics may round differently.
  const bool is_float = compute == ComputeType::f32 || compute == ComputeType::f64;
  const Domain domain = domain_of(static_cast<Opcode>(op));
  ASSERT_TRUE(is_float &&
              (domain == Domain::Float || domain == Domain::Inexact || domain == Domain::Any))
      << kElementwise[op].name << " in type " << type;
  for (int64_t i = 0; i < kCount; ++i) {
    double x;
    double y;
    const Dtype dtype = compute == ComputeType::f32 ? float32 : float64;
    convert_elements(expected.data() + i * dtype.size(), dtype, &x, float64, 1);
    convert_elements(got.data() + i * dtype.size(), dtype, &y, float64, 1);
    EXPECT_TRUE((std::isnan(x) && std::isnan(y)) ||
                std::abs(x - y) <= 8 * epsilon(dtype) * std::abs(x))
        << kElementwise[op].name << " in type " << type << ": " << x << " and " << y;
  }
}

void expect_same_table(const cpu::TileLoops& wide) {
  for (int op = 0; op < kOpcodes; ++op) {
    for (int type = 0; type < cpu::kRealTypes; ++type) {
      ASSERT_EQ(cpu::kTileLoopsBase.op[op][type] == nullptr, wide.op[op][type] == nullptr);
      if (wide.op[op][type] != nullptr) {
        expect_same(wide, op, type);
      }
    }
  }
}

TEST(TileLoops, InstructionSetsAgree) {
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    expect_same_table(cpu::kTileLoopsAvx2);
  }
  if (&cpu::tile_loops() == &cpu::kTileLoopsAvx512) {
    expect_same_table(cpu::kTileLoopsAvx512);
  }
}

#endif

TEST(TileLoops, AValueDoesNotDependOnItsPlace) {
  for (Dtype dtype : {float32, float64}) {
    const array x = strided({1000}, {1}, 0, 1000, dtype) * array(0.37f);
    using Function = array (*)(const array&, StreamOrDevice);
    for (Function f :
         {Function(exp), Function(log1p), Function(erf), Function(tanh), Function(sin)}) {
      const std::vector<double> all = values(f(x, {}));
      for (int64_t start : {0, 7, 500, 999}) {
        array part = make_array({1000 - start}, dtype);
        part.copy_shared_buffer(x, {1}, {true, true, true}, 1000 - static_cast<size_t>(start),
                                start);
        part.set_status(array::available);
        const std::vector<double> got = values(f(part, {}));
        ASSERT_TRUE(std::equal(got.begin(), got.end(), all.begin() + start));
      }
    }
  }
}

}  // namespace
