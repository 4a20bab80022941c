#include "mlx/core/array.h"

#include <gtest/gtest.h>

#include <numeric>
#include <sstream>

#include "mlx/core/ops.h"
#include "mlx/core/primitives.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

std::string printed(const array& a) {
  std::ostringstream os;
  os << a;
  return os.str();
}

TEST(Array, ScalarsTakeTheirTypesDtype) {
  EXPECT_EQ(array(1).dtype(), int32);
  EXPECT_EQ(array(int64_t{1}).dtype(), int64);
  EXPECT_EQ(array(1.5).dtype(), float32);
  EXPECT_EQ(array(1.5f).dtype(), float32);
  EXPECT_EQ(array(true).dtype(), bool_);
  EXPECT_EQ(array(float16_t(1.0f)).dtype(), float16);
  EXPECT_EQ(array(std::complex<float>(1, 2)).dtype(), complex64);
  EXPECT_EQ(array(1.5, float64).item<double>(), 1.5);
}

TEST(Array, ValuesCastWithCRules) {
  EXPECT_EQ(array(300, uint8).item<uint8_t>(), 44);
  EXPECT_EQ(array(1.7, int32).item<int>(), 1);
  EXPECT_EQ(array(-1.0, uint32).item<uint32_t>(), 4294967295u);
  EXPECT_EQ(array(2.0, bool_).item<bool>(), true);
  EXPECT_EQ(array(std::complex<float>(3, 4), float32).item<float>(), 3.0f);
}

TEST(Array, ListsAndIteratorsFillRowMajor) {
  const array a({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(a.shape(), (Shape{2, 3}));
  EXPECT_EQ(a.strides(), (Strides{3, 1}));
  EXPECT_EQ(a.data<int>()[5], 6);
  std::vector<double> values{0.5, 1.5};
  const array b(values.begin(), {2}, float64);
  EXPECT_EQ(b.dtype(), float64);
  EXPECT_EQ(b.data<double>()[1], 1.5);
  const std::vector<bool> bits{true, false, true};
  EXPECT_EQ(array(bits.begin(), {3}, bool_).data<bool>()[2], true);
  EXPECT_EQ(array({}).dtype(), float32);
  EXPECT_EQ(array({}).size(), 0u);
}

TEST(Array, WrongNumberOfElementsIsAnError) {
  EXPECT_THROW(array({1, 2, 3}, {2, 2}), std::invalid_argument);
  EXPECT_THROW(zeros({-1, 2}), std::invalid_argument);
  EXPECT_THROW(zeros({int64_t{1} << 40, int64_t{1} << 40}), std::invalid_argument);
}

TEST(Array, ItemNeedsOneElement) {
  EXPECT_THROW(array({1, 2}).item<int>(), std::invalid_argument);
  EXPECT_EQ(array({7}, {1, 1}).item<int>(), 7);
}

TEST(Array, NegativeDimensionsCountFromTheEnd) {
  const array a = zeros({2, 3, 4});
  EXPECT_EQ(a.shape(-1), 4);
  EXPECT_EQ(a.shape(0), 2);
  EXPECT_THROW(a.shape(3), std::out_of_range);
  EXPECT_THROW(a.shape(-4), std::out_of_range);
}

TEST(Array, ForeignMemoryIsUsedInPlaceAndGivenBack) {
  auto* values = new float[3]{1, 2, 3};
  int deleted = 0;
  {
    array a(values, {3}, float32, [&](void* p) {
      ++deleted;
      delete[] static_cast<float*>(p);
    });
    EXPECT_EQ(a.data<float>(), values);
    array b = a + a;
    EXPECT_EQ(sum(b).item<float>(), 12.0f);
  }
  EXPECT_EQ(deleted, 1);
}

TEST(Array, IteratesOverItsRows) {
  const array a({1, 2, 3, 4}, {2, 2});
  int row = 0;
  for (const array& r : a) {
    EXPECT_EQ(r.shape(), (Shape{2}));
    EXPECT_EQ(sum(r).item<int>(), row++ == 0 ? 3 : 7);
  }
  EXPECT_EQ(row, 2);
  EXPECT_THROW(array(1).begin(), std::invalid_argument);
}

TEST(Array, PrimitiveIsAViewOnTheOperation) {
  array a = array(1.0f) + array(2.0f);
  EXPECT_TRUE(a.has_primitive());
  EXPECT_EQ(a.inputs().size(), 2u);
  EXPECT_FALSE(std::string(a.primitive().name()).empty());
  a.eval();
  EXPECT_FALSE(a.has_primitive());
  EXPECT_THROW(a.primitive(), std::invalid_argument);
}

// The extension interface: a user's operation with a rule of its own.
class Triple final : public Primitive {
 public:
  using Primitive::Primitive;
  void eval_cpu(const std::vector<array>& inputs, std::vector<array>& outputs) override {
    array x = inputs[0];
    outputs[0].set_data(allocator::malloc(outputs[0].nbytes()));
    for (size_t i = 0; i < x.size(); ++i) {
      outputs[0].data<float>()[i] = 3 * x.data<float>()[i];
    }
  }
  std::vector<array> vjp(const std::vector<array>&, const std::vector<array>& cotangents,
                         const std::vector<int>&, const std::vector<array>&) override {
    return {cotangents[0] * 3.0f};
  }
  const char* name() const override { return "Triple"; }
};

array triple(const array& x) {
  return array(x.shape(), x.dtype(), std::make_shared<Triple>(default_stream(Device::cpu)), {x});
}

TEST(Array, AUsersPrimitiveEvaluatesAndDifferentiates) {
  const array x({1.0f, 2.0f});
  EXPECT_EQ(sum(triple(x)).item<float>(), 9.0f);
  const array dx = grad([](const array& v) { return sum(square(triple(v))); })(x);
  EXPECT_EQ(printed(dx), "array([18, 36], dtype=float32)");
}

class Untouched final : public Primitive {
 public:
  using Primitive::Primitive;
  void eval_cpu(const std::vector<array>&, std::vector<array>&) override {
    throw std::runtime_error("[Untouched] failed");
  }
  const char* name() const override { return "Untouched"; }
};

TEST(Array, SiblingsKnowEachOther) {
  const auto both = array::make_arrays(
      {{2}, {3}}, {float32, int32}, std::make_shared<Untouched>(default_stream(Device::cpu)), {});
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].siblings().size(), 1u);
  EXPECT_EQ(both[1].siblings()[0].id(), both[0].id());
  EXPECT_EQ(both[1].sibling_position(), 1);
  EXPECT_EQ(both[0].outputs()[1].id(), both[1].id());
}

