// The safetensors format: the header's length in eight bytes, the header, the
// tensors.

#include <algorithm>
#include <bit>
#include <cstring>

#include "mlx/core/io.h"
#include "mlx/core/io/file.h"
#include "mlx/core/io/load.h"
#include "mlx/core/io/safetensors_header.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;
// Where the tensors begin, so that most are where vectors are loaded fastest once
// the file is mapped. The format asks for 8.
constexpr size_t kSafetensorsAlignment = 64;

// Wide dtypes first, so that every tensor is aligned; then by name.
std::vector<std::pair<std::string, array>> sorted(std::unordered_map<std::string, array> arrays) {
  std::vector<std::pair<std::string, array>> named(arrays.begin(), arrays.end());
  std::sort(named.begin(), named.end(), [](const auto& a, const auto& b) {
    return std::pair(b.second.itemsize(), std::string_view(a.first)) <
           std::pair(a.second.itemsize(), std::string_view(b.first));
  });
  return named;
}

std::string make_header(const std::vector<std::pair<std::string, array>>& named,
                        std::unordered_map<std::string, std::string> metadata) {
  io::SafetensorsHeader header{{}, std::move(metadata)};
  size_t offset = 0;
  for (const auto& [name, a] : named) {
    require(name != "__metadata__", "[save_safetensors] The name __metadata__ is reserved.");
    header.tensors.push_back({name, {a.shape(), a.dtype()}, offset, offset + a.nbytes()});
    offset += a.nbytes();
  }
  std::string text = io::print_safetensors_header(header);
  const size_t padding =
      kSafetensorsAlignment - 1 - (kLengthBytes + text.size() - 1) % kSafetensorsAlignment;
  text.append(padding, ' ');
  require(text.size() <= kMaxSafetensorsHeader, "[save_safetensors] Header: got ", text.size(),
          " bytes, expected at most ", kMaxSafetensorsHeader, ".");
  const uint64_t length = text.size();
  std::string bytes(kLengthBytes, '\0');
  std::memcpy(bytes.data(), &length, kLengthBytes);
  return bytes + text;
}

}  // namespace

void save_safetensors(std::shared_ptr<io::Writer> in_stream,
                      std::unordered_map<std::string, array> arrays,
                      std::unordered_map<std::string, std::string> metadata) {
  const auto named = sorted(std::move(arrays));
  const std::string header = make_header(named, std::move(metadata));
  std::vector<array> values;
  for (const auto& [name, a] : named) {
    values.push_back(a);
  }
  eval(values);  // together, and before the first byte is written
  in_stream->write(header.data(), header.size());
  for (const array& a : values) {
    io::write_data(*in_stream, a);
  }
  in_stream->finish();
}

void save_safetensors(std::string file, std::unordered_map<std::string, array> arrays,
                      std::unordered_map<std::string, std::string> metadata) {
  if (!io::has_extension(file, ".safetensors")) {
    file += ".safetensors";
  }
  save_safetensors(std::make_shared<io::FileWriter>(file), std::move(arrays), std::move(metadata));
}

SafetensorsLoad load_safetensors(std::shared_ptr<io::Reader> in_stream, StreamOrDevice s) {
  io::Reader& reader = *in_stream;
  const std::string label = reader.label();
  if (reader.size() < kLengthBytes) {
    io::throw_bad_file("load_safetensors", label, "Not a safetensors file: it has ", reader.size(),
                       " bytes.");
  }
  uint64_t header_bytes = 0;
  reader.read(reinterpret_cast<char*>(&header_bytes), kLengthBytes, 0);
  if (header_bytes > kMaxSafetensorsHeader || header_bytes > reader.size() - kLengthBytes) {
    io::throw_bad_file("load_safetensors", label, "Not a safetensors file: its header has ",
                       header_bytes, " bytes, expected at most ", kMaxSafetensorsHeader,
                       " and the ", reader.size(), " bytes of the file.");
  }
  std::string text(header_bytes, '\0');
  reader.read(text.data(), header_bytes, kLengthBytes);
  const size_t data_offset = kLengthBytes + header_bytes;
  io::SafetensorsHeader header =
      io::parse_safetensors_header(text, reader.size() - data_offset, label);

  const Stream stream = to_stream(std::move(s));
  SafetensorsLoad loaded;
  for (io::TensorEntry& tensor : header.tensors) {
    array a = make_node(
        io::kLoad, {},
        Attrs(io::LoadAttrs{in_stream, data_offset + tensor.begin, std::move(tensor.type)}),
        stream);
    loaded.first.emplace(std::move(tensor.name), std::move(a));
  }
  loaded.second = std::move(header.metadata);
  return loaded;
}

SafetensorsLoad load_safetensors(const std::string& file, StreamOrDevice s) {
  return load_safetensors(std::make_shared<io::FileReader>(file), std::move(s));
}

}  // namespace mlx::core
