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

void set_data(array& out, const LoadAttrs& attrs, allocator::Buffer buffer, Deleter deleter) {
  const Strides strides =
      attrs.is_column_major ? column_major(out.shape()) : row_major(out.shape());
  out.set_data(buffer, out.size(), strides, layout_flags(out.shape(), strides, out.size()),
               std::move(deleter));
}

// The bytes as they are in the file, where that is what the array needs.
std::shared_ptr<char> map(const LoadAttrs& attrs, const array& out) {
  const bool differs = attrs.swaps_bytes || out.dtype() == bool_ || out.size() == 0;
  return differs ? nullptr : attrs.reader->map(out.nbytes(), attrs.offset, out.itemsize());
}

void run(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<LoadAttrs>();
  array& out = args.outputs[0];
  if (const std::shared_ptr<char> bytes = map(attrs, out)) {
    // The deleter is what holds them.
    set_data(out, attrs, allocator::Buffer(bytes.get()), [bytes](allocator::Buffer) {});
    return;
  }
  set_data(out, attrs, allocator::malloc(out.nbytes()), allocator::free);
  if (out.size() == 0) {
    return;  // the place of no bytes may be beyond the end
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
  bool is_empty = false;  // which does not excuse the other sizes: they make strides
  for (ShapeElem n : type.shape) {
    is_empty |= n == 0;
    if (n < 0 || __builtin_mul_overflow(bytes, std::max<ShapeElem>(n, 1), &bytes) ||
        bytes > kLimit) {
      return kTooMany;
    }
  }
  return is_empty ? 0 : static_cast<size_t>(bytes);
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