TEST(Array, SiblingsOutliveEachOther) {
  array second = [] {
    auto both = array::make_arrays({{2}, {3}}, {float32, int32},
                                   std::make_shared<Untouched>(default_stream(Device::cpu)), {});
    return both[1];
  }();
  EXPECT_EQ(second.siblings()[0].shape(), (Shape{2}));
  EXPECT_EQ(second.outputs().size(), 2u);
}

struct Printing {
  array value;
  std::string text;
};

TEST(Printing, FollowsTheGoldenForms) {
  const std::vector<Printing> rows = {
      {array(1), "array(1, dtype=int32)"},
      {array(1.0), "array(1, dtype=float32)"},
      {array(true), "array(true, dtype=bool)"},
      {array({1.0f, 2.5f, -0.1f}), "array([1, 2.5, -0.1], dtype=float32)"},
      {array(1e10), "array(1e+10, dtype=float32)"},
      {array({1e-8f, 123456789.0f}), "array([1e-08, 1.23457e+08], dtype=float32)"},
      {array(-0.0f), "array(-0, dtype=float32)"},
      {array(std::complex<float>(1, -2)), "array(1-2j, dtype=complex64)"},
      {array({1, 2, 3, 4}, {2, 2}), "array([[1, 2],\n       [3, 4]], dtype=int32)"},
      {array({200, 7}, uint8), "array([200, 7], dtype=uint8)"},
      {zeros({2, 0}), "array([[],\n       []], dtype=float32)"},
      {zeros({0, 2}), "array([], dtype=float32)"},
      {arange(7), "array([0, 1, 2, ..., 4, 5, 6], dtype=int32)"},
      {arange(6), "array([0, 1, 2, 3, 4, 5], dtype=int32)"},
      {reshape(arange(8), {2, 2, 2}),
       "array([[[0, 1],\n        [2, 3]],\n       [[4, 5],\n        [6, 7]]], dtype=int32)"},
  };
  for (const Printing& row : rows) {
    EXPECT_EQ(printed(row.value), row.text);
  }
}

