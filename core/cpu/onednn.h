#pragma once

// What all kernels by oneDNN share.

#include <dnnl.hpp>

namespace mlx::core::cpu {

const dnnl::engine& onednn_engine();
/// Of the calling thread.
dnnl::stream& onednn_stream();

}  // namespace mlx::core::cpu
