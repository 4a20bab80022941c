// bfloat16 products by oneDNN, which has kernels for AMX and AVX-512.

#include "mlx/core/cpu/gemm.h"
#include "mlx/core/cpu/onednn.h"

namespace mlx::core::cpu {

const dnnl::engine& onednn_engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

dnnl::stream& onednn_stream() {
  thread_local dnnl::stream stream(onednn_engine());
  return stream;
}

namespace {

// Of a batch, if there is one; a step of 0 repeats the matrix.
dnnl::memory memory_of(const GemmOperand& x, int64_t rows, int64_t columns, int64_t batch,
                       int64_t step) {
  using Desc = dnnl::memory::desc;
  dnnl::memory::dims sizes{rows, columns};
  dnnl::memory::dims strides{x.transposed ? 1 : x.stride, x.transposed ? x.stride : 1};
  if (batch > 1) {
    sizes.insert(sizes.begin(), step == 0 ? 1 : batch);
    strides.insert(strides.begin(), step == 0 ? rows * columns : step);
  }
  return {Desc(sizes, dnnl::memory::data_type::bf16, strides), onednn_engine(),
          const_cast<void*>(x.data)};
}

}  // namespace

bool has_gemm_bfloat16() {
  static const bool has = [] {
    const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
    return isa == dnnl::cpu_isa::avx512_core_bf16 || isa == dnnl::cpu_isa::avx512_core_amx;
  }();
  return has;
}

void gemm_bfloat16(const Gemm& g) {
  const dnnl::memory a = memory_of(g.a, g.m, g.k, g.batch, g.a_step);
  const dnnl::memory b = memory_of(g.b, g.k, g.n, g.batch, g.b_step);
  const dnnl::memory c = memory_of({g.c, g.c_stride, false}, g.m, g.n, g.batch, g.m * g.n);
  dnnl::primitive_attr attributes;
  if (g.alpha != 1) {
    attributes.set_output_scales(0, {g.alpha});
  }
  if (g.beta != 0) {
    dnnl::post_ops add;
    add.append_sum(g.beta);
    attributes.set_post_ops(add);
  }
  // oneDNN keeps the code it generates for a shape: making the primitive again is a look-up.
  const dnnl::matmul product(dnnl::matmul::primitive_desc(
      dnnl::matmul::desc(a.get_desc(), b.get_desc(), c.get_desc()), attributes, onednn_engine()));
  product.execute(onednn_stream(), {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}});
}

}  // namespace mlx::core::cpu
