// Linear algebra against its definitions: products, not other libraries.

#include "mlx/core/linalg.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/layouts.h"
#include "core/transform/values.h"
#include "error_of.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

const Dtype kReal[] = {float32, float64};
const Dtype kRealOrComplex[] = {float32, float64, complex64};

double tolerance(Dtype dtype) { return dtype == float64 ? 1e-12 : 2e-5; }

// The largest difference of two arrays of any dtype.
double distance(const array& a, const array& b) {
  EXPECT_EQ(a.shape(), b.shape());
  if (a.size() == 0) return 0;
  array d = max(abs(subtract(a, b)));
  return astype(d, float64).item<double>();
}

array conjugated(const array& a) { return a.dtype() == complex64 ? conjugate(a) : a; }
array adjoint(const array& a) { return conjugated(swapaxes(a, -1, -2)); }

// Numbers without structure; complex ones have imaginary parts.
array matrices(Shape shape, Dtype dtype, int seed = 0) {
  const array re = spread(shape, -1, 1, seed);
  if (dtype != complex64) return astype(re, dtype);
  const array im = spread(shape, -1, 1, seed + 7);
  return add(astype(re, complex64), multiply(astype(im, complex64), array(complex64_t(0, 1))));
}

// Symmetric (Hermitian), positive definite with `definite`.
array symmetric(Shape shape, Dtype dtype, bool definite, int seed = 0) {
  const array a = matrices(shape, dtype, seed);
  if (!definite) return multiply(add(a, adjoint(a)), array(0.5f, dtype));
  const int n = static_cast<int>(a.shape(-1));
  return add(matmul(a, adjoint(a)), multiply(eye(n, dtype), array(static_cast<float>(n), dtype)));
}

array unit(const array& like) {
  const int n = static_cast<int>(like.shape(-1));
  return broadcast_to(eye(n, like.dtype()), like.shape());
}

array diagonal_of(const array& s, Dtype dtype, Shape shape) {
  const int m = static_cast<int>(shape[shape.size() - 2]), n = static_cast<int>(shape.back());
  const int k = static_cast<int>(s.shape(-1));
  const array left = eye(m, k, 0, dtype), right = eye(k, n, 0, dtype);
  return matmul(multiply(left, expand_dims(astype(s, dtype), -2)), right);
}

const Shape kShapes[] = {{1, 1}, {3, 3}, {5, 3}, {3, 5}, {2, 4, 4}, {2, 3, 4, 2}, {40, 33}};
const Shape kSquare[] = {{1, 1}, {3, 3}, {2, 4, 4}, {3, 2, 5, 5}, {50, 50}};

TEST(Linalg, SingularValuesMakeTheMatrix) {
  for (const Dtype dtype : kRealOrComplex) {
    for (const Shape& shape : kShapes) {
      const array a = matrices(shape, dtype);
      const auto usv = linalg::svd(a);
      EXPECT_EQ(usv[1].dtype(), dtype == complex64 ? float32 : dtype);
      const array back = matmul(matmul(usv[0], diagonal_of(usv[1], dtype, shape)), usv[2]);
      EXPECT_LT(distance(back, a), tolerance(dtype)) << dtype << shape;
      EXPECT_LT(distance(matmul(usv[0], adjoint(usv[0])), unit(usv[0])), tolerance(dtype));
      EXPECT_LT(distance(matmul(usv[2], adjoint(usv[2])), unit(usv[2])), tolerance(dtype));
      const array values = linalg::svd(a, false, {})[0];
      EXPECT_LT(distance(values, usv[1]), tolerance(dtype));
      EXPECT_LT(distance(values, negative(sort(negative(values), -1))), 1e-30) << "descending";
    }
  }
}

TEST(Linalg, QrMakesTheMatrix) {
  for (const Dtype dtype : kReal) {
    for (const Shape& shape : kShapes) {
      const array a = matrices(shape, dtype);
      const auto [q, r] = linalg::qr(a);
      EXPECT_LT(distance(matmul(q, r), a), tolerance(dtype)) << dtype << shape;
      const array product = matmul(adjoint(q), q);
      EXPECT_LT(distance(product, unit(product)), tolerance(dtype));
      EXPECT_EQ(distance(r, triu(r)), 0);
    }
  }
}

