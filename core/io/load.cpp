#include "mlx/core/io/load.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "mlx/core/ops/shape.h"
#include "mlx/core/transforms.h"

namespace mlx::core::io {
namespace {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian");

Type infer(Inputs, const Attrs& attrs) { return attrs.get<LoadAttrs>().type; }

Strides column_major(const Shape& shape) {
  Strides strides(shape.size());
  int64_t step = 1;
  for (size_t i = 0; i < shape.size(); ++i) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

void swap_bytes(char* data, size_t count, size_t width) {
  for (size_t i = 0; i < count; ++i, data += width) {
    std::reverse(data, data + width);
  }
}

void run(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<LoadAttrs>();
  array& out = args.outputs[0];
  const allocator::Buffer buffer = allocator::malloc(out.nbytes());
  if (attrs.is_column_major) {
    const Strides strides = column_major(out.shape());
    out.set_data(buffer, out.size(), strides, layout_flags(out.shape(), strides, out.size()));
  } else {
    out.set_data(buffer);
  }
  char* data = out.data<char>();
  attrs.reader->read(data, out.nbytes(), attrs.offset);
  if (attrs.swaps_bytes) {
    // A complex number is two numbers.
    const size_t width = out.dtype() == complex64 ? sizeof(float) : out.itemsize();
    swap_bytes(data, out.nbytes() / width, width);
  }
  if (out.dtype() == bool_) {
    // A bool is 0 or 1, whatever the file says.
    std::transform(data, data + out.size(), data, [](char c) { return char{c != 0}; });
  }
}

}  // namespace

constinit const Op kLoad{.name = "Load", .infer = infer, .run = run};

size_t count_bytes(const Type& type) {
  constexpr size_t kTooMany = std::numeric_limits<size_t>::max();
  constexpr int64_t kLimit = std::numeric_limits<int64_t>::max() / 16;
  int64_t bytes = type.dtype.size();
  for (ShapeElem n : type.shape) {
    if (n < 0 || __builtin_mul_overflow(bytes, n, &bytes) || bytes > kLimit) {
      return kTooMany;
    }
  }
  return static_cast<size_t>(bytes);
}

void write_data(Writer& writer, const array& a) {
  array rows = contiguous(a);
  rows.eval();
  if (rows.size() > 0) {
    writer.write(rows.data<char>(), rows.nbytes());
  }
}

bool has_extension(std::string_view path, std::string_view extension) {
  return path.size() > extension.size() && path.ends_with(extension);
}

}  // namespace mlx::core::io
