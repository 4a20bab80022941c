// The GGUF format: header, metadata, places of tensors, tensors.

#include <algorithm>
#include <map>

#include "mlx/core/io.h"
#include "mlx/core/io/bytes.h"
#include "mlx/core/io/file.h"
#include "mlx/core/io/gguf_header.h"
#include "mlx/core/io/load.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

using io::GgufTensor;
using io::GgufType;
using io::GgufUse;

/// A tensor whose blocks change their form when they are read.
struct BlocksAttrs {
  std::shared_ptr<io::Reader> reader;
  size_t offset;
  const GgufType* type;
  Shape shape;
  bool operator==(const BlocksAttrs&) const = default;
};

std::vector<Type> infer_blocks(Inputs, const Attrs& attrs) {
  const auto& blocks = attrs.get<BlocksAttrs>();
  if (blocks.type->use == GgufUse::expanded) {
    return {{blocks.shape, float16}};
  }
  Shape weights = blocks.shape;
  weights.back() = weights.back() / 32 * blocks.type->bits;
  Shape scales = blocks.shape;
  scales.back() /= 32;
  return {{weights, uint32}, {scales, float16}, {scales, float16}};
}

template <typename T>
T* allocate(array& out) {
  out.set_data(allocator::malloc(out.nbytes()));
  return out.data<T>();
}

// Calls body(block) for each block of the tensor, which it reads piece by piece.
template <typename Body>
void for_blocks(const BlocksAttrs& attrs, size_t count, const Body& body) {
  constexpr size_t kPiece = 4096;
  const auto bytes = static_cast<size_t>(attrs.type->block_bytes);
  std::vector<uint8_t> piece(std::min(count, kPiece) * bytes);
  for (size_t i = 0; i < count; i += kPiece) {
    const size_t n = std::min(kPiece, count - i);
    attrs.reader->read(reinterpret_cast<char*>(piece.data()), n * bytes, attrs.offset + i * bytes);
    for (size_t j = 0; j < n; ++j) {
      body(piece.data() + j * bytes);
    }
  }
}

void run_blocks(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<BlocksAttrs>();
  const GgufType& type = *attrs.type;
  array& first = args.outputs[0];
  if (type.use == GgufUse::expanded) {
    auto* out = allocate<float16_t>(first);
    const auto size = static_cast<size_t>(type.block_size);
    std::vector<float> values(size);
    for_blocks(attrs, first.size() / size, [&](const uint8_t* block) {
      type.expand(block, values.data());
      out = std::copy(values.begin(), values.end(), out);
    });
    return;
  }
  auto* weights = allocate<uint8_t>(first);
  auto* scales = allocate<float16_t>(args.outputs[1]);
  auto* biases = allocate<float16_t>(args.outputs[2]);
  for_blocks(attrs, args.outputs[1].size(), [&](const uint8_t* block) {
    io::split_block(type, block, weights, *scales++, *biases++);
    weights += type.bits * 4;
  });
}

constinit const Op kLoadBlocks{.name = "LoadBlocks", .infer_all = infer_blocks, .run = run_blocks};

void add_array(const io::Reader& reader, GGUFLoad& loaded, const std::string& name, array a) {
  if (!loaded.first.emplace(name, std::move(a)).second) {
    io::throw_bad_file("load_gguf", reader.label(), "Tensor ", name, " comes twice.");
  }
}

void add_tensor(const std::shared_ptr<io::Reader>& reader, GGUFLoad& loaded, GgufTensor& tensor,
                Stream stream) {
  if (tensor.type->use == GgufUse::plain) {
    add_array(*reader, loaded, tensor.name,
              make_node(io::kLoad, {},
                        Attrs(io::LoadAttrs{
                            reader, tensor.offset, {std::move(tensor.shape), tensor.type->dtype}}),
                        stream));
    return;
  }
  const Arrays arrays = make_nodes(
      kLoadBlocks, {},
      Attrs(BlocksAttrs{reader, tensor.offset, tensor.type, std::move(tensor.shape)}), stream);
  add_array(*reader, loaded, tensor.name, arrays[0]);
  if (arrays.size() == 3) {
    std::string prefix = tensor.name;
    if (prefix.ends_with(".weight")) {
      prefix.resize(prefix.size() - std::string_view(".weight").size());
    }
    add_array(*reader, loaded, prefix + ".scales", arrays[1]);
    add_array(*reader, loaded, prefix + ".biases", arrays[2]);
  }
}

void append_text(std::string& bytes, const std::string& text) {
  io::append_number<uint64_t>(bytes, text.size());
  bytes += text;
}

