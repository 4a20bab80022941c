// Sizes are always given in 64 bits and after the bytes: one layout for every
// member, written without going back.

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "mlx/core/base/error.h"
#include "mlx/core/io/bytes.h"
#include "mlx/core/io/zip.h"
#include "mlx/core/io/zip_format.h"

namespace mlx::core::io {
namespace {

constexpr size_t kDeflatedBytes = size_t{1} << 18;
// 1 January 1980, the earliest there is: the same arrays give the same bytes.
constexpr uint32_t kTime = 0x00210000;
// What .npy files are made of begins at multiples of this, and so do they: a
// reader can map the arrays.
constexpr uint16_t kZipAlignment = 64;
// The extra fields of a member: its sizes, and the alignment without the zeros.
constexpr uint16_t kExtraBytes = 20 + 6;
constexpr int kRawDeflate = -MAX_WBITS;
constexpr int kMemoryLevel = 8;

// What a member's two headers have in common, from the version on.
void append_common(std::string& bytes, const ZipMember& member, bool has_sizes) {
  append_number<uint16_t>(bytes, zip::kVersion);
  append_number<uint16_t>(bytes, zip::kHasDescriptor | zip::kIsUtf8);
  append_number<uint16_t>(bytes, member.is_deflated ? zip::kDeflated : zip::kStored);
  append_number<uint32_t>(bytes, kTime);
  append_number<uint32_t>(bytes, has_sizes ? member.crc : 0);
  append_number<uint32_t>(bytes, zip::kIn64);
  append_number<uint32_t>(bytes, zip::kIn64);
  append_number<uint16_t>(bytes, static_cast<uint16_t>(member.name.size()));
}

std::string local_header(const ZipMember& member) {
  const uint64_t before =
      member.header_offset + zip::kLocalHeaderBytes + member.name.size() + kExtraBytes;
  const auto zeros =
      static_cast<uint16_t>((kZipAlignment - before % kZipAlignment) % kZipAlignment);
  std::string bytes;
  append_number(bytes, zip::kLocalHeader);
  append_common(bytes, member, false);
  append_number<uint16_t>(bytes, kExtraBytes + zeros);
  bytes += member.name;
  append_number(bytes, zip::kExtra64);
  append_number<uint16_t>(bytes, 16);
  append_number<uint64_t>(bytes, 0);
  append_number<uint64_t>(bytes, 0);
  append_number(bytes, zip::kExtraAlignment);
  append_number<uint16_t>(bytes, sizeof kZipAlignment + zeros);
  append_number(bytes, kZipAlignment);
  return bytes.append(zeros, '\0');
}

std::string descriptor(const ZipMember& member) {
  std::string bytes;
  append_number(bytes, zip::kDescriptor);
  append_number(bytes, member.crc);
  append_number(bytes, member.stored_bytes);
  append_number(bytes, member.bytes);
  return bytes;
}

std::string directory_entry(const ZipMember& member) {
  constexpr uint32_t kRegularFile = 0100644u << 16;
  constexpr uint16_t kMadeByUnix = 3 << 8;
  std::string bytes;
  append_number(bytes, zip::kDirectoryEntry);
  append_number<uint16_t>(bytes, kMadeByUnix | zip::kVersion);
  append_common(bytes, member, true);
  append_number<uint16_t>(bytes, 28);
  append_number<uint16_t>(bytes, 0);  // comment
  append_number<uint16_t>(bytes, 0);  // disk
  append_number<uint16_t>(bytes, 0);  // internal attributes
  append_number<uint32_t>(bytes, kRegularFile);
  append_number(bytes, zip::kIn64);
  bytes += member.name;
  append_number(bytes, zip::kExtra64);
  append_number<uint16_t>(bytes, 24);
  append_number(bytes, member.bytes);
  append_number(bytes, member.stored_bytes);
  append_number(bytes, member.header_offset);
  return bytes;
}

std::string end_of_archive(uint64_t members, uint64_t directory_bytes, uint64_t directory_offset) {
  std::string bytes;
  append_number(bytes, zip::kEnd64);
  append_number<uint64_t>(bytes, zip::kEnd64Bytes - 12);  // without the first two fields
  append_number(bytes, zip::kVersion);
  append_number(bytes, zip::kVersion);
  append_number<uint64_t>(bytes, 0);  // disks
  append_number(bytes, members);
  append_number(bytes, members);
  append_number(bytes, directory_bytes);
  append_number(bytes, directory_offset);
  append_number(bytes, zip::kEnd64Locator);
  append_number<uint32_t>(bytes, 0);
  append_number<uint64_t>(bytes, directory_offset + directory_bytes);
  append_number<uint32_t>(bytes, 1);
  append_number(bytes, zip::kEnd);
  append_number<uint32_t>(bytes, 0);
  append_number<uint16_t>(bytes, 0xFFFF);
  append_number<uint16_t>(bytes, 0xFFFF);
  append_number(bytes, zip::kIn64);
  append_number(bytes, zip::kIn64);
  append_number<uint16_t>(bytes, 0);  // comment
  return bytes;
}

}  // namespace

class ZipWriter::Member final : public Writer {
 public:
  Member(ZipWriter& zip, ZipMember member)
      : zip_(zip), member_(std::move(member)), chunk_(kDeflatedBytes, '\0') {
    if (member_.is_deflated &&
        deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kRawDeflate, kMemoryLevel,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::runtime_error(concat("[save_npz] ", label(), ": Cannot compress."));
    }
  }
  ~Member() override {
    if (member_.is_deflated) {
      deflateEnd(&stream_);
    }
  }

