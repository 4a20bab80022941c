// Gather and scatter. Both walk over the indices; at each, a slice of the array
// is copied out, or combined with an update. A slice is a list of runs of
// consecutive elements, the same at every index but for where it begins.

#include "mlx/core/cpu/indexing.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "mlx/core/base/error.h"
#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/indexing_ops.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kGrainBytes = 1 << 16;

array materialize(const array& src, Dtype dtype) {
  if (src.dtype() == dtype && src.flags().row_contiguous) {
    return src;
  }
  array out = make_array(src.shape(), dtype);
  allocate(out);
  copy_to(src, out.data<void>(), dtype);
  return out;
}

// `size` is the axis', `span` what is read from the index on.
int64_t checked_index(int64_t index, int64_t size, int64_t span, const char* op) {
  const int64_t wrapped = index < 0 ? index + size : index;
  if (wrapped < 0 || wrapped + span > size) {
    throw std::out_of_range(concat("[", std::string_view(op), "] Index ", index,
                                   " is out of bounds for an axis of ", size,
                                   " elements (slice of ", span, ")."));
  }
  return wrapped;
}

/// Where the slice of each index begins, in elements of the array.
std::vector<int64_t> slice_starts(std::span<const array> indices, const std::vector<int>& axes,
                                  const Shape& shape, const Shape& slice, const char* op) {
  const Strides strides = row_major(shape);
  std::vector<int64_t> starts(indices.empty() ? 1 : indices[0].size(), 0);
  for (size_t k = 0; k < indices.size(); ++k) {
    const array index = materialize(indices[k], int64);
    const int64_t* values = index.data<int64_t>();
    const int axis = axes[k];
    for (size_t i = 0; i < starts.size(); ++i) {
      starts[i] += checked_index(values[i], shape[axis], slice[axis], op) * strides[axis];
    }
  }
  return starts;
}

struct Slice {
  /// Where each run begins, from the start of the slice.
  std::vector<int64_t> runs;
  /// Elements of a run.
  int64_t length;
};

Slice make_slice(const Shape& shape, const Shape& slice) {
  const Strides strides = row_major(shape);
  size_t inner = shape.size();
  int64_t length = 1;
  while (inner > 0) {
    --inner;
    length *= slice[inner];
    if (slice[inner] != shape[inner]) {
      break;
    }
  }
  Slice out{{0}, length};
  for (size_t i = 0; i < inner; ++i) {
    std::vector<int64_t> next;
    next.reserve(out.runs.size() * static_cast<size_t>(slice[i]));
    for (int64_t run : out.runs) {
      for (int64_t k = 0; k < slice[i]; ++k) {
        next.push_back(run + k * strides[i]);
      }
    }
    out.runs = std::move(next);
  }
  return out;
}

// ---- combining

using Combine = void (*)(void* to, const void* from, int64_t count);

template <typename T>
struct Combiners {
  static void add(void* to, const void* from, int64_t count) {
    each(to, from, count, [](T a, T b) { return static_cast<T>(a + b); });
  }
  static void prod(void* to, const void* from, int64_t count) {
    each(to, from, count, [](T a, T b) { return static_cast<T>(a * b); });
  }
  static void max(void* to, const void* from, int64_t count) {
    each(to, from, count, [](T a, T b) { return less(a, b) || is_nan(b) ? b : a; });
  }
  static void min(void* to, const void* from, int64_t count) {
    each(to, from, count, [](T a, T b) { return less(b, a) || is_nan(b) ? b : a; });
  }

 private:
  template <typename F>
  static void each(void* to, const void* from, int64_t count, F f) {
    T* out = static_cast<T*>(to);
    const T* in = static_cast<const T*>(from);
    for (int64_t i = 0; i < count; ++i) {
      out[i] = f(out[i], in[i]);
    }
  }
  static bool less(T a, T b) {
    if constexpr (std::is_same_v<T, complex64_t>) {
      return a.real() < b.real() || (a.real() == b.real() && a.imag() < b.imag());
    } else {
      return a < b;
    }
  }
  static bool is_nan(T v) { return v != v; }
};