TEST(Linalg, InversesInvert) {
  for (const Dtype dtype : kReal) {
    for (const Shape& shape : kSquare) {
      const array a = symmetric(shape, dtype, true);
      const array general = add(a, tril(matrices(shape, dtype, 3)));
      EXPECT_LT(distance(matmul(general, linalg::inv(general)), unit(a)), tolerance(dtype))
          << shape;
      for (const bool upper : {false, true}) {
        const array triangle = upper ? triu(a) : tril(a);
        const array inverse = linalg::tri_inv(a, upper);
        EXPECT_LT(distance(matmul(triangle, inverse), unit(a)), tolerance(dtype));
        EXPECT_EQ(distance(inverse, upper ? triu(inverse) : tril(inverse)), 0);
        const array factor = linalg::cholesky(a, upper);
        EXPECT_EQ(distance(factor, upper ? triu(factor) : tril(factor)), 0);
        const array product =
            upper ? matmul(adjoint(factor), factor) : matmul(factor, adjoint(factor));
        EXPECT_LT(distance(product, a), 50 * tolerance(dtype)) << shape;
        EXPECT_LT(distance(matmul(linalg::cholesky_inv(factor, upper), a), unit(a)),
                  tolerance(dtype));
      }
    }
  }
}

// The four conditions of Penrose.
TEST(Linalg, PseudoInverses) {
  for (const Dtype dtype : kReal) {
    for (const Shape& shape : kShapes) {
      for (const bool full : {true, false}) {
        array a = matrices(shape, dtype);
        if (!full)
          a = matmul(matrices({shape.end()[-2], 1}, dtype), matrices({1, shape.back()}, dtype, 2));
        const array x = linalg::pinv(a), ax = matmul(a, x), xa = matmul(x, a);
        const double close = 100 * tolerance(dtype);
        EXPECT_LT(distance(matmul(ax, a), a), close) << shape;
        EXPECT_LT(distance(matmul(xa, x), x), close) << shape;
        EXPECT_LT(distance(ax, adjoint(ax)), close) << shape;
        EXPECT_LT(distance(xa, adjoint(xa)), close) << shape;
      }
    }
  }
  EXPECT_EQ(distance(linalg::pinv(zeros({2, 3})), zeros({3, 2})), 0);
}

TEST(Linalg, LuMakesTheMatrix) {
  for (const Dtype dtype : kReal) {
    for (const Shape& shape : kShapes) {
      const array a = matrices(shape, dtype);
      const auto plu = linalg::lu(a);
      EXPECT_EQ(plu[0].dtype(), uint32);
      const array rows = take_along_axis(plu[1], expand_dims(plu[0], -1), -2);
      EXPECT_LT(distance(matmul(rows, plu[2]), a), tolerance(dtype)) << shape;
      EXPECT_EQ(distance(plu[2], triu(plu[2])), 0);
      EXPECT_EQ(distance(plu[1], tril(plu[1])), 0);
      const auto [both, exchanged] = linalg::lu_factor(a);
      EXPECT_EQ(exchanged.dtype(), uint32);
      const int k = static_cast<int>(std::min(shape.back(), shape.end()[-2]));
      EXPECT_EQ(exchanged.shape(-1), k);
      EXPECT_EQ(distance(tril(both, -1), tril(add(tril(both, -1), zeros_like(both)), -1)), 0);
    }
  }
}

TEST(Linalg, SolvesEquations) {
  for (const Dtype dtype : kReal) {
    for (const Shape& shape : kSquare) {
      const array a = add(symmetric(shape, dtype, true), tril(matrices(shape, dtype, 3)));
      Shape right = shape;
      right.back() = 3;
      const array b = matrices(right, dtype, 1);
      EXPECT_LT(distance(matmul(a, linalg::solve(a, b)), b), tolerance(dtype)) << shape;
      EXPECT_LT(distance(matmul(tril(a), linalg::solve_triangular(a, b)), b), tolerance(dtype))
          << shape;
      EXPECT_LT(distance(matmul(triu(a), linalg::solve_triangular(a, b, true)), b),
                tolerance(dtype))
          << shape;
    }
  }
  const array a = symmetric({3, 3}, float32, true), b = matrices({3}, float32);
  EXPECT_LT(distance(matmul(a, linalg::solve(a, b)), b), 1e-5) << "a vector";
  const array many = matrices({4, 1, 3, 2}, float64);
  const array x = linalg::solve(broadcast_to(a, {5, 3, 3}), many);
  EXPECT_EQ(x.dtype(), float64);
  EXPECT_EQ(x.shape(), (Shape{4, 5, 3, 2})) << "batches broadcast";
  EXPECT_LT(distance(matmul(a, x), broadcast_to(many, x.shape())), 1e-6);
}

