#include "mlx/core/cpu/rope.h"

#include <algorithm>
#include <cmath>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/wide_rows.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/fast_ops.h"

namespace mlx::core::cpu {
namespace {

// By how much pair i turns from one position to the next.
std::vector<double> turns(const KernelArgs& args, const RopeAttrs& attrs) {
  std::vector<double> out(static_cast<size_t>(attrs.dims / 2));
  const double sign = attrs.inverse ? -1 : 1, scale = static_cast<double>(attrs.scale);
  if (attrs.has_frequencies) {
    const array frequencies = row_contiguous(args.inputs[2]);
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = sign * scale / static_cast<double>(frequencies.data<float>()[i]);
    }
    return out;
  }
  for (size_t i = 0; i < out.size(); ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / attrs.dims;
    out[i] = sign * scale * std::pow(static_cast<double>(attrs.base), exponent);
  }
  return out;
}

// Cosines and sines [offsets, positions, pairs].
template <typename T>
struct Angles {
  Angles(const array& offsets, int64_t positions, const std::vector<double>& turns)
      : pairs(static_cast<int64_t>(turns.size())) {
    const int64_t rows = static_cast<int64_t>(offsets.size()) * positions;
    cosine.resize(static_cast<size_t>(rows * pairs));
    sine.resize(cosine.size());
    parallel_for(rows, std::max<int64_t>(1, 512 / pairs), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const double at =
            offsets.data<int32_t>()[r / positions] + static_cast<double>(r % positions);
        for (int64_t i = 0; i < pairs; ++i) {
          const double angle = at * turns[static_cast<size_t>(i)];
          cosine[static_cast<size_t>(r * pairs + i)] = static_cast<T>(std::cos(angle));
          sine[static_cast<size_t>(r * pairs + i)] = static_cast<T>(std::sin(angle));
        }
      }
    });
  }

  int64_t pairs;
  std::vector<T> cosine;
  std::vector<T> sine;
};

template <typename T>
void rope_rows(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<RopeAttrs>();
  array& out = args.outputs[0];
  const array in = row_contiguous(args.inputs[0]), offsets = row_contiguous(args.inputs[1]);
  const int64_t n = in.shape(-1), positions = in.shape(-2);
  const int64_t rows = static_cast<int64_t>(in.size()) / n, batch_rows = rows / in.shape(0);
  const Angles<T> angles(offsets, positions, turns(args, attrs));
  const FastLoops<T>& loops = fast_loops_for<T>();
  const auto rotate = attrs.traditional ? loops.rotate_neighbours : loops.rotate;
  const WideReader<T> from(in);
  const WideWriter<T> to(out);
  parallel_for(rows, std::max<int64_t>(1, (1 << 13) / n), [&](int64_t begin, int64_t end) {
    std::vector<T> scratch(static_cast<size_t>(2 * n));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t batch = offsets.ndim() == 0 ? 0 : i / batch_rows;
      const int64_t at = (batch * positions + i % positions) * angles.pairs;
      const T* x = from.read(i * n, n, scratch.data() + n);
      T* y = to.place(i * n, scratch.data());
      rotate(y, x, angles.cosine.data() + at, angles.sine.data() + at, angles.pairs);
      std::copy(x + attrs.dims, x + n, y + attrs.dims);
      to.commit(i * n, n, scratch.data());
    }
    to.fence();
  });
}

}  // namespace

void rope(const KernelArgs& args) {
  array& out = args.outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  out.dtype() == float64 ? rope_rows<double>(args) : rope_rows<float>(args);
}

}  // namespace mlx::core::cpu
