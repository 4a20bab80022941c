#pragma once

// ZIP archives as .npz files need them: members stored or deflated, any size.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mlx/core/io.h"

namespace mlx::core::io {

/// A file in an archive.
struct ZipMember {
  std::string name;
  uint64_t header_offset;
  /// Where its bytes are in the archive, and how many.
  uint64_t offset;
  uint64_t stored_bytes;
  /// How many they are once inflated.
  uint64_t bytes;
  uint32_t crc;
  bool is_deflated;
};

/// The members, checked against each other and the archive's size: none
/// overlap, and none claims to inflate to more than deflated data can.
/// Errors: std::runtime_error if it is not such an archive.
std::vector<ZipMember> read_zip_directory(Reader& archive);

/// The inflated bytes of a member. Whoever reads up to the end has the checksum
/// verified.
std::shared_ptr<Reader> open_zip_member(std::shared_ptr<Reader> archive, ZipMember member);

/// Writes an archive from its first byte to its last.
class ZipWriter {
 public:
  /// The archive must outlive this.
  ZipWriter(Writer& archive, bool deflates) : archive_(archive), deflates_(deflates) {}

  /// The member consists of what is written to the result until its finish().
  /// The next one begins after that.
  std::shared_ptr<Writer> add(const std::string& name);
  /// Writes the directory. Does not finish the archive's writer.
  void write_directory();

 private:
  class Member;
  void write(const std::string& bytes);

  Writer& archive_;
  const bool deflates_;
  uint64_t written_ = 0;
  std::vector<ZipMember> members_;
};

}  // namespace mlx::core::io
