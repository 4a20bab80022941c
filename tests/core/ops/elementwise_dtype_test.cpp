// Result dtypes and dtype errors against the tables of tests/golden.

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <stdexcept>

#include "core/elements.h"
#include "mlx/core/ops/elementwise.h"
#include "tsv.h"

using namespace mlx::core;
using namespace mlx::test;

namespace {

using Unary = array (*)(const array&, StreamOrDevice);
using Binary = array (*)(const array&, const array&, StreamOrDevice);

// "bool" in the tables is "bool_"; an error begins with ERR and its Python type.
std::string name_in_table(Dtype dtype) { return dtype == bool_ ? "bool_" : dtype_name(dtype); }

std::string outcome(const std::function<array()>& call) {
  try {
    return name_in_table(call().dtype());
  } catch (const std::invalid_argument&) {
    return "ERR ValueError";
  } catch (const std::runtime_error&) {
    return "ERR RuntimeError";
  }
}

bool matches(const std::string& cell, const std::string& got) {
  return cell == got || cell.starts_with(got + " ");
}

const std::map<std::string, Unary> kUnaryNames = {
    {"abs", abs},
    {"arccos", arccos},
    {"arccosh", arccosh},
    {"arcsin", arcsin},
    {"arcsinh", arcsinh},
    {"arctan", arctan},
    {"arctanh", arctanh},
    {"bitwise_invert", bitwise_invert},
    {"ceil", ceil},
    {"conjugate", conjugate},
    {"cos", cos},
    {"cosh", cosh},
    {"degrees", degrees},
    {"erf", erf},
    {"erfinv", erfinv},
    {"exp", exp},
    {"expm1", expm1},
    {"floor", floor},
    {"imag", imag},
    {"isfinite", isfinite},
    {"isinf", isinf},
    {"isnan", isnan},
    {"isneginf", isneginf},
    {"isposinf", isposinf},
    {"log", log},
    {"log10", log10},
    {"log1p", log1p},
    {"log2", log2},
    {"logical_not", logical_not},
    {"nan_to_num", [](const array& a, StreamOrDevice) { return nan_to_num(a); }},
    {"negative", negative},
    {"positive", positive},
    {"radians", radians},
    {"real", real},
    {"reciprocal", reciprocal},
    {"round", round},
    {"round(decimals=1)", [](const array& a, StreamOrDevice) { return round(a, 1); }},
    {"rsqrt", rsqrt},
    {"sigmoid", sigmoid},
    {"sign", sign},
    {"sin", sin},
    {"sinh", sinh},
    {"sqrt", sqrt},
    {"square", square},
    {"stop_gradient", stop_gradient},
    {"tan", tan},
    {"tanh", tanh},
    {"trunc", trunc},
};

const std::map<std::string, Binary> kBinaryNames = {
    {"add", add},
    {"arctan2", arctan2},
    {"bitwise_and", bitwise_and},
    {"bitwise_or", bitwise_or},
    {"bitwise_xor", bitwise_xor},
    {"divide", divide},
    {"divmod", [](const array& a, const array& b, StreamOrDevice) { return divmod(a, b)[1]; }},
    {"equal", equal},
    {"floor_divide", floor_divide},
    {"greater", greater},
    {"greater_equal", greater_equal},
    {"isclose", [](const array& a, const array& b, StreamOrDevice) { return isclose(a, b); }},
    {"left_shift", left_shift},
    {"less", less},
    {"less_equal", less_equal},
    {"logaddexp", logaddexp},
    {"logical_and", logical_and},
    {"logical_or", logical_or},
    {"logical_xor", logical_xor},
    {"maximum", maximum},
    {"minimum", minimum},
    {"multiply", multiply},
    {"not_equal", not_equal},
    {"power", power},
    {"remainder", remainder},
    {"right_shift", right_shift},
    {"subtract", subtract},
};

TEST(ElementwiseDtype, UnaryFollowsTheTable) {
  size_t seen = 0;
  for (const auto& row : read_tsv("dtype_unary_reduce.tsv")) {
    const auto op = kUnaryNames.find(row[0]);
    if (op == kUnaryNames.end()) {
      continue;
    }
    ++seen;
    for (int i = 0; i < kDtypes; ++i) {
      const Dtype dtype = all_dtypes()[static_cast<size_t>(i)];
      const std::string got = outcome([&] { return op->second(make({1, 0, 1}, dtype), {}); });
      EXPECT_TRUE(matches(row[static_cast<size_t>(i) + 1], got))
          << row[0] << " of " << dtype_name(dtype) << ": got " << got << ", expected "
          << row[static_cast<size_t>(i) + 1];
    }
  }
  EXPECT_EQ(seen, kUnaryNames.size());
}

// What a rule of dtype_binary_rules.tsv says about promoted operands.
std::string by_rule(const std::string& rule, Dtype promoted) {
  if (rule == "bool") {
    return "bool_";
  }
  if (rule == "at_least_float(promote)" && !issubdtype(promoted, inexact)) {
    return "float32";
  }
  return name_in_table(promoted);
}

// The exceptions to the rule: pairs such as "int8xfloat16" to results.
std::map<std::string, std::string> exceptions_in(const std::string& text) {
  std::map<std::string, std::string> out;
  size_t at = 0;
  while (at < text.size()) {
    const size_t arrow = text.find(" <- ", at);
    const size_t end = std::min(text.find(" || ", at), text.size());
    const std::string result = text.substr(at, arrow - at);
    std::string pair;
    for (size_t i = text.find(": ", arrow) + 2; i <= end; ++i) {
      if (i == end || text[i] == ',') {
        out[pair] = result;
        pair.clear();
      } else {
        pair += text[i];
      }
    }
    at = end + 4;
  }
  return out;
}

TEST(ElementwiseDtype, BinaryFollowsTheTable) {
  size_t seen = 0;
  for (const auto& row : read_tsv("dtype_binary_rules.tsv")) {
    const auto op = kBinaryNames.find(row[0]);
    if (op == kBinaryNames.end()) {
      continue;
    }
    ++seen;
    const auto exceptions = exceptions_in(row.size() > 3 ? row[3] : "");
    EXPECT_EQ(exceptions.size(), std::stoul(row[2])) << row[0];
    for (Dtype a : all_dtypes()) {
      for (Dtype b : all_dtypes()) {
        const std::string pair = name_in_table(a) + "x" + name_in_table(b);
        const auto exception = exceptions.find(pair);
        const std::string rule = row[1].substr(0, row[1].find(','));
        const std::string expected =
            exception != exceptions.end() ? exception->second : by_rule(rule, promote_types(a, b));
        const std::string got = outcome([&] {
          return op->second(make({1, 1}, a), make({1, 0}, b), {});
        });
        EXPECT_TRUE(matches(expected, got))
            << row[0] << " of " << pair << ": got " << got << ", expected " << expected;
      }
    }
  }
  EXPECT_EQ(seen, kBinaryNames.size());
}

TEST(ElementwiseDtype, SelectPromotesItsBranches) {
  const array condition = make({1, 0}, float32);
  EXPECT_EQ(where(condition, make({1}, int8), make({2}, uint8)).dtype(), int16);
  EXPECT_EQ(values(where(condition, make({1}, int8), make({2}, uint8))),
            (std::vector<double>{1, 2}));
}

template <typename F>
std::string message_of(F f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

TEST(ElementwiseErrors, NameTheOperationAndWhatItGot) {
  const array z = make_complex({{1, 2}});
  const struct {
    std::function<void()> call;
    const char* message;
  } cases[] = {
      {[] { negative(make({1}, bool_)); }, "[negative] Not defined for bool operands."},
      {[&] { floor(z); }, "[floor] Not defined for complex64 operands."},
      {[&] { divmod(z, z); }, "[divmod] Not defined for complex64 operands."},
      {[] { nan_to_num(make({1}, float64)); }, "[nan_to_num] Not defined for float64 operands."},
      {[] { bitwise_and(make({1}, float32), make({1}, int32)); },
       "[bitwise_and] Not defined for float32 operands."},
      {[] {
         add(make({1, 2}, float32), make({1, 2, 3}, float32));
       },
       "[add] Shapes do not broadcast: got (2) and (3)."},
      {[] { clip(make({1}, float32)); },
       "[clip] No bounds: at least one of a_min and a_max must be given."},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(message_of(c.call), c.message);
  }
}

}  // namespace
