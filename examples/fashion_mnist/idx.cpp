#include "idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace fashion_mnist {

namespace {

constexpr uint32_t kTypeByte = 0x08;
/// More than any data set has: a larger size means a corrupt header.
constexpr int64_t kMaxValues = int64_t{1} << 31;

class GzipFile {
 public:
  explicit GzipFile(const std::string& path) : path_(path), file_(gzopen(path.c_str(), "rb")) {
    if (!file_) {
      fail(std::strerror(errno));
    }
  }

  /// Reads up to `count` bytes; fewer only at the end.
  size_t read(uint8_t* out, size_t count) {
    size_t done = 0;
    while (done < count) {
      const auto part = static_cast<unsigned>(std::min<size_t>(count - done, 1 << 20));
      const int got = gzread(file_.get(), out + done, part);
      if (got < 0) {
        int code = 0;
        fail(gzerror(file_.get(), &code));
      }
      if (got == 0) {
        break;
      }
      done += static_cast<size_t>(got);
    }
    return done;
  }

  /// Checks zlib's checksum. The last read must have met the end.
  void close() {
    if (gzclose_r(file_.release()) != Z_OK) {
      fail("it is truncated");
    }
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw std::runtime_error("[read_idx] Cannot read " + path_ + ": " + why + ".");
  }

 private:
  struct Close {
    void operator()(gzFile_s* file) const { gzclose_r(file); }
  };
  std::string path_;
  std::unique_ptr<gzFile_s, Close> file_;
};

uint32_t read_big_endian(GzipFile& file) {
  std::array<uint8_t, 4> bytes{};
  if (file.read(bytes.data(), bytes.size()) != bytes.size()) {
    file.fail("it ends in its header");
  }
  uint32_t value = 0;
  for (uint8_t byte : bytes) {
    value = value << 8 | byte;
  }
  return value;
}

/// Reads to the end of the file, which must be after `count` values. Memory
/// grows with the data that is there, so that a header that lies costs nothing.
void read_values(GzipFile& file, size_t count, std::vector<uint8_t>& values) {
  size_t have = 0;
  while (have <= count) {
    const size_t part = std::min<size_t>(count + 1 - have, 8 << 20);
    values.resize(have + part);
    const size_t got = file.read(values.data() + have, part);
    have += got;
    if (got < part) {
      break;
    }
  }
  if (have < count) {
    file.fail("it is truncated: its header claims " + std::to_string(count) + " values");
  }
  if (have > count) {
    file.fail("there is more data than its header says");
  }
  values.resize(count);
}

}  // namespace

Idx read_idx(const std::string& path, size_t dimensions) {
  GzipFile file(path);
  if (read_big_endian(file) != (kTypeByte << 8 | static_cast<uint32_t>(dimensions))) {
    file.fail("it is not an IDX file of bytes with " + std::to_string(dimensions) + " dimensions");
  }
  Idx idx;
  int64_t count = 1;
  for (size_t i = 0; i < dimensions; ++i) {
    const int64_t size = read_big_endian(file);
    if (size > kMaxValues || (count *= size) > kMaxValues) {
      file.fail("its header claims more than 2^31 values");
    }
    idx.shape.push_back(size);
  }
  read_values(file, static_cast<size_t>(count), idx.values);
  file.close();
  return idx;
}

}  // namespace fashion_mnist
