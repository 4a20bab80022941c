#include "mlx/core/io/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "mlx/core/base/environment.h"
#include "mlx/core/base/error.h"

namespace mlx::core::io {
namespace {

// A read or write call moves at most this much (Linux stops at 2 GiB anyway).
constexpr size_t kMaxTransfer = size_t{1} << 30;
// As long as mapping and unmapping take, so many bytes are copied.
constexpr size_t kLeastMapped = size_t{1} << 16;

[[noreturn]] void throw_errno(const char* op, const std::string& path, const char* what) {
  const int error = errno;
  throw std::runtime_error(
      concat("[", op, "] ", path, ": ", what, ": ", std::strerror(error), "."));
}

int open_to_read(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    throw_errno("load", path, "Cannot open the file");
  }
  return fd;
}

// Null if the system refuses. Without MAP_NORESERVE it might, for a file that is
// larger than memory, since all of the private mapping could be written to.
std::shared_ptr<char> map_file(int fd, size_t bytes) {
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
  if (data == MAP_FAILED) {
    return nullptr;
  }
  return {static_cast<char*>(data), [bytes](char* begin) { ::munmap(begin, bytes); }};
}

// Reads the pages in now, where a failing disk is an error and not a signal, and
// in far less time than page faults take. False if that failed.
bool populate(char* data, size_t count) {
  const size_t ahead = reinterpret_cast<uintptr_t>(data) % static_cast<size_t>(::getpagesize());
  // Before Linux 5.14 that call is not known (EINVAL): the pages come when they are used.
  return ::madvise(data - ahead, count + ahead, MADV_POPULATE_READ) == 0 || errno == EINVAL;
}

std::string resolve(const std::string& path) {
  char resolved[PATH_MAX];
  return ::realpath(path.c_str(), resolved) != nullptr ? resolved : path;
}

bool is_special(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
}

std::string temporary_name(const std::string& target) {
  static std::atomic<unsigned> counter{0};
  return is_special(target) ? "" : concat(target, ".", ::getpid(), "-", ++counter, ".tmp");
}

int open_to_write(const std::string& path, const std::string& target,
                  const std::string& temporary) {
  const bool direct = temporary.empty();
  const int fd = direct ? ::open(target.c_str(), O_WRONLY | O_CLOEXEC)
                        : ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) {
    throw_errno("save", path, "Cannot create the file");
  }
  struct stat old {};
  if (!direct && ::stat(target.c_str(), &old) == 0) {
    // A replaced file keeps its permissions where the file system lets it.
    static_cast<void>(::fchmod(fd, old.st_mode & 07777));
  }
  return fd;
}

// Puts the new name on the disk. Directories that cannot be synchronised exist; no harm.
void sync_directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    const Descriptor closes(fd);
    static_cast<void>(::fsync(fd));
  }
}

}  // namespace

Descriptor::~Descriptor() { ::close(fd_); }

FileReader::FileReader(const std::string& path) : path_(path), file_(open_to_read(path)) {
  struct stat info {};
  if (::fstat(file_.get(), &info) != 0) {
    throw_errno("load", path_, "Cannot find out the size");
  }
  if (!S_ISREG(info.st_mode)) {
    throw std::runtime_error(concat("[load] ", path_, ": Not a regular file."));
  }
  size_ = static_cast<size_t>(info.st_size);
}

void FileReader::read(char* data, size_t count, size_t offset) {
  for (size_t done = 0; done < count;) {
    const size_t wanted = std::min(count - done, kMaxTransfer);
    const ssize_t got =
        ::pread(file_.get(), data + done, wanted, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      throw_errno("load", path_, "Cannot read");
    }
    if (got == 0) {
      throw std::runtime_error(concat("[load] ", path_, ": The file ends at byte ", offset + done,
                                      ", expected ", offset + count, " bytes."));
    }
    done += static_cast<size_t>(got);
  }
}

// The file may have become shorter since it was opened.
bool FileReader::is_there(size_t end) const {
  struct stat now {};
  return end <= size_ && ::fstat(file_.get(), &now) == 0 && end <= static_cast<size_t>(now.st_size);
}

std::shared_ptr<char> FileReader::map(size_t count, size_t offset, size_t alignment) {
  if (count < kLeastMapped || offset % alignment != 0 || !is_there(offset + count) ||
      !Environment::get().map_files) {
    return nullptr;
  }
  std::call_once(maps_, [&] { mapped_ = map_file(file_.get(), size_); });
  if (!mapped_ || !populate(mapped_.get() + offset, count)) {
    return nullptr;
  }
  return {mapped_, mapped_.get() + offset};
}

FileWriter::FileWriter(const std::string& path)
    : path_(path),
      target_(resolve(path)),
      temporary_(temporary_name(target_)),
      file_(open_to_write(path_, target_, temporary_)) {}

FileWriter::~FileWriter() {
  if (!temporary_.empty()) {
    ::unlink(temporary_.c_str());
  }
}

void FileWriter::write(const char* data, size_t count) {
  while (count > 0) {
    const ssize_t written = ::write(file_.get(), data, std::min(count, kMaxTransfer));
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      throw_errno("save", path_, "Cannot write");
    }
    data += written;
    count -= static_cast<size_t>(written);
  }
}

void FileWriter::finish() {
  if (temporary_.empty()) {
    return;
  }
  if (::fsync(file_.get()) != 0) {
    throw_errno("save", path_, "Cannot put the file on the disk");
  }
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    throw_errno("save", path_, "Cannot rename the temporary file");
  }
  temporary_.clear();
  sync_directory_of(target_);
}

}  // namespace mlx::core::io
