#pragma once

// A folder for files of one test, and readers and writers over memory.

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>

#include "mlx/core/io.h"

namespace mlx::core {

/// Deleted with everything in it when the test ends.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "mlx-io-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("mkdtemp failed");
    }
    path_ = name;
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() { std::filesystem::remove_all(path_); }

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

  size_t count_files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_),
                                             std::filesystem::directory_iterator()));
  }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class MemoryReader final : public io::Reader {
 public:
  explicit MemoryReader(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string label() const override { return "memory"; }
  size_t size() const override { return bytes_.size(); }
  void read(char* data, size_t count, size_t offset) override {
    if (offset + count > bytes_.size()) {
      throw std::runtime_error("read past the end");
    }
    std::memcpy(data, bytes_.data() + offset, count);
  }

 private:
  const std::string bytes_;
};

class MemoryWriter final : public io::Writer {
 public:
  std::string label() const override { return "memory"; }
  void write(const char* data, size_t count) override { bytes.append(data, count); }
  void finish() override { finished = true; }

  std::string bytes;
  bool finished = false;
};

}  // namespace mlx::core
