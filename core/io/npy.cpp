// The .npy format: a magic number, the version, the header's length, the
// header, the elements.

#include "mlx/core/io.h"
#include "mlx/core/io/file.h"
#include "mlx/core/io/load.h"
#include "mlx/core/io/npy_header.h"

namespace mlx::core {
namespace {

constexpr std::string_view kMagic{"\x93NUMPY", 6};
// Version 1 has a two-byte length, later ones four bytes.
constexpr size_t kPrefixBytes = 10;
constexpr size_t kLongPrefixBytes = 12;
// The data begin at a multiple of this, as NumPy has it.
constexpr size_t kNpyAlignment = 64;
constexpr size_t kMaxNpyHeader = size_t{1} << 20;

size_t little_endian(std::string_view bytes) {
  size_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

std::string read_bytes(io::Reader& reader, size_t count, size_t offset) {
  if (offset + count > reader.size()) {
    io::throw_bad_file("load", reader.label(), "The header is cut off: the file has ",
                       reader.size(), " bytes, expected at least ", offset + count, ".");
  }
  std::string bytes(count, '\0');
  reader.read(bytes.data(), count, offset);
  return bytes;
}

}  // namespace

void save(std::shared_ptr<io::Writer> out_stream, array a) {
  require(a.ndim() <= io::kMaxDimensions, "[save] Dimensions: got ", a.ndim(),
          ", expected at most ", io::kMaxDimensions, ".");
  std::string header = io::print_npy_header({a.shape(), a.dtype()});
  while ((kPrefixBytes + header.size() + 1) % kNpyAlignment != 0) {
    header += ' ';
  }
  header += '\n';
  std::string prefix(kMagic);
  prefix += {'\x01', '\x00', static_cast<char>(header.size() & 0xFF),
             static_cast<char>(header.size() >> 8)};
  header.insert(0, prefix);
  a.eval();  // an error in it should leave nothing behind
  out_stream->write(header.data(), header.size());
  io::write_data(*out_stream, a);
  out_stream->finish();
}

void save(std::string file, array a) {
  if (!io::has_extension(file, ".npy")) {
    file += ".npy";
  }
  save(std::make_shared<io::FileWriter>(file), std::move(a));
}

array io::load_npy(std::shared_ptr<io::Reader> in_stream, bool fills_file, StreamOrDevice s) {
  io::Reader& reader = *in_stream;
  const std::string label = reader.label();
  std::string prefix = read_bytes(reader, kPrefixBytes, 0);
  if (!prefix.starts_with(kMagic)) {
    io::throw_bad_file("load", label, "Not a .npy file: it does not begin with \\x93NUMPY.");
  }
  const int version = prefix[6];
  if (version < 1 || version > 3) {
    io::throw_bad_file("load", label, "Version: got ", version, ", expected 1, 2 or 3.");
  }
  const size_t prefix_bytes = version == 1 ? kPrefixBytes : kLongPrefixBytes;
  prefix = read_bytes(reader, prefix_bytes, 0);
  const size_t header_bytes = little_endian(std::string_view(prefix).substr(8));
  if (header_bytes > kMaxNpyHeader) {
    io::throw_bad_file("load", label, "Header: got ", header_bytes, " bytes, expected at most ",
                       kMaxNpyHeader, ".");
  }
  const io::NpyHeader header =
      io::parse_npy_header(read_bytes(reader, header_bytes, prefix_bytes), label);
  const size_t offset = prefix_bytes + header_bytes;
  const size_t bytes = io::count_bytes(header.type);
  if (bytes > reader.size() - offset) {
    io::throw_bad_file("load", label, "The data are cut off: got ", reader.size() - offset,
                       " bytes, expected ", bytes, " for shape ", header.type.shape, ".");
  }
  if (fills_file && bytes < reader.size() - offset) {
    io::throw_bad_file("load", label, "Shape ", header.type.shape, " takes ", bytes,
                       " bytes, but there are ", reader.size() - offset, ".");
  }
  return make_node(io::kLoad, {},
                   Attrs(io::LoadAttrs{in_stream, offset, header.type, header.swaps_bytes,
                                       header.is_column_major}),
                   to_stream(std::move(s)));
}

array load(std::shared_ptr<io::Reader> in_stream, StreamOrDevice s) {
  return io::load_npy(std::move(in_stream), false, std::move(s));
}

array load(std::string file, StreamOrDevice s) {
  for (const std::string other : {"safetensors", "npz", "gguf"}) {
    require(!io::has_extension(file, "." + other), "[load] ", file,
            " holds several arrays: use load_", other, ".");
  }
  return load(std::make_shared<io::FileReader>(file), std::move(s));
}

}  // namespace mlx::core