TEST(Linalg, EigenvaluesOfSymmetricMatrices) {
  for (const Dtype dtype : kRealOrComplex) {
    for (const Shape& shape : kSquare) {
      const array a = symmetric(shape, dtype, false);
      for (const char* triangle : {"L", "U"}) {
        const bool upper = triangle[0] == 'U';
        const array half = upper ? triu(a) : tril(a);  // the other triangle is not read
        const auto [w, v] = linalg::eigh(half, triangle);
        EXPECT_EQ(w.dtype(), dtype == complex64 ? float32 : dtype);
        EXPECT_LT(distance(matmul(a, v), multiply(v, expand_dims(astype(w, dtype), -2))),
                  2 * tolerance(dtype))
            << dtype << shape << triangle;
        EXPECT_LT(distance(matmul(adjoint(v), v), unit(a)), tolerance(dtype));
        EXPECT_LT(distance(linalg::eigvalsh(half, triangle), w), tolerance(dtype));
        EXPECT_EQ(distance(w, sort(w, -1)), 0);
      }
    }
  }
}

TEST(Linalg, EigenvaluesOfAnyMatrix) {
  for (const Dtype dtype : kRealOrComplex) {
    for (const Shape& shape : kSquare) {
      const array a = matrices(shape, dtype), complex = astype(a, complex64);
      const auto [w, v] = linalg::eig(a);
      EXPECT_EQ(w.dtype(), complex64);
      EXPECT_LT(distance(matmul(complex, v), multiply(v, expand_dims(w, -2))), 1e-4)
          << dtype << shape;
      EXPECT_LT(distance(linalg::eigvals(a), w), 1e-4);
      const array lengths = sum(square(abs(v)), -2);
      EXPECT_LT(distance(lengths, ones_like(lengths)), 1e-5);
    }
  }
  // A rotation has no real ones.
  const array w = linalg::eigvals(array({0.0f, -1.0f, 1.0f, 0.0f}, {2, 2}));
  EXPECT_LT(distance(abs(imag(w)), ones({2})), 1e-6);
}

TEST(Linalg, Determinants) {
  const array a({2.0f, 1.0f, 0.0f, 1.0f, 3.0f, -1.0f, 0.0f, 5.0f, 4.0f}, {3, 3});
  for (const Dtype dtype : {int32, uint8, float16, bfloat16, float32, float64}) {
    const array x = dtype == uint8 ? abs(a) : a;
    const double want = dtype == uint8 ? 10.0 : 30.0;
    const array d = linalg::det(astype(x, dtype));
    EXPECT_EQ(d.dtype(), issubdtype(dtype, inexact) ? dtype : float32);
    EXPECT_NEAR(astype(d, float64).item<double>(), want, 0.2) << dtype;
    const auto [sign, size] = linalg::slogdet(astype(x, dtype));
    EXPECT_EQ(astype(sign, float64).item<double>(), 1) << dtype;
    EXPECT_NEAR(astype(size, float64).item<double>(), std::log(want), 0.05) << dtype;
  }
  const array exchange({0.0f, 1.0f, 1.0f, 0.0f}, {2, 2});
  EXPECT_EQ(linalg::det(exchange).item<float>(), -1);
  EXPECT_EQ(linalg::slogdet(exchange).first.item<float>(), -1);
  EXPECT_EQ(linalg::det(zeros({2, 2})).item<float>(), 0);
  EXPECT_EQ(linalg::slogdet(zeros({2, 2})).first.item<float>(), 0);
  EXPECT_EQ(linalg::slogdet(zeros({2, 2})).second.item<float>(), -test::kInf);
  const array many = matrices({2, 3, 4, 4}, float64);
  const auto [sign, size] = linalg::slogdet(many);
  EXPECT_LT(distance(multiply(sign, exp(size)), linalg::det(many)), 1e-12);
  EXPECT_LT(distance(linalg::det(matmul(many, many)), square(linalg::det(many))), 1e-12);
}

