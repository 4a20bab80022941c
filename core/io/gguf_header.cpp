#include "mlx/core/io/gguf_header.h"

#include <algorithm>
#include <cstring>

#include "mlx/core/io/load.h"

namespace mlx::core::io {
namespace {

constexpr size_t kMaxGgufHeader = size_t{1} << 28;
constexpr size_t kReadBytes = size_t{1} << 16;

struct NumberType {
  uint32_t id;
  Dtype dtype;
};

constexpr NumberType kNumbers[] = {
    {0, uint8}, {1, int8},    {2, uint16}, {3, int16},   {4, uint32},   {5, int32},
    {7, bool_}, {6, float32}, {11, int64}, {10, uint64}, {12, float64},
};

/// Takes the header's parts one after the other, reading ahead a little.
class Cursor {
 public:
  explicit Cursor(Reader& reader)
      : reader_(reader), label_(reader.label()), size_(std::min(reader.size(), kMaxGgufHeader)) {}

  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw_bad_file("load_gguf", label_, parts...);
  }

  size_t position() const { return position_; }
  size_t left() const { return size_ - position_; }

  std::string take_bytes(uint64_t count) {
    if (count > left()) {
      fail("The header is cut off or too long: it needs ", count, " bytes at ", position_,
           ", but may go on until ", size_, ".");
    }
    std::string bytes(count, '\0');
    copy(bytes.data(), count);
    return bytes;
  }

  template <typename T>
  T take() {
    if (sizeof(T) > left()) {
      fail("The header is cut off or too long: it goes on at byte ", position_, ".");
    }
    T value;
    copy(reinterpret_cast<char*>(&value), sizeof value);
    return value;
  }

  std::string take_text() { return take_bytes(take<uint64_t>()); }

 private:
  void copy(char* data, size_t count) {
    if (count > kReadBytes) {
      reader_.read(data, count, position_);
    } else {
      if (position_ < begin_ || position_ + count > begin_ + chunk_.size()) {
        chunk_.resize(std::min(kReadBytes, size_ - position_));
        begin_ = position_;
        reader_.read(chunk_.data(), chunk_.size(), begin_);
      }
      std::memcpy(data, chunk_.data() + (position_ - begin_), count);
    }
    position_ += count;
  }

  Reader& reader_;
  const std::string label_;
  const size_t size_;
  size_t position_ = 0;
  std::string chunk_;
  size_t begin_ = 0;
};

array take_numbers(Cursor& cursor, Dtype dtype, uint64_t count, Shape shape) {
  const size_t width = static_cast<size_t>(dtype.size());
  if (count > cursor.left() / width) {
    cursor.fail("A list of ", count, " numbers is longer than the header.");
  }
  std::string bytes = cursor.take_bytes(count * width);
  if (dtype == float64) {  // as MLX has it
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i) {
      double value;
      std::memcpy(&value, bytes.data() + i * width, width);
      values[i] = static_cast<float>(value);
    }
    return array(values.begin(), std::move(shape), float32);
  }
  if (dtype == bool_) {
    std::transform(bytes.begin(), bytes.end(), bytes.begin(), [](char c) { return char{c != 0}; });
  }
  allocator::Buffer buffer = allocator::malloc(bytes.size());
  if (!bytes.empty()) {
    std::memcpy(buffer.raw_ptr(), bytes.data(), bytes.size());
  }
  return array(buffer, std::move(shape), dtype);
}

GGUFMetaData take_list(Cursor& cursor) {
  const auto id = cursor.take<uint32_t>();
  const auto count = cursor.take<uint64_t>();
  if (id == kGgufText) {
    std::vector<std::string> texts;
    for (uint64_t i = 0; i < count; ++i) {
      texts.push_back(cursor.take_text());
    }
    return texts;
  }
  const Dtype* dtype = find_gguf_number(id);
  if (dtype == nullptr) {
    cursor.fail("Metadata: got a list of type ", id, ", expected numbers or texts.");
  }
  return take_numbers(cursor, *dtype, count,
                      {static_cast<ShapeElem>(std::min<uint64_t>(count, cursor.left()))});
}

GGUFMetaData take_value(Cursor& cursor) {
  const auto id = cursor.take<uint32_t>();
  if (id == kGgufText) {
    return cursor.take_text();
  }
  if (id == kGgufList) {
    return take_list(cursor);
  }
  const Dtype* dtype = find_gguf_number(id);
  if (dtype == nullptr) {
    cursor.fail("Metadata: got type ", id, ", which is not known.");
  }
  return take_numbers(cursor, *dtype, 1, {});
}

