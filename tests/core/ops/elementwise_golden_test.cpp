// The element-wise expressions of tests/golden/golden.json, by MLX's own text.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/elements.h"
#include "mlx/core/ops/elementwise.h"

using namespace mlx::core;
using namespace mlx::test;

namespace {

std::string golden_text() {
  std::ifstream file(MLX_GOLDEN_DIR "/golden.json");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A number as Python prints it.
std::string python_number(double v, Dtype dtype) {
  if (dtype == bool_) {
    return v != 0 ? "True" : "False";
  }
  if (std::isnan(v)) {
    return "nan";
  }
  if (std::isinf(v)) {
    return v > 0 ? "inf" : "-inf";
  }
  char text[40];
  if (!issubdtype(dtype, inexact)) {
    std::snprintf(text, sizeof text, "%.0f", v);
    return text;
  }
  for (int digits = 1; digits <= 17; ++digits) {  // the shortest that reads back
    std::snprintf(text, sizeof text, "%.*g", digits, v);
    if (std::strtod(text, nullptr) == v) {
      break;
    }
  }
  const bool is_whole = std::strpbrk(text, ".e") == nullptr;
  return std::string(text) + (is_whole ? ".0" : "");
}

// "int32[2] [1, 2]", as the file writes results.
std::string described(const array& a) {
  std::string out = dtype_name(a.dtype());
  out += '[';
  for (size_t i = 0; i < a.ndim(); ++i) {
    out += (i > 0 ? ", " : "") + std::to_string(a.shape()[i]);
  }
  out += "] ";
  const std::vector<double> numbers = values(a);
  std::string list;
  for (double v : numbers) {
    list += (list.empty() ? "" : ", ") + python_number(v, a.dtype());
  }
  return out + (a.ndim() > 0 ? "[" + list + "]" : list);
}

array number(double v, Dtype dtype = float32) { return make({v}, Shape{}, dtype); }
array integer_of(double v) { return number(v, int32); }

TEST(Golden, ElementwiseExpressions) {
  const struct {
    const char* expression;
    array result;
  } cases[] = {
      {"mx.array(-7)//2", floor_divide(integer_of(-7), integer_of(2))},
      {"mx.array(7)//-2", floor_divide(integer_of(7), integer_of(-2))},
      {"mx.array(-7)%2", integer_of(-7) % integer_of(2)},
      {"mx.array(7)%-2", integer_of(7) % integer_of(-2)},
      {"mx.array(-7)%-2", integer_of(-7) % integer_of(-2)},
      {"mx.array(-7.0)//2", floor_divide(number(-7), number(2))},
      {"mx.array(-7.0)%2", number(-7) % number(2)},
      {"mx.array(7.5)%-2", number(7.5) % number(-2)},
      {"mx.array(5,mx.uint8)-mx.array(6,mx.uint8)", number(5, uint8) - number(6, uint8)},
      {"mx.array(200,mx.uint8)+mx.array(100,mx.uint8)", number(200, uint8) + number(100, uint8)},
      {"mx.array(127,mx.int8)+mx.array(1,mx.int8)", number(127, int8) + number(1, int8)},
      {"mx.array(2**31-1)+1", integer_of(2147483647) + integer_of(1)},
      {"mx.array(1.0)//0", floor_divide(number(1), number(0))},
      {"mx.array(1.0)%0", number(1) % number(0)},
      {"mx.array(1)/0", integer_of(1) / integer_of(0)},
      {"mx.array(0)/0", integer_of(0) / integer_of(0)},
      {"mx.array(-1)/0", integer_of(-1) / integer_of(0)},
      {"mx.round(mx.array([0.5,1.5,2.5,-0.5,-1.5]))",
       round(make({0.5, 1.5, 2.5, -0.5, -1.5}, float32))},
      {"mx.round(mx.array([1.25,1.35]),1)", round(make({1.25, 1.35}, float32), 1)},
      {"mx.round(mx.array(123456),-2)", round(integer_of(123456), -2)},
      {"mx.sign(mx.array([0,5],mx.uint8))", sign(make({0, 5}, uint8))},
      {"mx.array(2)**-1", power(integer_of(2), integer_of(-1))},
      {"mx.array(2)**10", power(integer_of(2), integer_of(10))},
      {"mx.array(-2.0)**0.5", power(number(-2), number(0.5))},
      {"mx.array(0)**0", power(integer_of(0), integer_of(0))},
      {"mx.array(5)>>1", integer_of(5) >> integer_of(1)},
      {"mx.array(-5)>>1", integer_of(-5) >> integer_of(1)},
      {"mx.array(1)<<31", integer_of(1) << integer_of(31)},
      {"mx.array(-5,mx.int8).astype(mx.uint8)", astype(number(-5, int8), uint8)},
      {"mx.array(300).astype(mx.uint8)", astype(integer_of(300), uint8)},
      {"mx.array(-1.5).astype(mx.int32)", astype(number(-1.5), int32)},
      {"mx.array(3.9).astype(mx.int32)", astype(number(3.9), int32)},
      {"mx.array(-1.0).astype(mx.uint32)", astype(number(-1), uint32)},
      {"mx.array(1e20).astype(mx.int32)", astype(number(1e20), int32)},
      {"mx.array([0.0,2.0,-1.0]).astype(mx.bool_)", astype(make({0, 2, -1}, float32), bool_)},
      {"mx.array(1+2j).astype(mx.float32)", astype(array(std::complex<float>(1, 2)), float32)},
      {"mx.array(2,mx.int32).astype(mx.bool_)", astype(integer_of(2), bool_)},
      {"mx.minimum(1.0,mx.array(float(\\\"nan\\\")))", minimum(number(1), number(kNan))},
      {"mx.maximum(mx.array(float(\\\"nan\\\")),1.0)", maximum(number(kNan), number(1))},
      {"mx.isclose(mx.array(float(\\\"inf\\\")),mx.array(float(\\\"inf\\\")))",
       isclose(number(kInf), number(kInf))},
      {"mx.trunc(mx.array([-1.5,1.5]))", trunc(make({-1.5, 1.5}, float32))},
      {"mx.array([1+1j,1-1j])>mx.array([1+0j,1+0j])",
       make_complex({{1, 1}, {1, -1}}) > make_complex({{1, 0}, {1, 0}})},
  };
  const std::string text = golden_text();
  for (const auto& c : cases) {
    const std::string line =
        "\"" + std::string(c.expression) + "\": \"" + described(c.result) + "\"";
    EXPECT_NE(text.find(line), std::string::npos) << "not in golden.json: " << line;
  }
}

}  // namespace
