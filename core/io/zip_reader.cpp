#include <zlib.h>

#include <algorithm>
#include <unordered_set>

#include "mlx/core/io/bytes.h"
#include "mlx/core/io/load.h"
#include "mlx/core/io/zip.h"
#include "mlx/core/io/zip_format.h"

namespace mlx::core::io {
namespace {

constexpr size_t kMaxComment = 65535;
constexpr uint64_t kMaxDirectoryBytes = 100'000'000;
constexpr size_t kInflatedBytes = size_t{1} << 16;
// Deflated data grow by no more than this, and a little for a first byte.
constexpr uint64_t kMaxRatio = 1032;
constexpr int kRawInflate = -MAX_WBITS;

template <typename... Parts>
[[noreturn]] void fail(const Reader& archive, const Parts&... parts) {
  throw_bad_file("load_npz", archive.label(), parts...);
}

std::string read_bytes(Reader& archive, uint64_t count, uint64_t offset) {
  if (count > archive.size() || offset > archive.size() - count) {
    fail(archive, "The archive is cut off: it has ", archive.size(), " bytes, expected ", count,
         " at ", offset, ".");
  }
  std::string bytes(count, '\0');
  archive.read(bytes.data(), count, offset);
  return bytes;
}

struct Directory {
  uint64_t members;
  uint64_t bytes;
  uint64_t offset;
};

// The record that ends the archive has a comment of unknown length behind it.
uint64_t find_end(Reader& archive) {
  const uint64_t tail = std::min<uint64_t>(archive.size(), zip::kEndBytes + kMaxComment);
  const std::string bytes = read_bytes(archive, tail, archive.size() - tail);
  for (size_t i = bytes.size() < zip::kEndBytes ? 0 : bytes.size() - zip::kEndBytes + 1; i-- > 0;) {
    if (number_at<uint32_t>(bytes, i) == zip::kEnd &&
        i + zip::kEndBytes + number_at<uint16_t>(bytes, i + 20) == bytes.size()) {
      return archive.size() - tail + i;
    }
  }
  fail(archive, "Not a .npz file: it does not end as a ZIP archive.");
}

Directory find_directory(Reader& archive) {
  const uint64_t end = find_end(archive);
  const std::string record = read_bytes(archive, zip::kEndBytes, end);
  Directory directory{number_at<uint16_t>(record, 10), number_at<uint32_t>(record, 12),
                      number_at<uint32_t>(record, 16)};
  uint64_t limit = end;
  if (end >= zip::kEnd64LocatorBytes) {
    const std::string locator =
        read_bytes(archive, zip::kEnd64LocatorBytes, end - zip::kEnd64LocatorBytes);
    if (number_at<uint32_t>(locator, 0) == zip::kEnd64Locator) {
      limit = number_at<uint64_t>(locator, 8);
      const std::string record64 = read_bytes(archive, zip::kEnd64Bytes, limit);
      if (number_at<uint32_t>(record64, 0) != zip::kEnd64) {
        fail(archive, "The archive's 64-bit end record is not where it should be.");
      }
      directory = {number_at<uint64_t>(record64, 32), number_at<uint64_t>(record64, 40),
                   number_at<uint64_t>(record64, 48)};
    }
  }
  if (directory.bytes > std::min(kMaxDirectoryBytes, limit) ||
      directory.offset > limit - directory.bytes) {
    fail(archive, "Directory: got ", directory.bytes, " bytes at ", directory.offset,
         ", expected at most ", kMaxDirectoryBytes, " before byte ", limit, ".");
  }
  return directory;
}

// Puts the 64-bit values in place of those that refer to them.
void read_extra64(ZipMember& member, std::string_view extra) {
  while (extra.size() >= 4) {
    const auto id = number_at<uint16_t>(extra, 0);
    const size_t length = std::min<size_t>(number_at<uint16_t>(extra, 2), extra.size() - 4);
    std::string_view values = extra.substr(4, length);
    if (id == zip::kExtra64) {
      for (uint64_t* value : {&member.bytes, &member.stored_bytes, &member.header_offset}) {
        if (*value == zip::kIn64 && values.size() >= 8) {
          *value = number_at<uint64_t>(values, 0);
          values.remove_prefix(8);
        }
      }
      return;
    }
    extra.remove_prefix(4 + length);
  }
}

// Reads one entry and removes it from `rest`.
ZipMember take_entry(const Reader& archive, std::string_view& rest) {
  if (rest.size() < zip::kDirectoryEntryBytes ||
      number_at<uint32_t>(rest, 0) != zip::kDirectoryEntry) {
    fail(archive, "The archive's directory is damaged.");
  }
  const std::string_view entry = rest;
  const size_t name_bytes = number_at<uint16_t>(entry, 28);
  const size_t extra_bytes = number_at<uint16_t>(entry, 30);
  const size_t bytes =
      zip::kDirectoryEntryBytes + name_bytes + extra_bytes + number_at<uint16_t>(entry, 32);
  if (bytes > rest.size()) {
    fail(archive, "The archive's directory is cut off.");
  }
  rest.remove_prefix(bytes);
  const auto method = number_at<uint16_t>(entry, 10);
  ZipMember member{std::string(entry.substr(zip::kDirectoryEntryBytes, name_bytes)),
                   number_at<uint32_t>(entry, 42),
                   0,
                   number_at<uint32_t>(entry, 20),
                   number_at<uint32_t>(entry, 24),
                   number_at<uint32_t>(entry, 16),
                   method == zip::kDeflated};
  read_extra64(member, entry.substr(zip::kDirectoryEntryBytes + name_bytes, extra_bytes));
  if ((number_at<uint16_t>(entry, 8) & zip::kIsEncrypted) != 0) {
    fail(archive, member.name, " is encrypted, which is not supported.");
  }
  if (method != zip::kStored && method != zip::kDeflated) {
    fail(archive, member.name, " is compressed by method ", method,
         ", expected 0 (stored) or 8 (deflated).");
  }
  return member;
}

// Names and extras of the local header may differ from the directory's: only
// it knows where the bytes begin.
void find_bytes(Reader& archive, ZipMember& member) {
  const std::string header = read_bytes(archive, zip::kLocalHeaderBytes, member.header_offset);
  if (number_at<uint32_t>(header, 0) != zip::kLocalHeader) {
    fail(archive, member.name, " is not where the directory says.");
  }
  member.offset = member.header_offset + zip::kLocalHeaderBytes + number_at<uint16_t>(header, 26) +
                  number_at<uint16_t>(header, 28);
}

void check(Reader& archive, std::vector<ZipMember>& members, uint64_t directory_offset) {
  std::sort(members.begin(), members.end(), [](const ZipMember& a, const ZipMember& b) {
    return a.header_offset < b.header_offset;
  });
  std::unordered_set<std::string_view> names;
  for (size_t i = 0; i < members.size(); ++i) {
    const ZipMember& member = members[i];
    const uint64_t next = i + 1 < members.size() ? members[i + 1].header_offset : directory_offset;
    if (member.offset > next || member.stored_bytes > next - member.offset) {
      fail(archive, member.name, " has ", member.stored_bytes, " bytes at ", member.offset,
           ", but what follows it begins at ", next, ".");
    }
    const bool fits = member.is_deflated ? member.bytes / kMaxRatio <= member.stored_bytes
                                         : member.bytes == member.stored_bytes;
    if (!fits) {
      fail(archive, member.name, " cannot have ", member.bytes, " bytes: it is stored in ",
           member.stored_bytes, ".");
    }
    if (!names.insert(member.name).second) {
      fail(archive, member.name, " comes twice.");
    }
  }
}

class MemberReader final : public Reader {
 public:
  MemberReader(std::shared_ptr<Reader> archive, ZipMember member)
      : archive_(std::move(archive)), member_(std::move(member)) {}

