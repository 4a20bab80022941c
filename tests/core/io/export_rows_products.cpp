#include "export_rows.h"
#include "mlx/core/compile.h"
#include "mlx/core/einsum.h"
#include "mlx/core/fast.h"
#include "mlx/core/fft.h"
#include "mlx/core/linalg.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

using Arrays = std::vector<array>;
using Function = std::function<Arrays(const Arrays&)>;

// The gradients of the sum of the first result, weighted, to the first inputs.
Function grad_of(Function fun, int count) {
  std::vector<int> argnums;
  for (int i = 0; i < count; ++i) argnums.push_back(i);
  const auto total = [fun = std::move(fun)](const Arrays& in) {
    const array y = fun(in)[0];
    const array weights =
        reshape(arange(1.0, 1.0 + static_cast<double>(y.size()), float32), y.shape());
    return sum(y * astype(weights, y.dtype()));
  };
  return [=](const Arrays& in) { return grad(total, argnums)(in); };
}

}  // namespace

void add_product_rows(ExportRows& rows) {
  const array x = numbers({4, 6}), w = numbers({6, 5}), batch = numbers({2, 1, 4, 6});
  rows.push_back(
      {"matmul",
       FUN(matmul(in[0], in[1]), matmul(in[2], in[1]), matmul(in[0], in[3]), matmul(in[2], in[4])),
       {x, w, batch, numbers({6}), numbers({3, 6, 5})}});
  rows.push_back({"addmm",
                  FUN(addmm(in[0], in[1], in[2], 2.0f, 0.5f), addmm(in[0], in[3], in[2])),
                  {numbers({5}), x, w, batch}});
  rows.push_back({"einsum",
                  FUN(einsum("ij,jk->ki", {in[0], in[1]}), tensordot(in[0], in[1], 1),
                      inner(in[0], in[0]), kron(in[0], in[0])),
                  {x, w}});
  rows.push_back({"matmul float16", FUN(matmul(in[0], in[1])), {astype(x, float16), w}});
  const Arrays chosen{numbers({3, 4, 6}), numbers({2, 6, 5}), array({0, 2, 1, 1}, uint32),
                      array({1, 1, 0, 1}, uint32)};
  rows.push_back({"gather_mm", FUN(gather_mm(in[0], in[1], in[2], in[3])), chosen});
  rows.push_back(
      {"gradient of gather_mm", grad_of(FUN(gather_mm(in[0], in[1], in[2], in[3])), 2), chosen});
  rows.push_back({"block_masked_mm",
                  FUN(block_masked_mm(in[0], in[1], 32, in[2]),
                      block_masked_mm(in[0], in[1], 32, std::nullopt, in[3], in[4])),
                  {numbers({40, 64}), numbers({64, 33}), integers({2, 2}, 2, bool_),
                   integers({2, 2}, 2, bool_), integers({2, 2}, 2, bool_)}});
  const Arrays segments{numbers({4, 6}), numbers({6, 5}),
                        reshape(array({0, 2, 2, 6, 3, 3}), {3, 2})};
  rows.push_back({"segmented_mm", FUN(segmented_mm(in[0], in[1], in[2])), segments});
  rows.push_back(
      {"gradient of segmented_mm", grad_of(FUN(segmented_mm(in[0], in[1], in[2])), 2), segments});
  rows.push_back({"hadamard",
                  FUN(hadamard_transform(in[0]), hadamard_transform(in[1], 0.5f)),
                  {numbers({2, 8}), numbers({3, 12})}});
  rows.push_back(
      {"gradient of hadamard", grad_of(FUN(hadamard_transform(in[0])), 1), {numbers({3, 12})}});
  rows.push_back(
      {"conv1d", FUN(conv1d(in[0], in[1], 2, 1)), {numbers({1, 8, 3}), numbers({4, 3, 3})}});
  const Arrays images{numbers({1, 8, 8, 4}), numbers({4, 3, 3, 4}), numbers({4, 3, 3, 2})};
  rows.push_back({"conv2d",
                  FUN(conv2d(in[0], in[2], {1, 2}, {1, 0}, {1, 1}, 2),
                      conv_general(in[0], in[1], {1, 1}, {0, 1}, {1, 2}, {1, 1}, {2, 1}, 1, true),
                      conv_transpose2d(in[0], in[1], {2, 2}, {1, 1})),
                  images});
  rows.push_back(
      {"conv3d", FUN(conv3d(in[0], in[1])), {numbers({1, 4, 4, 4, 2}), numbers({3, 2, 2, 2, 2})}});
  rows.push_back({"gradient of conv2d",
                  grad_of(FUN(conv2d(in[0], in[1], {1, 2}, {1, 0}, {1, 1}, 2)), 2),
                  {images[0], images[2]}});
  const array matrix = numbers({8, 64}), left = numbers({2, 64});
  rows.push_back({"quantize",
                  FUN(quantize(in[0])[0], quantize(in[0], 32, 8)[0], quantize(in[0], 32, 8)[1],
                      quantize(in[0], 32, 8)[2]),
                  {matrix}});
  const Arrays packed = quantize(matrix, 32, 4);
  rows.push_back({"dequantize", FUN(dequantize(in[0], in[1], in[2], 32, 4)), packed});
  rows.push_back({"quantized_matmul",
                  FUN(quantized_matmul(in[0], in[1], in[2], in[3], true, 32, 4)),
                  {left, packed[0], packed[1], packed[2]}});
  rows.push_back({"gather_qmm",
                  FUN(gather_qmm(in[0], in[1], in[2], in[3], std::nullopt, in[4], true, 32, 4)),
                  {numbers({2, 2, 64}), expand_dims(packed[0], 0), expand_dims(packed[1], 0),
                   expand_dims(packed[2], 0), array({0, 0}, uint32)}});
  const Arrays fp4 = quantize(matrix, std::nullopt, std::nullopt, "mxfp4");
  rows.push_back({"quantize to mxfp4",
                  FUN(quantize(in[0], std::nullopt, std::nullopt, "mxfp4")[0],
                      quantize(in[0], std::nullopt, std::nullopt, "mxfp4")[1]),
                  {matrix}});
  rows.push_back({"dequantize mxfp4",
                  FUN(dequantize(in[0], in[1], std::nullopt, std::nullopt, std::nullopt, "mxfp4")),
                  fp4});
  rows.push_back({"mxfp4 matmul",
                  FUN(quantized_matmul(in[0], in[1], in[2], std::nullopt, true, std::nullopt,
                                       std::nullopt, "mxfp4")),
                  {left, fp4[0], fp4[1]}});
  const Arrays nv = quantize(matrix, std::nullopt, std::nullopt, "nvfp4");
  rows.push_back(
      {"dequantize nvfp4",
       FUN(dequantize(in[0], in[1], std::nullopt, std::nullopt, std::nullopt, "nvfp4"),
           dequantize(in[0], in[1], std::nullopt, std::nullopt, std::nullopt, "nvfp4", in[2])),
       {nv[0], nv[1], array({5.0f})}});
  const Arrays fp8 = quantize(matrix, std::nullopt, std::nullopt, "mxfp8");
  rows.push_back({"dequantize mxfp8",
                  FUN(dequantize(in[0], in[1], std::nullopt, std::nullopt, std::nullopt, "mxfp8")),
                  fp8});
  rows.push_back(
      {"dequantize 3 bits", FUN(dequantize(in[0], in[1], in[2], 32, 3)), quantize(matrix, 32, 3)});
  rows.push_back({"qqmm", FUN(qqmm(in[0], in[1], in[2])), {left, nv[0], nv[1]}});
  rows.push_back(
      {"fp8",
       FUN(to_fp8(in[0] * array(0.01f)), to_fp8(in[1]), from_fp8(to_fp8(in[0]), float16)),
       {left, array({0.0f, -0.0f, 500.0f, -INFINITY, 17.0f, 19.0f, -1.0625f})}});
  rows.push_back({"gradient of quantized_matmul",
                  grad_of(FUN(quantized_matmul(in[0], in[3], in[1], in[2], true, 32, 4)), 3),
                  {left, packed[1], packed[2], packed[0]}});
}