template <typename T>
Combine combine_of(ScatterMode mode) {
  switch (mode) {
    case ScatterMode::add:
      return Combiners<T>::add;
    case ScatterMode::prod:
      return Combiners<T>::prod;
    case ScatterMode::max:
      return Combiners<T>::max;
    case ScatterMode::min:
      return Combiners<T>::min;
    case ScatterMode::assign:
      break;
  }
  return [](void* to, const void* from, int64_t count) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
  };
}

void or_into(void* to, const void* from, int64_t count) {
  Combiners<uint8_t>::max(to, from, count);
}

void and_into(void* to, const void* from, int64_t count) {
  Combiners<uint8_t>::min(to, from, count);
}

// Unsigned arithmetic has the bits of signed arithmetic, and wraps.
Combine find_combine(Dtype dtype, ScatterMode mode) {
  const bool ordered = mode == ScatterMode::max || mode == ScatterMode::min;
  switch (dtype.val()) {
    case Dtype::Val::bool_:
      return mode == ScatterMode::add || mode == ScatterMode::max    ? or_into
             : mode == ScatterMode::prod || mode == ScatterMode::min ? and_into
                                                                     : combine_of<uint8_t>(mode);
    case Dtype::Val::int8:
      return ordered ? combine_of<int8_t>(mode) : combine_of<uint8_t>(mode);
    case Dtype::Val::uint8:
      return combine_of<uint8_t>(mode);
    case Dtype::Val::int16:
      return ordered ? combine_of<int16_t>(mode) : combine_of<uint16_t>(mode);
    case Dtype::Val::uint16:
      return combine_of<uint16_t>(mode);
    case Dtype::Val::int32:
      return ordered ? combine_of<int32_t>(mode) : combine_of<uint32_t>(mode);
    case Dtype::Val::uint32:
      return combine_of<uint32_t>(mode);
    case Dtype::Val::int64:
      return ordered ? combine_of<int64_t>(mode) : combine_of<uint64_t>(mode);
    case Dtype::Val::uint64:
      return combine_of<uint64_t>(mode);
    case Dtype::Val::float32:
      return combine_of<float>(mode);
    case Dtype::Val::float64:
      return combine_of<double>(mode);
    case Dtype::Val::complex64:
      return combine_of<complex64_t>(mode);
    case Dtype::Val::float16:
    case Dtype::Val::bfloat16:
      break;  // only assigned in their own dtype
  }
  return combine_of<uint16_t>(ScatterMode::assign);
}

// Half types add up in float32.
Dtype working_dtype(Dtype dtype, ScatterMode mode) {
  const bool half = dtype == float16 || dtype == bfloat16;
  return half && mode != ScatterMode::assign ? float32 : dtype;
}

// The array that is written to: a copy of `src` in the working dtype, or src's
// own memory if nobody else needs it.
array begin_from(array& src, array& out, Dtype dtype) {
  if (dtype != out.dtype()) {
    array copy = make_array(src.shape(), dtype);
    allocate(copy);
    copy_to(src, copy.data<void>(), dtype);
    return copy;
  }
  if (src.flags().row_contiguous && src.is_donatable()) {
    out.copy_shared_buffer(src);
  } else {
    allocate(out);
    copy_to(src, out.data<void>(), dtype);
  }
  return out;
}

void finish_into(array& out, const array& result) {
  if (result.id() != out.id()) {
    allocate(out);
    copy_to(result, out.data<void>(), out.dtype());
  }
}

}  // namespace

void gather(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<GatherAttrs>();
  array& out = args.outputs[0];
  allocate(out);
  if (out.size() == 0) {
    return;
  }
  const array in = row_contiguous(args.inputs[0]);
  const auto starts =
      slice_starts(args.inputs.subspan(1), attrs.axes, in.shape(), attrs.slice_sizes, "gather");
  const Slice slice = make_slice(in.shape(), attrs.slice_sizes);
  const auto width = static_cast<int64_t>(in.itemsize());
  const int64_t run_bytes = slice.length * width;
  const int64_t slice_bytes = run_bytes * static_cast<int64_t>(slice.runs.size());
  const std::byte* from = in.data<std::byte>();
  std::byte* to = out.data<std::byte>();
  parallel_for(static_cast<int64_t>(starts.size()), kGrainBytes / slice_bytes + 1,
               [&](int64_t begin, int64_t end) {
                 std::byte* at = to + begin * slice_bytes;
                 for (int64_t i = begin; i < end; ++i) {
                   for (int64_t run : slice.runs) {
                     const int64_t first = starts[static_cast<size_t>(i)] + run;
                     std::memcpy(at, from + first * width, static_cast<size_t>(run_bytes));
                     at += run_bytes;
                   }
                 }
               });
}

