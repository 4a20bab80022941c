#include "core/transform/derivative_rows.h"
#include "mlx/core/fft.h"
#include "mlx/core/ops/quantized.h"

namespace mlx::core {
namespace {

DerivativeRow product(const char* name, Shape a, Shape b,
                      const std::function<array(const array&, const array&)>& op) {
  return {name,
          {spread(std::move(a), -1, 1), spread(std::move(b), -1, 1, 1)},
          [op](const Arrays& x) { return op(x[0], x[1]); }};
}

array mm(const array& a, const array& b) { return matmul(a, b); }

DerivativeRows matrix_rows() {
  return {
      product("Matmul", {2, 3}, {3, 4}, mm),
      product("MatmulVectorMatrix", {3}, {3, 4}, mm),
      product("MatmulMatrixVector", {2, 3}, {3}, mm),
      product("MatmulVectors", {3}, {3}, mm),
      product("MatmulBatch", {2, 2, 3}, {2, 3, 2}, mm),
      product("MatmulBroadcastBatch", {2, 1, 2, 3}, {3, 3, 2}, mm),
      product("MatmulBatchByMatrix", {2, 2, 3}, {3, 2}, mm),
      product("MatmulTransposed", {3, 2}, {4, 3},
              [](const array& a, const array& b) { return matmul(transpose(a), transpose(b)); }),
      product("Kron", {2, 2}, {1, 3}, [](const array& a, const array& b) { return kron(a, b); }),
      product("Outer", {3}, {2}, [](const array& a, const array& b) { return outer(a, b); }),
      product("Inner", {2, 3}, {4, 3}, [](const array& a, const array& b) { return inner(a, b); }),
      product("Vecdot", {2, 3}, {2, 3},
              [](const array& a, const array& b) { return vecdot(a, b); }),
      product("Tensordot", {2, 3, 2}, {2, 3, 2},
              [](const array& a, const array& b) {
                return tensordot(a, b, {1, 2}, {1, 0});
              }),
      {"Addmm",
       {spread({4}, -1, 1), spread({2, 3}, -1, 1, 1), spread({3, 4}, -1, 1, 2)},
       [](const Arrays& x) { return addmm(x[0], x[1], x[2], 0.5f, 2.0f); }},
  };
}

// Products of which parts are chosen, masked or cut out.
DerivativeRows chosen_rows() {
  const array lhs({0, 1, 1, -2}), rhs({2, 0, 2, 2}), out({1.0, 0.0}, {1, 2}, float64);
  const array left({true}, {1, 1}), segments({0, 2, 1, 4, 3, 3}, {3, 2});
  return {
      product("GatherMm", {2, 2, 3}, {3, 3, 2},
              [=](const array& a, const array& b) { return gather_mm(a, b, lhs, rhs); }),
      product("GatherMmRows", {2, 1, 3}, {3, 3, 2},
              [=](const array& a, const array& b) { return gather_mm(a, b, lhs, rhs); }),
      product("BlockMaskedMm", {3, 2}, {2, 33},
              [=](const array& a, const array& b) { return block_masked_mm(a, b, 32, out, left); }),
      {"BlockMaskedMmMasks",
       {spread({2, 2, 33}, -1, 1), spread({33, 2}, -1, 1, 1), spread({1, 1}, -1, 1, 2),
        spread({2, 1, 2}, -1, 1, 3), spread({2, 1}, -1, 1, 4)},
       [](const Arrays& x) { return block_masked_mm(x[0], x[1], 32, x[2], x[3], x[4]); }},
      product("SegmentedMm", {2, 4}, {4, 3},
              [=](const array& a, const array& b) { return segmented_mm(a, b, segments); }),
      {"Hadamard",
       {spread({2, 8}, -1, 1)},
       [](const Arrays& x) { return hadamard_transform(x[0], 0.5f); }},
      {"HadamardOfOrder20",
       {spread({20}, -1, 1)},
       [](const Arrays& x) { return hadamard_transform(x[0]); }},
  };
}

DerivativeRows convolution_rows() {
  return {
      product("Conv1d", {2, 6, 2}, {3, 3, 2},
              [](const array& x, const array& w) { return conv1d(x, w, 2, 1); }),
      product("Conv1dDilatedGroups", {1, 7, 4}, {2, 2, 2},
              [](const array& x, const array& w) { return conv1d(x, w, 1, 2, 3, 2); }),
      product("Conv2d", {1, 4, 5, 2}, {2, 3, 2, 2},
              [](const array& x, const array& w) {
                return conv2d(x, w, {1, 2}, {1, 0});
              }),
      product("Conv2dDepthwise", {1, 4, 4, 2}, {2, 2, 2, 1},
              [](const array& x, const array& w) {
                return conv2d(x, w, {1, 1}, {0, 1}, {2, 1}, 2);
              }),
      product("Conv3d", {1, 3, 3, 3, 1}, {2, 2, 2, 2, 1},
              [](const array& x, const array& w) {
                return conv3d(x, w, {1, 1, 2}, {0, 1, 0});
              }),
      product("ConvGeneral", {1, 4, 5, 1}, {2, 3, 2, 1},
              [](const array& x, const array& w) {
                return conv_general(x, w, {2, 1}, {1, 0}, {0, 2}, {1, 2}, {2, 1}, 1, true);
              }),
      product("ConvTranspose1d", {1, 4, 2}, {3, 3, 2},
              [](const array& x, const array& w) { return conv_transpose1d(x, w, 2, 1, 1, 1); }),
      product("ConvTranspose2d", {1, 3, 3, 2}, {2, 2, 3, 2},
              [](const array& x, const array& w) {
                return conv_transpose2d(x, w, {2, 1}, {0, 1});
              }),
      product("ConvTranspose3d", {1, 2, 2, 2, 1}, {1, 2, 2, 2, 1},
              [](const array& x, const array& w) {
                return conv_transpose3d(x, w, {1, 2, 1});
              }),
  };
}

}  // namespace

// Linear, so that the differences are exact with a large step, which the
// transforms' 32 bits need.
DerivativeRow transform(const char* name, Shape shape,
                        const std::function<array(const array&)>& fun) {
  const auto parts = [fun](const Arrays& x) {
    const array y = fun(multiply(astype(x[0], complex64), array(complex64_t(1, -0.5f))));
    return y.dtype() == complex64 ? astype(concatenate({real(y), imag(y)}, 0), float64)
                                  : astype(y, float64);
  };
  return {name, {spread(std::move(shape), -1, 1)}, parts, true, 0.5, 2e-5};
}

DerivativeRows fourier_rows() {
  return {
      transform("Fft", {2, 5}, [](const array& x) { return fft::fft(x); }),
      transform("FftCutOff", {2, 5}, [](const array& x) { return fft::fft(x, 3, 0); }),
      transform("Ifft", {3, 4}, [](const array& x) { return fft::ifft(x, 0); }),
      transform("FftnOrtho", {3, 4},
                [](const array& x) { return fft::fftn(x, fft::FFTNorm::Ortho); }),
      transform("RfftEven", {2, 6}, [](const array& x) { return fft::rfft(x); }),
      transform("RfftOdd", {5, 2}, [](const array& x) { return fft::rfft(x, 0); }),
      transform("IrfftEven", {2, 4}, [](const array& x) { return fft::irfft(x); }),
      transform("IrfftOdd", {2, 4}, [](const array& x) { return fft::irfft(x, 7, 1); }),
      transform("Rfftn", {3, 4}, [](const array& x) { return fft::rfftn(x); }),
      transform("Irfft2", {3, 3}, [](const array& x) { return fft::irfft2(x); }),
      transform("Fftshift", {3, 2}, [](const array& x) { return fft::fftshift(x); }),
  };
}

// In float32, and linear in each of the inputs that differ: see transform().
DerivativeRow quantized(const char* name, Arrays inputs,
                        const std::function<array(const Arrays&)>& fun) {
  const auto narrow = [fun](const Arrays& in) {
    Arrays parts;
    for (const array& x : in) parts.push_back(astype(x, float32));
    return astype(fun(parts), float64);
  };
  return {name, std::move(inputs), narrow, true, 0.5, 2e-5};
}

DerivativeRows quantized_rows() {
  const Arrays p = quantize(spread({3, 2, 32}, -2, 2, 1, float32), 32, 3);
  const array codes = p[0], scales = p[1], one = slice(p[0], {1, 0, 0}, {2, 2, 3});
  const array lhs({0, 1, 1}, uint32), rhs({2, 0, 2}, uint32);
  const array matrix = squeeze(one, 0), x = spread({2, 2, 32}, -1, 1, 0, float32);
  const array factors = slice(scales, {1, 0, 0}, {2, 2, 1});
  const array f = squeeze(factors, 0);
  return {
      quantized("Dequantize", {spread({2, 1}, 0.5, 1), spread({2, 1}, -1, 1)},
                [matrix](const Arrays& in) { return dequantize(matrix, in[0], in[1], 32, 3); }),
      quantized("QuantizedMatmul", {spread({2, 2, 32}, -1, 1)},
                [matrix, f](const Arrays& in) {
                  return quantized_matmul(in[0], matrix, f, f, true, 32, 3);
                }),
      quantized("QuantizedMatmulScales", {spread({2, 1}, 0.5, 1), spread({2, 1}, -1, 1)},
                [matrix, x](const Arrays& in) {
                  return quantized_matmul(x, matrix, in[0], in[1], true, 32, 3);
                }),
      quantized("QuantizedMatmulNotTransposed", {spread({2, 2}, -1, 1)},
                [codes, scales](const Arrays& in) {
                  return quantized_matmul(in[0], codes, scales, scales, false, 32, 3);
                }),
      quantized("QuantizedMatmulBatchScales", {spread({3, 2, 1}, 0.5, 1), spread({3, 2, 1}, -1, 1)},
                [codes](const Arrays& in) {
                  const array rows = spread({2, 2}, -1, 1, 0, float32);
                  return quantized_matmul(rows, codes, in[0], in[1], false, 32, 3);
                }),
      quantized("GatherQmm", {spread({2, 2, 32}, -1, 1)},
                [codes, scales, lhs, rhs](const Arrays& in) {
                  return gather_qmm(in[0], codes, scales, scales, lhs, rhs, true, 32, 3);
                }),
      quantized("GatherQmmScales", {spread({3, 2, 1}, 0.5, 1), spread({3, 2, 1}, -1, 1)},
                [codes, x, lhs, rhs](const Arrays& in) {
                  return gather_qmm(x, codes, in[0], in[1], lhs, rhs, true, 32, 3);
                }),
  };
}

DerivativeRows product_rows() {
  DerivativeRows rows = matrix_rows();
  for (const DerivativeRows& more :
       {chosen_rows(), convolution_rows(), fourier_rows(), quantized_rows()}) {
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

}  // namespace mlx::core