  std::string label() const override { return concat(archive_->label(), "(", member_.name, ")"); }
  size_t size() const override { return member_.bytes; }

  void read(char* data, size_t count, size_t offset) override {
    require_range(count, offset);
    if (member_.is_deflated) {
      inflate_to(data, count, offset);
    } else {
      archive_->read(data, count, member_.offset + offset);
    }
    if (count > 0 && offset + count == size()) {
      check_sum(data, count, offset);
    }
  }

  std::shared_ptr<char> map(size_t count, size_t offset, size_t alignment) override {
    require_range(count, offset);
    if (member_.is_deflated) {
      return nullptr;
    }
    auto data = archive_->map(count, member_.offset + offset, alignment);
    if (data != nullptr && offset + count == size()) {
      check_sum(data.get(), count, offset);
    }
    return data;
  }

 private:
  void require_range(size_t count, size_t offset) const {
    if (count > size() || offset > size() - count) {
      throw_bad_file("load_npz", label(), "It has ", size(), " bytes, expected ", count, " at ",
                     offset, ".");
    }
  }

  // What comes before the bytes is inflated too, into a small buffer.
  void inflate_to(char* data, size_t count, size_t offset);

  void check_sum(const char* data, size_t count, size_t offset) {
    std::string before(offset, '\0');  // a header
    read(before.data(), offset, 0);
    uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(before.data()), offset);
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(data), count);
    if (crc != member_.crc) {
      throw_bad_file("load_npz", label(), "The data are damaged: their checksum is ", crc,
                     ", expected ", member_.crc, ".");
    }
  }

