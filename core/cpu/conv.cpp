// Convolutions by oneDNN where it has kernels for them; else as matrix products:
// blocks of the matrix of windows (im2col), small enough to stay in the cache,
// times the weight. Each thread gathers and multiplies blocks of its own.

#include "mlx/core/cpu/conv.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "mlx/core/cpu/conv_onednn.h"
#include "mlx/core/cpu/conv_windows.h"
#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/gemm.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/graph/node.h"

namespace mlx::core::cpu {
namespace {

// Bytes of a block of windows.
constexpr int64_t kBlockBytes = 1 << 19;

// 16-bit floats are computed in float32, so that sums over blocks stay exact enough.
Dtype compute_dtype(Dtype dtype) { return dtype == float64 ? float64 : float32; }

// One convolution's arrays, row-contiguous and in the dtype of computation.
struct Problem {
  ConvWindows windows;
  Dtype dtype;
  int groups;
  int64_t in_channels;
  int64_t out_channels;

  int64_t bytes(int64_t elements) const { return elements * dtype.size(); }
  int64_t group_channels() const { return out_channels / groups; }
  int64_t block_rows() const {
    return std::max<int64_t>(16, kBlockBytes / bytes(std::max<int64_t>(1, windows.columns())));
  }
};

// Calls body(begin, windows) for blocks of the rows [first, last) of a group.
template <typename Body>
void for_blocks(const Problem& p, const std::byte* input, int group, int64_t first, int64_t last,
                Body&& body) {
  const int64_t block = std::min(p.block_rows(), last - first);
  std::unique_ptr<std::byte[]> gathered;
  if (!p.windows.are_input_rows()) {
    gathered.reset(new std::byte[static_cast<size_t>(p.bytes(block * p.windows.columns()))]);
  }
  for (int64_t begin = first; begin < last; begin += block) {
    const int64_t end = std::min(begin + block, last);
    GemmOperand windows{gathered.get(), std::max<int64_t>(1, p.windows.columns()), false};
    if (gathered) {
      p.windows.gather(input, group, begin, end, gathered.get());
    } else {
      const int64_t at = begin * p.in_channels + group * p.windows.columns();
      windows = {input + p.bytes(at), std::max<int64_t>(1, p.in_channels), false};
    }
    body(begin, end, windows);
  }
}

void convolve(const Problem& p, const array& input, const array& weight, array& out) {
  const int64_t grain = std::min<int64_t>(p.block_rows(), 64);
  parallel_for(p.windows.rows(), grain, [&](int64_t first, int64_t last) {
    for (int group = 0; group < p.groups; ++group) {
      const int64_t channel = group * p.group_channels();
      const GemmOperand weights{weight.data<std::byte>() + p.bytes(channel * p.windows.columns()),
                                std::max<int64_t>(1, p.windows.columns()), true};
      for_blocks(p, input.data<std::byte>(), group, first, last,
                 [&](int64_t begin, int64_t end, const GemmOperand& windows) {
                   const int64_t at = begin * p.out_channels + channel;
                   gemm({.dtype = p.dtype,
                         .m = end - begin,
                         .n = p.group_channels(),
                         .k = p.windows.columns(),
                         .a = windows,
                         .b = weights,
                         .c = out.data<std::byte>() + p.bytes(at),
                         .c_stride = p.out_channels});
                 });
    }
  });
}

// The weight's cotangent from the rows [first, last): g^T windows.
void accumulate_weight(const Problem& p, const array& input, const array& g, int64_t first,
                       int64_t last, std::byte* out) {
  for (int group = 0; group < p.groups; ++group) {
    const int64_t channel = group * p.group_channels();
    for_blocks(p, input.data<std::byte>(), group, first, last,
               [&](int64_t begin, int64_t end, const GemmOperand& windows) {
                 const int64_t at = begin * p.out_channels + channel;
                 gemm({.dtype = p.dtype,
                       .m = p.group_channels(),
                       .n = p.windows.columns(),
                       .k = end - begin,
                       .a = {g.data<std::byte>() + p.bytes(at), p.out_channels, true},
                       .b = windows,
                       .c = out + p.bytes(channel * p.windows.columns()),
                       .c_stride = p.windows.columns(),
                       .beta = 1});
               });
  }
}

template <typename T>
void add_to(void* to, const void* from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    static_cast<T*>(to)[i] += static_cast<const T*>(from)[i];
  }
}

// Each thread has a sum of its own; they are added in order, so that the
// result does not depend on which is done first.
void weight_cotangent(const Problem& p, const array& input, const array& g, array& out) {
  const auto size = static_cast<int64_t>(out.size());
  const int64_t rows = p.windows.rows();
  const int64_t parts = std::clamp<int64_t>(rows / 64, 1, thread_count());
  const auto bytes = static_cast<size_t>(p.bytes(size));
  const std::unique_ptr<std::byte[]> others(new std::byte[bytes * static_cast<size_t>(parts - 1)]);
  const auto sum = [&](int64_t part) {
    return part == 0 ? out.data<std::byte>() : others.get() + p.bytes(size * (part - 1));
  };
  parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      std::memset(sum(part), 0, bytes);
      accumulate_weight(p, input, g, rows * part / parts, rows * (part + 1) / parts, sum(part));
    }
  });
  for (int64_t part = 1; part < parts; ++part) {
    const auto add = p.dtype == float64 ? add_to<double> : add_to<float>;
    add(out.data<void>(), sum(part), size);
  }
}