void scatter(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<ScatterAttrs>();
  array& out = args.outputs[0];
  const Dtype dtype = working_dtype(out.dtype(), attrs.mode);
  array result = begin_from(args.inputs[0], out, dtype);
  const array updates = materialize(args.inputs[1], dtype);
  if (updates.size() > 0) {
    const Shape sizes(updates.shape().end() - static_cast<std::ptrdiff_t>(out.ndim()),
                      updates.shape().end());
    const auto starts =
        slice_starts(args.inputs.subspan(2), attrs.axes, out.shape(), sizes, "scatter");
    const Slice slice = make_slice(out.shape(), sizes);
    const Combine combine = find_combine(dtype, attrs.mode);
    const int64_t width = dtype.size();
    const std::byte* from = updates.data<std::byte>();
    std::byte* to = result.data<std::byte>();
    for (int64_t start : starts) {
      for (int64_t run : slice.runs) {
        combine(to + (start + run) * width, from, slice.length);
        from += slice.length * width;
      }
    }
  }
  finish_into(out, result);
}

namespace {

/// An array as [outer, n, inner] about an axis.
struct Lines {
  int64_t outer = 1;
  int64_t inner = 1;
  Lines(const Shape& shape, int axis) {
    for (int i = 0; i < static_cast<int>(shape.size()); ++i) {
      if (i != axis) {
        (i < axis ? outer : inner) *= shape[i];
      }
    }
  }
};

}  // namespace

void gather_axis(const KernelArgs& args) {
  const int axis = args.attrs.get<GatherAxisAttrs>().axis;
  array& out = args.outputs[0];
  allocate(out);
  if (out.size() == 0) {
    return;
  }
  const array in = row_contiguous(args.inputs[0]);
  const array index = materialize(args.inputs[1], int64);
  const Lines lines(out.shape(), axis);
  const int64_t n = in.shape(axis);
  const int64_t taken = out.shape(axis);
  const size_t width = in.itemsize();
  parallel_for(
      lines.outer * taken, kGrainBytes / (lines.inner * 8) + 1, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const int64_t* positions = index.data<int64_t>() + row * lines.inner;
          for (int64_t k = 0; k < lines.inner; ++k) {
            const int64_t p = checked_index(positions[k], n, 1, "take_along_axis");
            const int64_t source = (row / taken * n + p) * lines.inner + k;
            std::memcpy(out.data<std::byte>() + static_cast<size_t>(row * lines.inner + k) * width,
                        in.data<std::byte>() + static_cast<size_t>(source) * width, width);
          }
        }
      });
}

void scatter_axis(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<ScatterAxisAttrs>();
  array& out = args.outputs[0];
  const Dtype dtype = working_dtype(out.dtype(), attrs.mode);
  array result = begin_from(args.inputs[0], out, dtype);
  const array index = materialize(args.inputs[1], int64);
  const array updates = materialize(args.inputs[2], dtype);
  const Lines lines(index.shape(), attrs.axis);
  const int64_t n = out.shape(attrs.axis);
  const int64_t given = index.shape(attrs.axis);
  const Combine combine = find_combine(dtype, attrs.mode);
  const auto width = static_cast<int64_t>(dtype.size());
  for (int64_t row = 0; row < lines.outer * given; ++row) {
    for (int64_t k = 0; k < lines.inner; ++k) {
      const int64_t at = row * lines.inner + k;
      const int64_t p = checked_index(index.data<int64_t>()[at], n, 1, "scatter_axis");
      const int64_t target = (row / given * n + p) * lines.inner + k;
      combine(result.data<std::byte>() + target * width, updates.data<std::byte>() + at * width, 1);
    }
  }
  finish_into(out, result);
}

}  // namespace mlx::core::cpu