  const std::shared_ptr<Reader> archive_;
  const ZipMember member_;
};

/// Inflates from the beginning of a member, one piece after the other.
class Inflater {
 public:
  Inflater(Reader& archive, const ZipMember& member)
      : archive_(archive), member_(member), input_(kInflatedBytes, '\0') {
    if (inflateInit2(&stream_, kRawInflate) != Z_OK) {
      fail(archive_, member_.name, " cannot be inflated.");
    }
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  void take(char* data, size_t count) {
    while (count > 0) {
      if (stream_.avail_in == 0) {
        refill();
      }
      const size_t wanted = std::min(count, size_t{1} << 30);
      stream_.next_out = reinterpret_cast<Bytef*>(data);
      stream_.avail_out = static_cast<uInt>(wanted);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      const size_t got = wanted - stream_.avail_out;
      data += got;
      count -= got;
      const bool is_short = count > 0 && (status == Z_STREAM_END || (got == 0 && used_up()));
      if (is_short || (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)) {
        fail(archive_, member_.name, " is damaged: it cannot be inflated to ", member_.bytes,
             " bytes.");
      }
    }
  }

 private:
  bool used_up() const { return stream_.avail_in == 0 && read_ == member_.stored_bytes; }

  void refill() {
    const size_t n = std::min<uint64_t>(kInflatedBytes, member_.stored_bytes - read_);
    archive_.read(input_.data(), n, member_.offset + read_);
    read_ += n;
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(n);
  }

  Reader& archive_;
  const ZipMember& member_;
  std::string input_;
  uint64_t read_ = 0;
  z_stream stream_{};
};

void MemberReader::inflate_to(char* data, size_t count, size_t offset) {
  Inflater inflater(*archive_, member_);
  std::string skipped(std::min(kInflatedBytes, offset), '\0');
  for (size_t done = 0; done < offset;) {
    const size_t n = std::min(skipped.size(), offset - done);
    inflater.take(skipped.data(), n);
    done += n;
  }
  inflater.take(data, count);
}

}  // namespace

std::vector<ZipMember> read_zip_directory(Reader& archive) {
  const Directory directory = find_directory(archive);
  const std::string bytes = read_bytes(archive, directory.bytes, directory.offset);
  if (directory.members > bytes.size() / zip::kDirectoryEntryBytes) {
    fail(archive, "Members: got ", directory.members, ", but the directory has ", bytes.size(),
         " bytes.");
  }
  std::vector<ZipMember> members;
  for (std::string_view rest = bytes; members.size() < directory.members;) {
    members.push_back(take_entry(archive, rest));
    find_bytes(archive, members.back());
  }
  check(archive, members, directory.offset);
  return members;
}

std::shared_ptr<Reader> open_zip_member(std::shared_ptr<Reader> archive, ZipMember member) {
  return std::make_shared<MemberReader>(std::move(archive), std::move(member));
}

}  // namespace mlx::core::io