GgufTensor take_tensor(Cursor& cursor) {
  GgufTensor tensor{cursor.take_text(), nullptr, {}, 0, 0};
  const auto dimensions = cursor.take<uint32_t>();
  if (dimensions > kMaxGgufDimensions) {
    cursor.fail("Tensor ", tensor.name, " has ", dimensions, " dimensions, expected at most ",
                kMaxGgufDimensions, ".");
  }
  for (uint32_t i = 0; i < dimensions; ++i) {
    tensor.shape.push_back(static_cast<ShapeElem>(cursor.take<uint64_t>()));
  }
  std::reverse(tensor.shape.begin(), tensor.shape.end());  // the fastest comes first
  const auto id = cursor.take<uint32_t>();
  tensor.type = find_gguf_type(id);
  if (tensor.type == nullptr) {
    cursor.fail("Tensor ", tensor.name, " has type ", id, ", which is not supported.");
  }
  const ShapeElem row = tensor.shape.empty() ? 1 : tensor.shape.back();
  const size_t numbers = count_bytes({tensor.shape, uint8});
  if (numbers > size_t{1} << 58 || row % tensor.type->block_size != 0) {
    cursor.fail("Tensor ", tensor.name, " of type ", tensor.type->name, " has the shape ",
                tensor.shape, ", which cannot be: rows consist of blocks of ",
                tensor.type->block_size, ".");
  }
  tensor.bytes = numbers / static_cast<size_t>(tensor.type->block_size) *
                 static_cast<size_t>(tensor.type->block_bytes);
  tensor.offset = cursor.take<uint64_t>();
  return tensor;
}

uint32_t find_alignment(const Cursor& cursor, const GgufHeader& header) {
  const auto found = header.metadata.find("general.alignment");
  if (found == header.metadata.end()) {
    return kGgufAlignment;
  }
  const array* value = std::get_if<array>(&found->second);
  const bool is_number = value != nullptr && value->ndim() == 0 && value->dtype() == uint32;
  const uint32_t alignment = is_number ? *value->data<uint32_t>() : 0;
  if (alignment == 0 || alignment > (1u << 20)) {
    cursor.fail("general.alignment must be a uint32 from 1 to 1048576.");
  }
  return alignment;
}

// Makes the offsets count from the beginning of the file.
void place(const Cursor& cursor, GgufHeader& header, size_t file_bytes) {
  const size_t alignment = find_alignment(cursor, header);
  const size_t data = (cursor.position() + alignment - 1) / alignment * alignment;
  std::vector<const GgufTensor*> order;
  for (GgufTensor& tensor : header.tensors) {
    const size_t available = file_bytes - std::min(data, file_bytes);
    if (tensor.bytes > available || tensor.offset > available - tensor.bytes) {
      cursor.fail("Tensor ", tensor.name, " has ", tensor.bytes, " bytes at ", tensor.offset,
                  ", but there are ", available, " bytes of data.");
    }
    tensor.offset += data;
    order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(), [](const GgufTensor* a, const GgufTensor* b) {
    return std::pair(a->offset, a->bytes) < std::pair(b->offset, b->bytes);
  });
  for (size_t i = 1; i < order.size(); ++i) {
    if (order[i]->offset < order[i - 1]->offset + order[i - 1]->bytes) {
      cursor.fail("Tensors ", order[i - 1]->name, " and ", order[i]->name, " overlap.");
    }
  }
}

}  // namespace

const Dtype* find_gguf_number(uint32_t id) {
  for (const NumberType& number : kNumbers) {
    if (number.id == id) {
      return &number.dtype;
    }
  }
  return nullptr;
}

int find_gguf_number_id(Dtype dtype) {
  for (const NumberType& number : kNumbers) {
    if (number.dtype == dtype) {
      return static_cast<int>(number.id);
    }
  }
  return -1;
}

GgufHeader read_gguf_header(Reader& reader) {
  Cursor cursor(reader);
  if (reader.size() < kGgufMagic.size() || cursor.take_bytes(kGgufMagic.size()) != kGgufMagic) {
    cursor.fail("Not a GGUF file: it does not begin with GGUF.");
  }
  const auto version = cursor.take<uint32_t>();
  if (version != 2 && version != kGgufVersion) {
    cursor.fail("Version: got ", version, ", expected 2 or 3.");
  }
  const auto tensors = cursor.take<uint64_t>();
  const auto pairs = cursor.take<uint64_t>();
  GgufHeader header;
  for (uint64_t i = 0; i < pairs; ++i) {
    std::string key = cursor.take_text();
    if (!header.metadata.emplace(key, take_value(cursor)).second) {
      cursor.fail("Metadata ", key, " comes twice.");
    }
  }
  for (uint64_t i = 0; i < tensors; ++i) {
    header.tensors.push_back(take_tensor(cursor));
  }
  place(cursor, header, reader.size());
  return header;
}

}  // namespace mlx::core::io