// Of a singular matrix, too: the matrix of cofactors.
TEST(Linalg, DerivativeOfTheDeterminantOfASingularMatrix) {
  const array a({1.0, 2.0, 2.0, 4.0}, {2, 2}, float64);
  const array g = grad([](const array& x) { return linalg::det(x); })(a);
  EXPECT_LT(distance(g, array({4.0, -2.0, -2.0, 1.0}, {2, 2}, float64)), 1e-12);
}

TEST(Linalg, CrossProducts) {
  const array x({1.0f, 2.0f, 3.0f}), y({4.0f, -1.0f, 2.0f}), z({7.0f, 10.0f, -9.0f});
  EXPECT_EQ(distance(linalg::cross(x, y), z), 0);
  EXPECT_EQ(distance(linalg::cross(array({1.0f, 2.0f}), x), array({6.0f, -3.0f, 0.0f})), 0);
  EXPECT_EQ(
      distance(linalg::cross(array({1.0f, 2.0f}), array({3.0f, 4.0f})), array({0.0f, 0.0f, -2.0f})),
      0);
  const array rows = stack({x, y}), columns = transpose(rows);
  const array product = linalg::cross(rows, broadcast_to(x, {2, 3}));
  EXPECT_EQ(
      distance(linalg::cross(columns, transpose(broadcast_to(x, {2, 3})), 0), transpose(product)),
      0);
  EXPECT_EQ(linalg::cross(ones({1, 3}, int32), ones({4, 3}, int32)).shape(), (Shape{4, 3}));
  EXPECT_EQ(linalg::cross(ones({3}, int8), ones({3}, int32)).dtype(), int32);
}

TEST(Linalg, NormsOfVectors) {
  const array v({1.0f, -2.0f, 0.0f, 3.0f});
  struct Row {
    double ord, value;
  };
  for (const auto& [ord, value] :
       {Row{0, 3}, Row{1, 6}, Row{2, std::sqrt(14)}, Row{3, std::cbrt(36)}, Row{test::kInf, 3},
        Row{-test::kInf, 0}, Row{0.5, std::pow(1 + std::sqrt(2) + std::sqrt(3), 2)}, Row{-1, 0}}) {
    EXPECT_NEAR(linalg::norm(v, ord).item<float>(), value, 1e-5) << ord;
    EXPECT_EQ(linalg::norm(v, ord, 0, true).shape(), Shape{1});
    EXPECT_LT(distance(linalg::norm(stack({v, v}), ord, 1), full({2}, static_cast<float>(value))),
              2e-5);
  }
  EXPECT_NEAR(linalg::norm(v).item<float>(), std::sqrt(14), 1e-6);
  EXPECT_NEAR(linalg::norm(reshape(v, {1, 2, 2})).item<float>(), std::sqrt(14), 1e-6)
      << "of all elements";
  EXPECT_EQ(linalg::norm(array({3, 4})).item<float>(), 5);
  EXPECT_EQ(linalg::norm(astype(array({3.0f, 4.0f}), float16)).dtype(), float16);
  const array complex = linalg::norm(array({complex64_t(3, 4), complex64_t(0, 12)}));
  EXPECT_EQ(complex.dtype(), float32);
  EXPECT_NEAR(complex.item<float>(), 13, 1e-5);
  EXPECT_EQ(linalg::norm(v, std::vector<int>{}).shape(), v.shape()) << "of each element";
  EXPECT_EQ(linalg::norm(array(3.0f)).item<float>(), 3);
}

