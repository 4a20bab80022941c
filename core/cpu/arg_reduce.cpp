// argmax and argmin: a scan along the axis that keeps the first of equals. A
// NaN loses every comparison, so it wins only in the first position.

#include <cstdlib>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/reduce.h"
#include "mlx/core/cpu/tile.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/reduce_ops.h"

namespace mlx::core::cpu {
namespace {

template <typename T>
bool better(const T& a, const T& b, bool is_max) {
  if constexpr (std::is_same_v<T, complex64_t>) {
    const bool less = a.real() < b.real() || (a.real() == b.real() && a.imag() < b.imag());
    const bool greater = a.real() > b.real() || (a.real() == b.real() && a.imag() > b.imag());
    return is_max ? greater : less;
  } else {
    return is_max ? a > b : a < b;
  }
}

template <typename T>
void search_rows(const array& rows, uint32_t* out, int64_t begin, int64_t end, bool is_max) {
  const int64_t n = rows.shape(-1);
  TileReader reader(nullptr, {&rows, 1}, rows.shape());
  for (int64_t row = begin; row < end; ++row) {
    T best{};
    uint32_t at = 0;
    for (int64_t done = 0; done < n;) {
      const int64_t count = std::min(TileReader::kMaxCount, n - done);
      const T* values = static_cast<const T*>(reader.read(row * n + done, count));
      for (int64_t i = 0; i < count; ++i) {
        if (done + i == 0 || better(values[i], best, is_max)) {
          best = values[i];
          at = static_cast<uint32_t>(done + i);
        }
      }
      done += count;
    }
    out[row] = at;
  }
}

using Search = void (*)(const array&, uint32_t*, int64_t, int64_t, bool);

Search search_of(ComputeType type) {
  switch (type) {
    case ComputeType::b8:
      return search_rows<uint8_t>;
    case ComputeType::i32:
      return search_rows<int32_t>;
    case ComputeType::u32:
      return search_rows<uint32_t>;
    case ComputeType::i64:
      return search_rows<int64_t>;
    case ComputeType::u64:
      return search_rows<uint64_t>;
    case ComputeType::f32:
      return search_rows<float>;
    case ComputeType::f64:
      return search_rows<double>;
    case ComputeType::c64:
      break;
  }
  return search_rows<complex64_t>;
}

// The view with `axis` last.
array with_axis_last(const array& in, int axis) {
  Shape shape = in.shape();
  Strides strides = in.strides();
  shape.erase(shape.begin() + axis);
  strides.erase(strides.begin() + axis);
  shape.push_back(in.shape()[axis]);
  strides.push_back(in.strides()[axis]);
  array view = make_array(shape, in.dtype());
  view.copy_shared_buffer(in, strides, layout_flags(shape, strides, in.data_size()),
                          in.data_size());
  view.set_status(array::available);
  return view;
}

}  // namespace

void arg_reduce(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<ArgReduceAttrs>();
  array& out = args.outputs[0];
  allocate(out);
  const array rows = with_axis_last(args.inputs[0], attrs.axis);
  const Search search = search_of(compute_type(rows.dtype()));
  const int64_t grain = std::max<int64_t>(1, (1 << 15) / rows.shape(-1));
  parallel_for(static_cast<int64_t>(out.size()), grain, [&](int64_t begin, int64_t end) {
    search(rows, out.data<uint32_t>(), begin, end, attrs.is_max);
  });
}

}  // namespace mlx::core::cpu
