// The .npz format: a ZIP archive of .npy files.

#include <algorithm>

#include "mlx/core/io.h"
#include "mlx/core/io/file.h"
#include "mlx/core/io/load.h"
#include "mlx/core/io/npy_header.h"
#include "mlx/core/io/zip.h"
#include "mlx/core/transforms.h"

namespace mlx::core {

void save_npz(std::shared_ptr<io::Writer> out_stream, std::unordered_map<std::string, array> arrays,
              bool compressed) {
  std::vector<std::pair<std::string, array>> named(arrays.begin(), arrays.end());
  std::sort(named.begin(), named.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<array> values;
  for (const auto& [name, a] : named) {
    values.push_back(a);
  }
  eval(values);  // together, and before the first byte is written
  io::ZipWriter zip(*out_stream, compressed);
  for (const auto& [name, a] : named) {
    save(zip.add(name + ".npy"), a);
  }
  zip.write_directory();
  out_stream->finish();
}

void save_npz(std::string file, std::unordered_map<std::string, array> arrays, bool compressed) {
  if (!io::has_extension(file, ".npz")) {
    file += ".npz";
  }
  save_npz(std::make_shared<io::FileWriter>(file), std::move(arrays), compressed);
}

std::unordered_map<std::string, array> load_npz(std::shared_ptr<io::Reader> in_stream,
                                                StreamOrDevice s) {
  const Stream stream = to_stream(std::move(s));
  std::unordered_map<std::string, array> arrays;
  for (io::ZipMember& member : io::read_zip_directory(*in_stream)) {
    std::string name = member.name;
    if (name.ends_with(".npy")) {
      name.resize(name.size() - 4);
    }
    const bool is_new =
        arrays
            .emplace(name,
                     io::load_npy(io::open_zip_member(in_stream, std::move(member)), true, stream))
            .second;
    if (!is_new) {
      io::throw_bad_file("load_npz", in_stream->label(), "Array ", name, " comes twice.");
    }
  }
  return arrays;
}

std::unordered_map<std::string, array> load_npz(const std::string& file, StreamOrDevice s) {
  return load_npz(std::make_shared<io::FileReader>(file), std::move(s));
}

}  // namespace mlx::core