void add_linalg_rows(ExportRows& rows) {
  const array a = numbers({4, 3});
  const array full = numbers({3, 3});
  const array symmetric = matmul(full, transpose(full)) + multiply(eye(3), array(4.0f));
  rows.push_back(
      {"svd",
       FUN(linalg::svd(in[0])[1], linalg::svd(in[0], false, {})[0], abs(linalg::svd(in[0])[0])),
       {a}});
  rows.push_back({"qr", FUN(linalg::qr(in[0]).first, linalg::qr(in[0]).second), {a}});
  rows.push_back({"eigh",
                  FUN(linalg::eigh(in[0]).first, abs(linalg::eigh(in[0], "U").second),
                      linalg::eigvalsh(in[0])),
                  {symmetric}});
  rows.push_back({"eig", FUN(linalg::eig(in[0]).first, linalg::eigvals(in[0])), {symmetric}});
  rows.push_back(
      {"inv",
       FUN(linalg::inv(in[0]), linalg::tri_inv(tril(in[0])), linalg::tri_inv(triu(in[0]), true)),
       {symmetric}});
  rows.push_back(
      {"cholesky",
       FUN(linalg::cholesky(in[0]), linalg::cholesky(in[0], true), linalg::cholesky_inv(in[0])),
       {symmetric}});
  rows.push_back({"pinv", FUN(linalg::pinv(in[0])), {a}});
  rows.push_back({"lu",
                  FUN(linalg::lu(in[0])[0], linalg::lu(in[0])[1], linalg::lu(in[0])[2],
                      linalg::lu_factor(in[0]).second),
                  {symmetric}});
  rows.push_back({"solve",
                  FUN(linalg::solve(in[0], in[1]), linalg::solve_triangular(tril(in[0]), in[1])),
                  {symmetric, numbers({3, 2})}});
  rows.push_back(
      {"det", FUN(linalg::det(in[0]), linalg::det(in[1])), {symmetric, numbers({2, 4, 4})}});
  rows.push_back({"slogdet", FUN(linalg::slogdet(in[0]).second), {symmetric}});
  rows.push_back({"norm",
                  FUN(linalg::norm(in[0]), linalg::norm(in[0], 1.0, 0),
                      linalg::cross(in[1], in[1] + array(1.0f))),
                  {a, full}});
  rows.push_back({"gradient of solve",
                  grad_of(FUN(linalg::solve(in[0], in[1])), 2),
                  {symmetric, numbers({3, 2})}});
  const array z = complexes({4, 6}), x = numbers({4, 6});
  rows.push_back({"fft",
                  FUN(fft::fft(in[0]), fft::ifft(in[0], 0), fft::fft2(in[0]), fft::fft(in[0], 8, 1),
                      fft::fftshift(in[0])),
                  {z}});
  rows.push_back({"rfft",
                  FUN(fft::rfft(in[0]), fft::rfft2(in[0]), fft::irfft(in[1]),
                      fft::irfft(in[1], 9, 1), fft::irfft2(in[1])),
                  {x, z}});
  rows.push_back({"fft ortho", FUN(fft::fft(in[0], 1, fft::FFTNorm::Ortho)), {z}});
}

