#include "mlx/distributed/transports/shared_link.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <new>

#include "mlx/core/base/error.h"

namespace mlx::core::distributed {
namespace {

// Two controls and the mark on the first page, then the two rings.
constexpr size_t kControlBytes = 4096;
constexpr size_t kSegmentBytes = kControlBytes + 2 * Segment::kCapacity;
constexpr size_t kMarkAt = 2 * sizeof(RingControl);
static_assert(kMarkAt + sizeof(uint64_t) <= kControlBytes);

class SharedLink final : public Link {
 public:
  SharedLink(std::shared_ptr<Segment> segment, int end, Socket doorbell)
      : segment_(std::move(segment)),
        doorbell_(std::move(doorbell)),
        out_(segment_->control(end), segment_->data(end), Segment::kCapacity),
        in_(segment_->control(1 - end), segment_->data(1 - end), Segment::kCapacity) {}

  std::optional<size_t> write(std::span<const std::byte> bytes) override {
    if (gone_) return std::nullopt;
    const size_t n = out_.write(bytes);
    if (n > 0 && out_.reader_must_wake()) ring();
    return n;
  }

  std::optional<size_t> read(std::span<std::byte> bytes) override {
    const size_t n = in_.read(bytes);
    if (n > 0 && in_.writer_must_wake()) ring();
    if (n == 0 && gone_) return std::nullopt;
    return n;
  }

  std::optional<bool> flush() override { return true; }

  bool arm(bool reading, bool writing, std::vector<pollfd>& polled) override {
    const bool nothing_to_read = !reading || in_.announce_sleep();
    const bool no_room = !writing || out_.announce_sleep();
    if (nothing_to_read && no_room && !gone_) {
      polled.push_back({doorbell_.fd(), POLLIN, 0});
      return true;
    }
    in_.cancel_sleep();
    out_.cancel_sleep();
    return false;
  }

  void woken(std::span<const pollfd> polled) override {
    in_.cancel_sleep();
    out_.cancel_sleep();
    if (polled.empty() || polled[0].revents == 0) return;
    std::byte rings[64];
    if (!receive_some(doorbell_.fd(), rings)) gone_ = true;
  }

 private:
  // A full socket holds enough rings already; a closed one shows when we read.
  void ring() {
    const std::byte one{1};
    send_some(doorbell_.fd(), {&one, 1});
  }

  std::shared_ptr<Segment> segment_;
  Socket doorbell_;
  RingWriter out_;
  RingReader in_;
  bool gone_ = false;
};

}  // namespace

std::unique_ptr<Segment> Segment::map(Socket file) {
  void* base = mmap(nullptr, kSegmentBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd(), 0);
  if (base == MAP_FAILED) return nullptr;
  return std::unique_ptr<Segment>(new Segment(std::move(file), static_cast<std::byte*>(base)));
}

std::unique_ptr<Segment> Segment::create() {
  Socket file(memfd_create("mlx-link", MFD_CLOEXEC));
  // Reserving now turns a lack of memory into an error here instead of SIGBUS later.
  if (!file || posix_fallocate(file.fd(), 0, kSegmentBytes) != 0) return nullptr;
  auto segment = map(std::move(file));
  if (segment) {
    new (segment->control(0)) RingControl;
    new (segment->control(1)) RingControl;
  }
  return segment;
}

std::unique_ptr<Segment> Segment::open(int pid, int descriptor) {
  const std::string path = concat("/proc/", pid, "/fd/", descriptor);
  Socket file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct stat status;
  if (!file || fstat(file.fd(), &status) != 0 ||
      status.st_size != static_cast<off_t>(kSegmentBytes)) {
    return nullptr;
  }
  return map(std::move(file));
}

Segment::~Segment() { munmap(base_, kSegmentBytes); }

uint64_t& Segment::mark() { return *reinterpret_cast<uint64_t*>(base_ + kMarkAt); }

RingControl* Segment::control(int ring) { return reinterpret_cast<RingControl*>(base_) + ring; }

std::byte* Segment::data(int ring) {
  return base_ + kControlBytes + static_cast<size_t>(ring) * kCapacity;
}

std::unique_ptr<Link> make_shared_link(std::shared_ptr<Segment> segment, int end, Socket doorbell) {
  return std::make_unique<SharedLink>(std::move(segment), end, std::move(doorbell));
}

}  // namespace mlx::core::distributed