TEST(Linalg, NormsOfMatrices) {
  const array a({1.0, -2.0, 3.0, 4.0, 0.0, -1.0}, {2, 3}, float64);
  const array values = linalg::svd(a, false, {})[0];
  const double largest = max(values).item<double>(), least = min(values).item<double>();
  struct Row {
    double ord, value;
  };
  for (const auto& [ord, value] : {Row{1, 5}, Row{-1, 2}, Row{test::kInf, 6}, Row{-test::kInf, 5},
                                   Row{2, largest}, Row{-2, least}}) {
    EXPECT_NEAR(linalg::norm(a, ord).item<double>(), value, 1e-12) << ord;
    const array many = transpose(broadcast_to(a, {4, 2, 3}), {1, 0, 2});
    const array kept = linalg::norm(many, ord, std::vector<int>{0, -1}, true);
    EXPECT_EQ(kept.shape(), (Shape{1, 4, 1})) << ord;
    EXPECT_LT(distance(squeeze(kept), full({4}, array(value, float64))), 1e-12) << ord;
  }
  EXPECT_NEAR(linalg::norm(a, "fro").item<double>(), std::sqrt(31), 1e-12);
  EXPECT_NEAR(linalg::norm(a, "f").item<double>(), std::sqrt(31), 1e-12);
  EXPECT_NEAR(linalg::norm(a, "nuc").item<double>(), sum(values).item<double>(), 1e-12);
  EXPECT_EQ(linalg::norm(a, "nuc", std::vector<int>{0, 1}, true).shape(), (Shape{1, 1}));
}

TEST(Linalg, TakesAnyLayout) {
  const std::vector<double> numbers = values(symmetric({2, 3, 3}, float64, true));
  const array want = linalg::inv(array(numbers.data(), {2, 3, 3}, float64));
  for (const auto& [name, x] : test::layouts(numbers, {2, 3, 3}, float64)) {
    EXPECT_LT(distance(linalg::inv(x), want), 1e-13) << name;
    EXPECT_LT(distance(linalg::svd(x, false, {})[0],
                       linalg::svd(array(numbers.data(), {2, 3, 3}, float64), false, {})[0]),
              1e-12)
        << name;
  }
}

TEST(Linalg, OfNothing) {
  for (const Shape& shape : {Shape{0, 0}, Shape{0, 3, 3}}) {
    const array a = zeros(shape);
    EXPECT_EQ(linalg::inv(a).shape(), shape);
    EXPECT_EQ(linalg::cholesky(a).shape(), shape);
    EXPECT_EQ(linalg::lu_factor(a).first.shape(), shape);
    EXPECT_EQ(linalg::eigh(a).second.shape(), shape);
    for (const array& x : {linalg::inv(a), linalg::tri_inv(a), linalg::cholesky(a), linalg::pinv(a),
                           linalg::qr(a).second, linalg::lu(a)[1], linalg::eig(a).second,
                           linalg::eigh(a).second, linalg::svd(a)[0], linalg::solve(a, a),
                           linalg::cholesky_inv(a), linalg::solve_triangular(a, a)}) {
      EXPECT_EQ(values(x).size(), 0u);
    }
  }
  EXPECT_EQ(linalg::det(zeros({0, 0})).item<float>(), 1);
  EXPECT_EQ(values(linalg::det(zeros({0, 3, 3}))).size(), 0u);
  EXPECT_EQ(distance(linalg::svd(zeros({2, 0}))[0], eye(2)), 0);
  EXPECT_EQ(distance(linalg::pinv(zeros({0, 2})), zeros({2, 0})), 0);
}

using One = std::function<array(const array&)>;
const std::pair<const char*, One> kOfSquare[] = {
    {"inv", [](const array& a) { return linalg::inv(a); }},
    {"tri_inv", [](const array& a) { return linalg::tri_inv(a); }},
    {"cholesky", [](const array& a) { return linalg::cholesky(a); }},
    {"cholesky_inv", [](const array& a) { return linalg::cholesky_inv(a); }},
    {"eig", [](const array& a) { return linalg::eig(a).first; }},
    {"eigvals", [](const array& a) { return linalg::eigvals(a); }},
    {"eigh", [](const array& a) { return linalg::eigh(a).first; }},
    {"eigvalsh", [](const array& a) { return linalg::eigvalsh(a); }},
    {"solve", [](const array& a) { return linalg::solve(a, a); }},
    {"solve_triangular", [](const array& a) { return linalg::solve_triangular(a, a); }},
    {"det", [](const array& a) { return linalg::det(a); }},
    {"slogdet", [](const array& a) { return linalg::slogdet(a).second; }},
};
const std::pair<const char*, One> kOfAny[] = {
    {"qr", [](const array& a) { return linalg::qr(a).first; }},
    {"svd", [](const array& a) { return linalg::svd(a)[0]; }},
    {"pinv", [](const array& a) { return linalg::pinv(a); }},
    {"lu", [](const array& a) { return linalg::lu(a)[1]; }},
    {"lu_factor", [](const array& a) { return linalg::lu_factor(a).first; }},
};

