#pragma once

// Readers and writers over files.

#include <memory>
#include <mutex>
#include <string>

#include "mlx/core/io.h"

namespace mlx::core::io {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();
  int get() const { return fd_; }

 private:
  const int fd_;
};

/// Keeps the file open: it can be replaced or deleted meanwhile. Who shortens it
/// in place ends programs that use what was mapped from it (SIGBUS).
/// Errors: std::runtime_error if it is not a regular file that can be read.
class FileReader final : public Reader {
 public:
  explicit FileReader(const std::string& path);
  std::string label() const override { return path_; }
  size_t size() const override { return size_; }
  void read(char* data, size_t count, size_t offset) override;
  /// All results are parts of one private mapping of the file. Null for what is
  /// copied as fast, and wherever read() has to tell what is wrong.
  std::shared_ptr<char> map(size_t count, size_t offset, size_t alignment) override;

 private:
  bool is_there(size_t end) const;

  const std::string path_;
  const Descriptor file_;
  size_t size_ = 0;
  /// The mapping, made when it is first needed; null if that failed.
  std::once_flag maps_;
  std::shared_ptr<char> mapped_;
};

/// Writes a temporary file beside `path`; finish() puts it on the disk and in
/// place of whatever was there. Abandoned, it leaves nothing behind. A `path`
/// that is not a regular file (a pipe, a device) is written directly.
class FileWriter final : public Writer {
 public:
  explicit FileWriter(const std::string& path);
  ~FileWriter() override;
  std::string label() const override { return path_; }
  void write(const char* data, size_t count) override;
  void finish() override;

 private:
  const std::string path_;
  /// Where the content goes in the end: path_ with symbolic links resolved.
  const std::string target_;
  /// Empty when the target is written directly, and after finish().
  std::string temporary_;
  const Descriptor file_;
};

}  // namespace mlx::core::io