TEST(Printing, PrecisionAndCapitalsAreOptions) {
  set_printoptions({.precision = 3});
  get_global_formatter().capitalize_bool = true;
  EXPECT_EQ(printed(array({1.0f, 1e-5f})), "array([1.000, 0.000], dtype=float32)");
  EXPECT_EQ(printed(array(std::complex<float>(1, 2))), "array(1.000+2.000j, dtype=complex64)");
  EXPECT_EQ(printed(array(1)), "array(1, dtype=int32)");
  EXPECT_EQ(printed(array(false)), "array(False, dtype=bool)");
  set_printoptions({});
  get_global_formatter().capitalize_bool = false;
}

TEST(Printing, DevicesStreamsAndShapes) {
  std::ostringstream os;
  os << Device(Device::cpu) << ' ' << Stream(2, Device(Device::cpu)) << ' ' << Shape{2, 3} << ' '
     << float32 << ' ' << kindof(int8);
  EXPECT_EQ(os.str(), "Device(cpu, 0) Stream(Device(cpu, 0), 2) (2,3) float32 i");
}

TEST(Broadcast, FollowsNumPysRules) {
  EXPECT_EQ(broadcast_shapes({2, 1, 3}, {4, 1}), (Shape{2, 4, 3}));
  EXPECT_EQ(broadcast_shapes({1}, {0}), (Shape{0}));
  EXPECT_EQ(broadcast_shapes({}, {5}), (Shape{5}));
  EXPECT_THROW(broadcast_shapes({2}, {3}), std::invalid_argument);
  EXPECT_THROW(broadcast_shapes({2}, {0}), std::invalid_argument);
}

TEST(AxisIndex, CountsFromTheEndAndIsChecked) {
  EXPECT_EQ(normalize_axis_index(-1, 3), 2);
  EXPECT_EQ(normalize_axis_index(0, 3), 0);
  EXPECT_THROW(normalize_axis_index(3, 3), std::invalid_argument);
  EXPECT_THROW(normalize_axis_index(-4, 3), std::invalid_argument);
  EXPECT_THROW(normalize_axis_index(0, 0), std::invalid_argument);
}

TEST(Env, VariablesHaveDefaults) {
  EXPECT_EQ(env::get_var("MLX_TEST_UNSET", 3), 3);
  EXPECT_EQ(env::get_var("MLX_TEST_UNSET", "text"), "text");
  setenv("MLX_TEST_SET", "17", 1);
  EXPECT_EQ(env::get_var("MLX_TEST_SET", 3), 17);
  EXPECT_EQ(env::get_var("MLX_TEST_SET", "text"), "17");
  setenv("MLX_TEST_SET", "no number", 1);
  EXPECT_EQ(env::get_var("MLX_TEST_SET", 3), 3);
  EXPECT_TRUE(env::enable_tf32());
}

TEST(Array, HasNoDataBeforeItIsEvaluated) {
  array x = zeros({3}) + ones({3});
  EXPECT_THROW(x.data<float>(), std::runtime_error);
  EXPECT_THROW(x.buffer(), std::runtime_error);
  EXPECT_THROW(x.buffer_size(), std::runtime_error);
  x.eval();
  EXPECT_EQ(x.data<float>()[2], 1.0f);
}

TEST(NextPowerOf2, IsChecked) {
  EXPECT_EQ(next_power_of_2(0), 1);
  EXPECT_EQ(next_power_of_2(64), 64);
  EXPECT_EQ(next_power_of_2(65), 128);
  EXPECT_EQ(next_power_of_2(1 << 30), 1 << 30);
  EXPECT_THROW(next_power_of_2((1 << 30) + 1), std::invalid_argument);
}

TEST(SafeCast, OverflowIsAnError) {
  EXPECT_EQ(safe_cast(int64_t{5}), 5);
  EXPECT_THROW(safe_cast(uint64_t{1} << 63), std::overflow_error);
  EXPECT_THROW(safe_cast(1e30), std::overflow_error);
}

}  // namespace
}  // namespace mlx::core