TEST(Linalg, SaysWhatIsWrongWithTheMatrix) {
  const auto begins = [](const char* name) { return std::string("[linalg::") + name + "] "; };
  for (const auto& [name, f] : kOfSquare) {
    EXPECT_EQ(error_of<std::invalid_argument>([&] {
                f(ones({2, 3}));
              }),
              begins(name) + "Matrix is not square: got shape (2,3).");
    EXPECT_EQ(error_of<std::invalid_argument>([&] { f(ones({3})); }),
              begins(name) + "Not a matrix: got an array of 1 axes, expected at least 2.");
  }
  for (const auto& [name, f] : kOfAny) {
    EXPECT_EQ(error_of<std::invalid_argument>([&] { f(ones({3})); }),
              begins(name) + "Not a matrix: got an array of 1 axes, expected at least 2.");
  }
  const auto refuses_other_dtypes = [](const auto& list) {
    for (const auto& [name, f] : list) {
      if (std::string_view(name).ends_with("det")) continue;
      for (const Dtype dtype : {int32, float16, bfloat16, bool_}) {
        error_of<std::invalid_argument>([&] { f(ones({2, 2}, dtype)); });
      }
    }
  };
  refuses_other_dtypes(kOfSquare);
  refuses_other_dtypes(kOfAny);
  error_of<std::invalid_argument>([] { linalg::inv(ones({2, 2}, complex64)); });
  error_of<std::invalid_argument>([] { linalg::det(ones({2, 2}, complex64)); });
  error_of<std::invalid_argument>([] { linalg::solve(ones({3, 3}), ones({2})); });
  error_of<std::invalid_argument>([] { linalg::solve(ones({3, 3}), array(1.0f)); });
  error_of<std::invalid_argument>([] { linalg::solve(ones({2, 3, 3}), ones({4, 3, 1})); });
  error_of<std::invalid_argument>([] { linalg::cross(ones({4}), ones({4})); });
  error_of<std::invalid_argument>([] { linalg::norm(ones({2, 2, 2}), 2.0); });
  error_of<std::invalid_argument>([] { linalg::norm(ones({2, 2}), 3.0); });
  error_of<std::invalid_argument>([] { linalg::norm(ones({2, 2}), 0.0); });
  error_of<std::invalid_argument>([] { linalg::norm(ones({2, 2}), "foo"); });
  error_of<std::invalid_argument>([] { linalg::norm(ones({2}), "fro"); });
  error_of<std::invalid_argument>([] { linalg::norm(ones({2, 2, 2}), std::vector<int>{0, 1, 2}); });
}

TEST(Linalg, SaysWhichMatrixIsSingular) {
  const array good = eye(2), bad = zeros({2, 2}), both = stack({good, bad});
  for (const One& f :
       {One([](const array& a) { return linalg::inv(a); }),
        One([](const array& a) { return linalg::tri_inv(a); }), One([](const array& a) {
          return linalg::solve(a, ones({2, 1}));
        }),
        One([](const array& a) {
          return linalg::solve_triangular(a, ones({2, 1}));
        })}) {
    const std::string text = error_of<std::runtime_error>([&] { eval(f(both)); });
    EXPECT_NE(text.find("singular: matrix 1 of the batch"), std::string::npos) << text;
    eval(f(good));
  }
  EXPECT_EQ(distance(linalg::cholesky(negative(good)), array({-1.0f, 0.0f, 0.0f, -1.0f}, {2, 2})),
            0)
      << "as MLX: no error";
}

TEST(Linalg, NotANumber) {
  const array a = full({2, 2}, std::nanf(""));
  EXPECT_TRUE(all(isnan(linalg::inv(a))).item<bool>());
  EXPECT_TRUE(all(isnan(linalg::solve(a, ones({2})))).item<bool>());
  EXPECT_TRUE(isnan(linalg::det(a)).item<bool>());
  error_of<std::runtime_error>([&] { eval(linalg::svd(a)); });
  error_of<std::runtime_error>([&] { eval(linalg::eigvalsh(a)); });
  error_of<std::runtime_error>([&] { eval(linalg::eigvals(a)); });
  error_of<std::runtime_error>([&] { eval(linalg::pinv(a)); });
}

}  // namespace
}  // namespace mlx::core
