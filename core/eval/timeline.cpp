// The file is a list of events, one a line. The bracket that ends the list
// comes at the end of the process; one that is killed leaves it out, which
// viewers and mlx-flight accept.

#include "mlx/core/eval/timeline.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "mlx/core/base/environment.h"
#include "mlx/core/base/error.h"

namespace mlx::core::timeline {
namespace {

using std::chrono::nanoseconds;

constexpr size_t kBuffer = 1 << 16;
// So much of the end is lost when the process is killed.
constexpr std::chrono::milliseconds kInterval{100};

thread_local int current_stream = -1;  // no stream's

int64_t wall_clock() {
  return nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

// Microseconds, which is what the format counts in.
std::string microseconds(int64_t ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%lld.%03d", static_cast<long long>(ns / 1000),
                static_cast<int>(ns % 1000));
  return text;
}

void append_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else {
      out += c;
    }
  }
  out += '"';
}

class File {
 public:
  explicit File(const std::string& path)
      : owner_(getpid()), fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    if (fd_ < 0) {
      std::fprintf(stderr, "mlx: cannot write the trace %s that MLX_TRACE names.\n", path.c_str());
      return;
    }
    const int rank = Environment::get().rank;
    process_ = rank >= 0 ? rank : owner_;
    std::string clock;
    append_member(clock, "boot_id", boot_id());
    clock += concat(",\"monotonic_us\":", microseconds(now()),
                    ",\"wall_us\":", microseconds(wall_clock()));
    buffer_ = "[\n";
    describe("clock", 0, clock);
    std::string name;
    append_member(name, "name", rank >= 0 ? concat("rank ", rank) : concat("process ", process_));
    add(",\n");
    describe("process_name", 0, name);
    write_out();
  }

  bool is_open() const { return fd_ >= 0; }

  void record(const Event& event, int64_t end, int stream) {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    const int track = stream + 1;
    if (tracks_.insert(track).second) {
      std::string name;
      append_member(name, "name", stream < 0 ? "no stream" : concat("stream ", stream));
      add(",\n");
      describe("thread_name", track, name);
    }
    add(",\n{\"name\":");
    append_text(buffer_, event.name);
    add(",\"cat\":");
    append_text(buffer_, event.category);
    add(concat(",\"ph\":\"X\",\"pid\":", process_, ",\"tid\":", track,
               ",\"ts\":", microseconds(event.begin), ",\"dur\":", microseconds(end - event.begin),
               ",\"args\":{", event.arguments, "}}"));
    if (buffer_.size() > kBuffer) write_out();
  }

  void flush() {
    const std::lock_guard lock(mutex_);
    if (!closed_) write_out();
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (getpid() != owner_) return;  // a child's copy of what its parent will write
    add("\n]\n");
    write_out();
  }

 private:
  void add(std::string_view text) { buffer_ += text; }

  void describe(const char* what, int track, const std::string& arguments) {
    add(concat("{\"name\":\"", what, "\",\"ph\":\"M\",\"pid\":", process_, ",\"tid\":", track,
               ",\"args\":{", arguments, "}}"));
  }

  void write_out() {
    std::string_view left = buffer_;
    while (getpid() == owner_ && !left.empty()) {
      const ssize_t n = ::write(fd_, left.data(), left.size());
      if (n <= 0) break;  // the disk is full: what follows is lost
      left.remove_prefix(static_cast<size_t>(n));
    }
    buffer_.clear();
  }

  const int owner_;
  const int fd_;
  int process_ = 0;
  std::mutex mutex_;  // of what follows
  std::string buffer_;
  std::set<int> tracks_;  // that have a name
  bool closed_ = false;
};

// Never destroyed: threads may record until the very end.
File* file = nullptr;

bool start() {
  const std::string& path = Environment::get().trace_file;
  if (path.empty()) return false;
  file = new File(path);
  if (!file->is_open()) return false;
  // Also when nothing happens any more: what was last is what matters then.
  std::thread([] {
    while (true) {
      std::this_thread::sleep_for(kInterval);
      file->flush();
    }
  }).detach();
  std::atexit([] {
    detail::is_on = false;
    file->close();
  });
  return true;
}

}  // namespace

std::atomic<bool> detail::is_on{start()};

int64_t now() { return nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void append_member(std::string& arguments, std::string_view key, std::string_view text) {
  if (!arguments.empty()) arguments += ',';
  append_text(arguments, key);
  arguments += ':';
  append_text(arguments, text);
}

void append_member(std::string& arguments, std::string_view key, int64_t number) {
  if (!arguments.empty()) arguments += ',';
  append_text(arguments, key);
  arguments += concat(":", number);
}

void record(const Event& event) { file->record(event, now(), current_stream); }

void flush() { file->flush(); }

StreamScope::StreamScope(int stream) : before_(current_stream) { current_stream = stream; }

StreamScope::~StreamScope() { current_stream = before_; }

}  // namespace mlx::core::timeline