Problem make_problem(const Shape& input, const Shape& weight, const Shape& output,
                     const ConvAttrs& conv, Dtype dtype) {
  return {ConvWindows(input, weight, output, conv, dtype.size()), dtype, conv.groups, input.back(),
          weight[0]};
}

// Gives `out` its data: by_onednn(result) in out's own dtype or in the one of computation, if it
// can and says so, else by_windows(result).
template <typename ByOnednn, typename ByWindows>
void compute(array& out, ByOnednn&& by_onednn, ByWindows&& by_windows) {
  allocate(out);
  if (out.size() == 0 || (onednn_convolves(out.dtype()) && by_onednn(out))) {
    return;
  }
  const Dtype dtype = compute_dtype(out.dtype());
  if (out.dtype() == dtype) {
    by_windows(out);
    return;
  }
  array result = make_array(out.shape(), dtype);
  allocate(result);
  if (!(onednn_convolves(dtype) && by_onednn(result))) {
    by_windows(result);
  }
  copy_to(result, out.data<void>(), out.dtype());
}

}  // namespace

void convolution(const KernelArgs& args) {
  const array& input = args.inputs[0];
  const array& weight = args.inputs[1];
  const auto& conv = args.attrs.get<ConvAttrs>();
  compute(
      args.outputs[0],
      [&](array& out) {
        return convolution_onednn(conv, row_contiguous(input, out.dtype()),
                                  row_contiguous(weight, out.dtype()), out);
      },
      [&](array& out) {
        const Problem p =
            make_problem(input.shape(), weight.shape(), out.shape(), conv, out.dtype());
        convolve(p, row_contiguous(input, p.dtype), row_contiguous(weight, p.dtype), out);
      });
}

void convolution_weight_grad(const KernelArgs& args) {
  const array& input = args.inputs[0];
  const array& g = args.inputs[1];
  const ConvAttrs& conv = args.attrs.get<ConvWeightGradAttrs>().conv;
  compute(
      args.outputs[0],
      [&](array& out) {
        return convolution_weight_grad_onednn(conv, row_contiguous(input, out.dtype()),
                                              row_contiguous(g, out.dtype()), out);
      },
      [&](array& out) {
        const Problem p = make_problem(input.shape(), out.shape(), g.shape(), conv, out.dtype());
        weight_cotangent(p, row_contiguous(input, p.dtype), row_contiguous(g, p.dtype), out);
      });
}

}  // namespace mlx::core::cpu
