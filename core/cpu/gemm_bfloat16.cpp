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

dnnl::memory memory_of(const GemmOperand& x, int64_t rows, int64_t columns) {
  using Desc = dnnl::memory::desc;
  const dnnl::memory::dims strides =
      x.transposed ? dnnl::memory::dims{1, x.stride} : dnnl::memory::dims{x.stride, 1};
  return {Desc({rows, columns}, dnnl::memory::data_type::bf16, strides), onednn_engine(),
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
  const dnnl::memory a = memory_of(g.a, g.m, g.k);
  const dnnl::memory b = memory_of(g.b, g.k, g.n);
  const dnnl::memory c = memory_of({g.c, g.c_stride, false}, g.m, g.n);
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
