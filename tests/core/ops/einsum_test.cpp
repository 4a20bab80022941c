// einsum against loops over all its subscripts.

#include "mlx/core/einsum.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "core/layouts.h"
#include "core/transform/values.h"
#include "mlx/core/ops.h"

namespace mlx::core {
namespace {

using Sizes = std::map<char, ShapeElem>;

// Subscripts without "..." and with "->".
std::vector<double> by_loops(const std::vector<std::string>& terms, const std::string& result,
                             const std::vector<array>& operands, const Sizes& sizes) {
  std::vector<std::vector<double>> numbers;
  for (const array& x : operands) numbers.push_back(values(x));
  ShapeElem count = 1;
  for (const char c : result) count *= sizes.at(c);
  std::vector<double> out(static_cast<size_t>(count), 0.0);
  std::map<char, ShapeElem> at;
  const auto offset = [&](const std::string& letters, const Shape* shape) {
    ShapeElem o = 0;
    for (size_t d = 0; d < letters.size(); ++d) {
      const ShapeElem size = shape ? (*shape)[d] : sizes.at(letters[d]);
      o = o * size + (size == 1 ? 0 : at[letters[d]]);
    }
    return static_cast<size_t>(o);
  };
  std::string letters;
  for (const auto& [c, size] : sizes) letters += c;
  std::function<void(size_t)> loop = [&](size_t depth) {
    if (depth < letters.size()) {
      for (ShapeElem i = 0; i < sizes.at(letters[depth]); ++i) {
        at[letters[depth]] = i;
        loop(depth + 1);
      }
      return;
    }
    double product = 1;
    for (size_t i = 0; i < terms.size(); ++i) {
      product *= numbers[i][offset(terms[i], &operands[i].shape())];
    }
    out[offset(result, nullptr)] += product;
  };
  loop(0);
  return out;
}

struct Row {
  std::vector<std::string> terms;
  std::string result;
};

const Sizes kSizes{{'a', 2}, {'b', 3}, {'c', 4}, {'d', 2}, {'e', 5}, {'i', 3}};
const Row kRows[] = {
    {{"ab", "bc"}, "ac"},
    {{"ab", "bc"}, "ca"},
    {{"ab", "bc"}, ""},
    {{"ab", "bc"}, "abc"},
    {{"ab", "bc"}, "b"},
    {{"ab"}, "ba"},
    {{"ab"}, "a"},
    {{"ab"}, ""},
    {{"bb"}, "b"},
    {{"bb"}, ""},
    {{"bab"}, "ab"},
    {{"bbii"}, "ib"},
    {{"aab", "bc"}, "ac"},
    {{"a", "b"}, "ab"},
    {{"a", "b"}, ""},
    {{"ab", "ab"}, "ab"},
    {{"ab", "ab"}, "a"},
    {{"ab", "ba"}, ""},
    {{"cab", "cbd"}, "cad"},
    {{"abc", "cbd"}, "da"},
    {{"ab", "bc", "ce"}, "ae"},
    {{"a", "ab", "abc"}, "abc"},
    {{"ab", "cb", "de", "ea"}, "cd"},
    {{"ab", "ab", "ab"}, "b"},
    {{"abc", "bad"}, ""},
    {{"a", ""}, "a"},
    {{"abcd", "cd", "ae", "be"}, "e"},
    {{"i", "i", "i", "i", "i", "i", "i", "i", "ia"}, "a"},  // more than are ordered exactly
};

array operand(const std::string& letters, int seed, Dtype dtype = float64) {
  Shape shape;
  for (const char c : letters) shape.push_back(kSizes.at(c));
  return spread(shape, -1, 1, seed, dtype);
}

Sizes sizes_of(const Row& row) {
  Sizes sizes;
  for (const auto& term : row.terms) {
    for (const char c : term) sizes[c] = kSizes.at(c);
  }
  return sizes;
}

std::string subscripts(const Row& row) {
  std::string text;
  for (const auto& term : row.terms) text += (text.empty() ? "" : ",") + term;
  return text + "->" + row.result;
}

void expect_values(const array& got, const std::vector<double>& want, double tolerance,
                   const std::string& what) {
  const std::vector<double> numbers = values(got);
  ASSERT_EQ(numbers.size(), want.size()) << what;
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(numbers[i], want[i], tolerance) << what;
}

TEST(Einsum, IsTheSumOfProducts) {
  for (const Row& row : kRows) {
    std::vector<array> operands;
    for (size_t i = 0; i < row.terms.size(); ++i) {
      operands.push_back(operand(row.terms[i], static_cast<int>(i)));
    }
    const array y = einsum(subscripts(row), operands);
    Shape shape;
    for (const char c : row.result) shape.push_back(kSizes.at(c));
    EXPECT_EQ(y.shape(), shape) << subscripts(row);
    expect_values(y, by_loops(row.terms, row.result, operands, sizes_of(row)), 1e-12,
                  subscripts(row));
  }
}

TEST(Einsum, WithoutAnArrow) {
  const array ab = operand("ab", 0), bc = operand("bc", 1);
  EXPECT_TRUE(array_equal(einsum("ab,bc", {ab, bc}), einsum("ab,bc->ac", {ab, bc})).item<bool>());
  EXPECT_TRUE(array_equal(einsum("ba", {ab}), transpose(ab)).item<bool>())
      << "in the order of letters";
  EXPECT_TRUE(array_equal(einsum("bA", {ab}), transpose(ab)).item<bool>()) << "capitals first";
  EXPECT_NEAR(einsum("bb", {operand("bb", 0)}).item<double>(),
              trace(operand("bb", 0)).item<double>(), 1e-12);
  EXPECT_EQ(einsum("", {array(2.0f)}).item<float>(), 2);
  EXPECT_EQ(einsum(" a b , b c ", {ab, bc}).shape(), (Shape{2, 4}));
}

TEST(Einsum, EllipsisStandsForAnyAxes) {
  const array x = operand("cab", 0), y = operand("be", 1);
  const array want = einsum("cab,be->cae", {x, y});
  EXPECT_TRUE(allclose(einsum("...ab,be->...ae", {x, y}), want).item<bool>());
  EXPECT_TRUE(allclose(einsum("...ab,...be", {x, y}), want).item<bool>());
  EXPECT_TRUE(
      allclose(einsum("...,be->...", {x, zeros({3, 5}, float64)}), zeros({4, 2, 3}, float64))
          .item<bool>());
  EXPECT_EQ(einsum("a...->...a", {operand("abc", 0)}).shape(), (Shape{3, 4, 2}));
  EXPECT_EQ(einsum("ab...,bc...->ac...", {ones({2, 3, 1}), ones({3, 4, 5})}).shape(),
            (Shape{2, 4, 5}));
  EXPECT_EQ(einsum("...,...", {ones({3, 2}), ones({2})}).shape(), (Shape{3, 2}));
  EXPECT_TRUE(array_equal(einsum("...ab->ab", {ones({2, 3, 4})}), full({3, 4}, 2.0f)).item<bool>());
  EXPECT_EQ(einsum("ab,bc->a...c", {ones({2, 3}), ones({3, 4})}).shape(), (Shape{2, 4}));
  EXPECT_TRUE(array_equal(einsum("b...b->...", {ones({3, 2, 3})}), full({2}, 3.0f)).item<bool>());
}

TEST(Einsum, AxesOfOneElementBroadcast) {
  const array x = operand("ab", 0), one = operand("a", 1);
  const array column = reshape(one, {2, 1});
  EXPECT_TRUE(allclose(einsum("ab,ab->ab", {x, column}), x * column).item<bool>());
  EXPECT_TRUE(allclose(einsum("ab,bc->ac", {column, operand("bc", 2)}),
                       matmul(broadcast_to(column, {2, 3}), operand("bc", 2)))
                  .item<bool>());
  EXPECT_EQ(einsum("ab,ab->ab", {ones({1, 3}), ones({2, 1})}).shape(), (Shape{2, 3}));
}

TEST(Einsum, TakesEveryDtypeThatItsStepsTake) {
  for (const Dtype dtype :
       {bool_, uint8, int32, int64, float16, bfloat16, float32, float64, complex64}) {
    const array x = astype(array({1.0f, 0.0f, 1.0f, 1.0f}, {2, 2}), dtype);
    EXPECT_EQ(einsum("ab->ba", {x}).dtype(), dtype);
    EXPECT_EQ(einsum("ab->a", {x}).dtype(), dtype == bool_   ? int32
                                            : dtype == uint8 ? uint32
                                                             : dtype)
        << dtype;
    if (issubdtype(dtype, inexact)) {
      EXPECT_EQ(einsum("ab,bc->ac", {x, x}).dtype(), dtype);
      EXPECT_TRUE(allclose(astype(einsum("ab,bc->ac", {x, x}), float32),
                           array({1.0f, 0.0f, 2.0f, 1.0f}, {2, 2}))
                      .item<bool>());
    }
  }
  EXPECT_EQ(einsum("ab,bc->ac", {ones({2, 2}, float16), ones({2, 2})}).dtype(), float32);
  EXPECT_EQ(einsum("a,a->a", {ones({2}, int32), ones({2}, int32)}).dtype(), int32);
}

TEST(Einsum, OfNothing) {
  EXPECT_EQ(einsum("ab,bc->ac", {zeros({0, 2}), ones({2, 3})}).shape(), (Shape{0, 3}));
  EXPECT_TRUE(
      array_equal(einsum("ab,bc->ac", {zeros({3, 0}), ones({0, 2})}), zeros({3, 2})).item<bool>());
  EXPECT_EQ(einsum("ab->", {zeros({0, 2})}).item<float>(), 0);
}

TEST(Einsum, TakesAnyLayout) {
  const std::vector<double> numbers = test::counting({3, 4}, float32);
  const array y = spread({4, 2}, -1, 1, 0, float32);
  const array want = matmul(array(numbers.data(), {3, 4}, float32), y);
  for (const auto& [name, x] : test::layouts(numbers, {3, 4}, float32)) {
    EXPECT_TRUE(allclose(einsum("ab,bc->ac", {x, y}), want).item<bool>()) << name;
  }
}

TEST(EinsumPath, IsTheCheapestOrder) {
  const auto x = [](ShapeElem m, ShapeElem n) { return ones({m, n}); };
  const auto [order, text] = einsum_path("ij,jk,kl->il", {x(2, 3), x(3, 4), x(4, 5)});
  EXPECT_EQ(text,
            "  Complete contraction:  ij,jk,kl->il\n         Naive scaling:  4\n     Optimized "
            "scaling:  3\n"
            "      Naive FLOP count:  360\n  Optimized FLOP count:  128\n");
  EXPECT_EQ(order.size(), 2u);
  const auto [one, of_one] = einsum_path("ij->", {x(2, 3)});
  EXPECT_EQ(one, (std::vector<std::vector<int>>{{0}}));
  EXPECT_NE(of_one.find("Optimized FLOP count:  12"), std::string::npos);
  // A vector on the right makes every product one with a vector.
  const auto [right, of_right] =
      einsum_path("ij,jk,kl,l->i", {x(50, 50), x(50, 50), x(50, 50), ones({50})});
  EXPECT_EQ(right, (std::vector<std::vector<int>>{{2, 3}, {1, 2}, {0, 1}}));
  EXPECT_NE(of_right.find("Optimized FLOP count:  15000"), std::string::npos) << of_right;
}

std::string message(const std::string& subscripts, const std::vector<array>& operands) {
  for (const bool path : {true, false}) {
    try {
      path ? static_cast<void>(einsum_path(subscripts, operands))
           : static_cast<void>(einsum(subscripts, operands));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::invalid_argument& error) {
      if (!path) return error.what();
      EXPECT_TRUE(std::string_view(error.what()).starts_with("[einsum_path] ")) << error.what();
    }
  }
  return {};
}

TEST(Einsum, SaysWhatIsWrong) {
  const array x = ones({2, 3}), y = ones({3, 4});
  EXPECT_EQ(message("ij,jk->i?", {x, y}),
            "[einsum] Subscripts: got '?', expected letters or one \"...\" in each term.");
  EXPECT_EQ(message("ij", {x, y}),
            "[einsum] Number of operands: got 2, expected 1 by the subscripts.");
  EXPECT_EQ(message("ij->iz", {x}), "[einsum] Output subscript 'z' is in no operand.");
  EXPECT_EQ(message("ijk,jk", {x, y}),
            "[einsum] Subscripts of operand 0: got 3 for an array of 2 axes.");
  EXPECT_EQ(message("ij,jk->ii", {x, y}), "[einsum] A subscript is repeated in the output.");
  EXPECT_EQ(message("ij,jk", {x, x}),
            "[einsum] Axis 0 of operand 1 does not fit: got size 2, expected 3.");
  EXPECT_EQ(message("ii", {x}),
            "[einsum] A subscript that is repeated in operand 0 has different sizes: got 2 and 3.");
  for (const char* bad : {"i..j->ij", "....->", "ij->i->j", "1j->j", "......", "ij,"})
    message(bad, {x});
  EXPECT_EQ(message("i", {}), "[einsum] No operand: expected at least one.");
  EXPECT_THROW(einsum("ij,jk", {ones({2, 2}, int32), ones({2, 2}, int32)}), std::invalid_argument);
}

}  // namespace
}  // namespace mlx::core
