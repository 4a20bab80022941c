#include "mlx/core/cpu/registry.h"

#include <unordered_map>

#include "mlx/core/cpu/arange.h"
#include "mlx/core/cpu/attention.h"
#include "mlx/core/cpu/conv.h"
#include "mlx/core/cpu/fft.h"
#include "mlx/core/cpu/indexing.h"
#include "mlx/core/cpu/linalg.h"
#include "mlx/core/cpu/matmul.h"
#include "mlx/core/cpu/norm.h"
#include "mlx/core/cpu/quantized.h"
#include "mlx/core/cpu/random.h"
#include "mlx/core/cpu/reduce.h"
#include "mlx/core/cpu/rope.h"
#include "mlx/core/cpu/scan.h"
#include "mlx/core/cpu/slice.h"
#include "mlx/core/cpu/softmax.h"
#include "mlx/core/cpu/sort.h"
#include "mlx/core/cpu/views.h"
#include "mlx/core/ops/conv_ops.h"
#include "mlx/core/ops/creation_ops.h"
#include "mlx/core/ops/fast_ops.h"
#include "mlx/core/ops/fft_ops.h"
#include "mlx/core/ops/indexing_ops.h"
#include "mlx/core/ops/linalg_ops.h"
#include "mlx/core/ops/matmul_ops.h"
#include "mlx/core/ops/quantized_ops.h"
#include "mlx/core/ops/reduce_ops.h"
#include "mlx/core/ops/shape_ops.h"
#include "mlx/core/ops/sort_ops.h"
#include "mlx/core/random_ops.h"

namespace mlx::core::cpu {
namespace {

struct KernelRow {
  const Op* op;
  Kernel kernel;
};

// Every operation that needs a kernel on the CPU, by family.
const KernelRow kKernels[] = {
    // creation
    {&kArange, arange},
    {&kRandomBits, random_bits},
    // shape
    {&kReshape, reshape},
    {&kAsStrided, as_strided},
    {&kContiguous, contiguous},
    {&kView, view},
    {&kSliceUpdate, slice_update},
    {&kDynamicSlice, dynamic_slice},
    {&kDynamicSliceUpdate, dynamic_slice_update},
    {&kConcatenate, concatenate},
    // indexing
    {&kTake, take},
    {&kGather, gather},
    {&kTakeAlong, take_along},
    {&kScatter, scatter},
    {&kScatterAlong, scatter_along},
    // linear algebra
    {&kSvd, svd},
    {&kQr, qr},
    {&kEig, eig},
    {&kEigh, eigh},
    {&kInverse, inverse},
    {&kTriangularInverse, triangular_inverse},
    {&kPseudoInverse, pseudo_inverse},
    {&kCholesky, cholesky},
    {&kLu, lu},
    {&kSolve, solve},
    {&kSolveTriangular, solve_triangular},
    {&kDeterminant, determinant},
    {&kFft, fft},
    // reductions
    {&kReduce[static_cast<int>(ReduceKind::sum)], reduce},
    {&kReduce[static_cast<int>(ReduceKind::prod)], reduce},
    {&kReduce[static_cast<int>(ReduceKind::max)], reduce},
    {&kReduce[static_cast<int>(ReduceKind::min)], reduce},
    {&kReduce[static_cast<int>(ReduceKind::all)], reduce},
    {&kReduce[static_cast<int>(ReduceKind::any)], reduce},
    {&kVariance, variance},
    {&kArgReduce, arg_reduce},
    {&kSoftmax, softmax},
    {&kScan, scan},
    {&kDecayingSum, decaying_sum},
    // sorting
    {&kSort, sort},
    {&kArgSort, sort},
    {&kSearchSorted, search_sorted},
    // products
    {&kMatmul, matmul},
    {&kAddmm, addmm},
    {&kGatherMm, gather_mm},
    {&kBlockMaskedMm, block_masked_mm},
    {&kSegmentedMm, segmented_mm},
    {&kSegmentedMmLeft, segmented_mm_left},
    {&kHadamard, hadamard},
    // quantization
    {&kQuantize, quantize},
    {&kDequantize, dequantize},
    {&kRoundTrip, quantize_round_trip},
    {&kToFp8, to_fp8},
    {&kFromFp8, from_fp8},
    {&kQuantizedMatmul, quantized_matmul},
    {&kGatherQmm, gather_qmm},
    // fast
    {&kRmsNorm, norm},
    {&kLayerNorm, norm},
    {&kNormGrad, norm_grad},
    {&kRope, rope},
    {&kAttention, attention},
    {&kAttentionGrad, attention_grad},
    // convolutions
    {&kConvolution, convolution},
    {&kConvolutionWeightGrad, convolution_weight_grad},
};

}  // namespace

Kernel find_kernel(const Op& op) {
  static const auto table = [] {
    std::unordered_map<const Op*, Kernel> rows;
    for (const KernelRow& row : kKernels) {
      rows.emplace(row.op, row.kernel);
    }
    return rows;
  }();
  const auto found = table.find(&op);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace mlx::core::cpu