void append_value(std::string& bytes, const std::string& key, const array& a) {
  const int id = io::find_gguf_number_id(a.dtype());
  require(id >= 0 && a.ndim() <= 1, "[save_gguf] Metadata ", key, ": got ", a.dtype(), " ",
          a.shape(), ", expected a scalar or a list of integers, bools or float32.");
  if (a.ndim() == 1) {
    io::append_number(bytes, io::kGgufList);
  }
  io::append_number(bytes, static_cast<uint32_t>(id));
  if (a.ndim() == 1) {
    io::append_number<uint64_t>(bytes, a.size());
  }
  struct StringWriter final : io::Writer {
    explicit StringWriter(std::string& out) : bytes(out) {}
    std::string label() const override { return "metadata"; }
    void write(const char* data, size_t count) override { bytes.append(data, count); }
    std::string& bytes;
  } writer(bytes);
  io::write_data(writer, a);
}

void append_metadata(std::string& bytes, const std::string& key, const GGUFMetaData& value) {
  append_text(bytes, key);
  if (const auto* a = std::get_if<array>(&value)) {
    append_value(bytes, key, *a);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    io::append_number(bytes, io::kGgufText);
    append_text(bytes, *text);
  } else if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
    io::append_number(bytes, io::kGgufList);
    io::append_number(bytes, io::kGgufText);
    io::append_number<uint64_t>(bytes, texts->size());
    for (const std::string& item : *texts) {
      append_text(bytes, item);
    }
  } else {
    throw_invalid("[save_gguf] Metadata ", key, " has no value.");
  }
}

size_t padding(size_t bytes) {
  return (io::kGgufAlignment - bytes % io::kGgufAlignment) % io::kGgufAlignment;
}

void append_tensor(std::string& bytes, const std::string& name, const array& a, size_t offset) {
  const GgufType* type = io::find_gguf_type(a.dtype());
  require(type != nullptr && a.ndim() <= io::kMaxGgufDimensions, "[save_gguf] Array ", name,
          ": got ", a.dtype(), " ", a.shape(),
          ", expected a float or signed integer of at most 8 dimensions.");
  append_text(bytes, name);
  io::append_number(bytes, static_cast<uint32_t>(a.ndim()));
  for (size_t i = a.ndim(); i-- > 0;) {
    io::append_number(bytes, static_cast<uint64_t>(a.shape()[i]));
  }
  io::append_number(bytes, type->id);
  io::append_number<uint64_t>(bytes, offset);
}

std::string make_header(const std::map<std::string, array>& arrays,
                        const std::map<std::string, GGUFMetaData>& metadata) {
  std::string bytes(io::kGgufMagic);
  io::append_number(bytes, io::kGgufVersion);
  io::append_number<uint64_t>(bytes, arrays.size());
  io::append_number<uint64_t>(bytes, metadata.size());
  for (const auto& [key, value] : metadata) {
    append_metadata(bytes, key, value);
  }
  size_t offset = 0;
  for (const auto& [name, a] : arrays) {
    append_tensor(bytes, name, a, offset);
    offset += a.nbytes() + padding(a.nbytes());
  }
  return bytes + std::string(padding(bytes.size()), '\0');
}

}  // namespace

GGUFLoad load_gguf(std::shared_ptr<io::Reader> in_stream, StreamOrDevice s) {
  const Stream stream = to_stream(std::move(s));
  io::GgufHeader header = io::read_gguf_header(*in_stream);
  GGUFLoad loaded;
  for (GgufTensor& tensor : header.tensors) {
    add_tensor(in_stream, loaded, tensor, stream);
  }
  loaded.second = std::move(header.metadata);
  return loaded;
}

GGUFLoad load_gguf(const std::string& file, StreamOrDevice s) {
  return load_gguf(std::make_shared<io::FileReader>(file), std::move(s));
}

void save_gguf(std::shared_ptr<io::Writer> out_stream,
               std::unordered_map<std::string, array> array_map,
               std::unordered_map<std::string, GGUFMetaData> meta_data) {
  const std::map<std::string, array> arrays(array_map.begin(), array_map.end());
  // It describes this file, not the one that the metadata may come from.
  meta_data.erase("general.alignment");
  const std::string header = make_header(arrays, {meta_data.begin(), meta_data.end()});
  std::vector<array> values;
  for (const auto& [name, a] : arrays) {
    values.push_back(a);
  }
  eval(values);  // together, and before the first byte is written
  out_stream->write(header.data(), header.size());
  for (const array& a : values) {
    io::write_data(*out_stream, a);
    const std::string zeros(padding(a.nbytes()), '\0');
    out_stream->write(zeros.data(), zeros.size());
  }
  out_stream->finish();
}

void save_gguf(std::string file, std::unordered_map<std::string, array> array_map,
               std::unordered_map<std::string, GGUFMetaData> meta_data) {
  if (!io::has_extension(file, ".gguf")) {
    file += ".gguf";
  }
  save_gguf(std::make_shared<io::FileWriter>(file), std::move(array_map), std::move(meta_data));
}

}  // namespace mlx::core