  std::string label() const override { return zip_.archive_.label(); }

  void write(const char* data, size_t count) override {
    while (count > 0) {
      const size_t n = std::min(count, kDeflatedBytes);
      const auto* bytes = reinterpret_cast<const Bytef*>(data);
      member_.crc = static_cast<uint32_t>(crc32_z(member_.crc, bytes, n));
      member_.bytes += n;
      if (member_.is_deflated) {
        stream_.next_in = const_cast<Bytef*>(bytes);
        stream_.avail_in = static_cast<uInt>(n);
        run_deflate(Z_NO_FLUSH);
      } else {
        put(data, n);
      }
      data += n;
      count -= n;
    }
  }

  void finish() override {
    if (member_.is_deflated) {
      run_deflate(Z_FINISH);
    }
    zip_.write(descriptor(member_));
    zip_.members_.push_back(member_);
  }

 private:
  void put(const char* data, size_t count) {
    zip_.archive_.write(data, count);
    zip_.written_ += count;
    member_.stored_bytes += count;
  }

  // Until the input is used up and, at the end, all output has come.
  void run_deflate(int flush) {
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(chunk_.data());
      stream_.avail_out = static_cast<uInt>(kDeflatedBytes);
      deflate(&stream_, flush);
      put(chunk_.data(), kDeflatedBytes - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }

  ZipWriter& zip_;
  ZipMember member_;
  std::string chunk_;
  z_stream stream_{};
};

std::shared_ptr<Writer> ZipWriter::add(const std::string& name) {
  require(name.size() <= std::numeric_limits<uint16_t>::max(), "[save_npz] Name: got ", name.size(),
          " bytes, expected at most 65535.");
  ZipMember member{name, written_, 0, 0, 0, 0, deflates_};
  write(local_header(member));
  return std::make_shared<Member>(*this, std::move(member));
}

void ZipWriter::write_directory() {
  const uint64_t begin = written_;
  for (const ZipMember& member : members_) {
    write(directory_entry(member));
  }
  write(end_of_archive(members_.size(), written_ - begin, begin));
}

void ZipWriter::write(const std::string& bytes) {
  archive_.write(bytes.data(), bytes.size());
  written_ += bytes.size();
}

}  // namespace mlx::core::io