void add_layer_rows(ExportRows& rows) {
  const array x = numbers({2, 3, 8}), row = numbers({8}, 0.5, 1.5);
  rows.push_back(
      {"rms_norm",
       FUN(fast::rms_norm(in[0], in[1], 1e-5f), fast::rms_norm(in[0], std::nullopt, 1e-5f)),
       {x, row}});
  rows.push_back({"layer_norm",
                  FUN(fast::layer_norm(in[0], in[1], in[1], 1e-5f),
                      fast::layer_norm(in[0], std::nullopt, std::nullopt, 1e-5f),
                      fast::layer_norm(in[0], std::nullopt, in[1], 1e-5f)),
                  {x, row}});
  rows.push_back(
      {"gradient of rms_norm", grad_of(FUN(fast::rms_norm(in[0], in[1], 1e-5f)), 2), {x, row}});
  rows.push_back({"gradient of layer_norm",
                  grad_of(FUN(fast::layer_norm(in[0], in[1], in[2], 1e-5f)), 3),
                  {x, row, row}});
  const array heads = numbers({1, 4, 6, 8}), kv = numbers({1, 2, 6, 8}, -1, 1);
  rows.push_back({"rope",
                  FUN(fast::rope(in[0], 8, false, 10000.0f, 1.0f, 3),
                      fast::rope(in[0], 4, true, 10000.0f, 0.5f, in[1]),
                      fast::rope(in[0], 8, false, std::nullopt, 1.0f, 0, in[2])),
                  {heads, array(2), numbers({4}, 1, 9)}});
  rows.push_back({"gradient of rope",
                  grad_of(FUN(fast::rope(in[0], 8, false, 10000.0f, 1.0f, 3)), 1),
                  {heads}});
  rows.push_back(
      {"attention",
       FUN(fast::scaled_dot_product_attention(in[0], in[1], in[1], 0.35f),
           fast::scaled_dot_product_attention(in[0], in[1], in[1], 0.35f, "causal"),
           fast::scaled_dot_product_attention(in[0], in[1], in[1], 0.35f, "", in[2]),
           fast::scaled_dot_product_attention(in[0], in[1], in[1], 0.35f, "", in[2] > array(0)),
           fast::scaled_dot_product_attention(in[0], in[1], in[1], 0.35f, "", {}, in[3])),
       {heads, kv, numbers({6, 6}), numbers({4})}});
  rows.push_back(
      {"gradient of attention",
       grad_of(FUN(fast::scaled_dot_product_attention(in[0], in[1], in[2], 0.35f, "", in[3])), 4),
       {heads, kv, kv, numbers({6, 6})}});
  rows.push_back({"gradient of causal attention",
                  grad_of(FUN(fast::scaled_dot_product_attention(in[0], in[1], in[2], 0.35f,
                                                                 "causal", {}, in[3])),
                          4),
                  {heads, kv, kv, numbers({4})}});
  rows.push_back({"gradients",
                  grad_of(FUN(sum(exp(in[0]) * in[1] + softmax(in[0], -1), 0)), 2),
                  {numbers({3, 4}), numbers({4})}});
  rows.push_back({"compiled",
                  [](const Arrays& in) {
                    return compile(Function(FUN(exp(in[0]) * array(2.0f) + array(1.0f))))(in);
                  },
                  {x}});
  rows.push_back({"vmapped",
                  [](const Arrays& in) {
                    return vmap(Function(FUN(matmul(in[0], in[1]))), {0, -1})(in);
                  },
                  {numbers({3, 4, 6}), numbers({6, 5})}});
}

}  // namespace mlx::core
