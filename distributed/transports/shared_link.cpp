#include "mlx/distributed/transports/shared_link.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <new>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/environment.h"
#include "mlx/distributed/bootstrap/secret.h"

namespace mlx::core::distributed {

// A number in the private memory of the process at one end: who finds it there
// can read that memory.
struct Segment::Witness {
  pid_t process;  // 0: does not want to be read
  uint64_t address;
  uint64_t number;
};

namespace {

// Two controls, two witnesses and the mark on the first page, then the two rings.
constexpr size_t kControlBytes = 4096;
constexpr size_t kMappedBytes = kControlBytes + 2 * Segment::kCapacity;
constexpr size_t kMarkAt = 2 * sizeof(RingControl);
constexpr size_t kWitnessesAt = kMarkAt + sizeof(uint64_t);
constexpr size_t kMostWitnessBytes = 2 * 64;
static_assert(kWitnessesAt + kMostWitnessBytes <= kControlBytes);

const uint64_t& our_number() {
  static const uint64_t number = [] {
    uint64_t random = 0;
    fill_random(std::as_writable_bytes(std::span(&random, 1)));
    return random;
  }();
  return number;
}

class SharedLink final : public Link {
 public:
  SharedLink(std::shared_ptr<Segment> segment, int end, Socket doorbell)
      : segment_(std::move(segment)),
        doorbell_(std::move(doorbell)),
        out_(segment_->control(end), segment_->data(end), Segment::kCapacity),
        in_(segment_->control(1 - end), segment_->data(1 - end), Segment::kCapacity) {
    if (const pid_t peer = segment_->readable_process(1 - end)) in_.accept_loans_from(peer);
  }

  std::optional<size_t> write(std::span<const std::byte> bytes) override {
    return moved(out_.write(bytes));
  }
  std::optional<size_t> post(std::span<const std::byte> bytes) override {
    return moved(out_.copy(bytes));
  }

  std::optional<size_t> read(std::span<std::byte> bytes) override {
    const size_t n = in_.read(bytes);
    if (in_.writer_must_wake()) ring();
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

  void abort() noexcept override { out_.withdraw(); }

 private:
  std::optional<size_t> moved(size_t n) {
    if (gone_) return std::nullopt;
    if (out_.reader_must_wake()) ring();
    return n;
  }

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
  void* base = mmap(nullptr, kMappedBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd(), 0);
  if (base == MAP_FAILED) return nullptr;
  return std::unique_ptr<Segment>(new Segment(std::move(file), static_cast<std::byte*>(base)));
}

std::unique_ptr<Segment> Segment::create() {
  Socket file(memfd_create("mlx-link", MFD_CLOEXEC));
  // Reserving now turns a lack of memory into an error here instead of SIGBUS later.
  if (!file || posix_fallocate(file.fd(), 0, kMappedBytes) != 0) return nullptr;
  auto segment = map(std::move(file));
  if (segment) {
    new (segment->control(0)) RingControl;
    new (segment->control(1)) RingControl;
    // Both ends are ours, until another process opens it.
    segment->introduce(0);
    segment->introduce(1);
  }
  return segment;
}

std::unique_ptr<Segment> Segment::open(int pid, int descriptor) {
  const std::string path = concat("/proc/", pid, "/fd/", descriptor);
  Socket file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct stat status;
  if (!file || fstat(file.fd(), &status) != 0 ||
      status.st_size != static_cast<off_t>(kMappedBytes)) {
    return nullptr;
  }
  auto segment = map(std::move(file));
  if (segment) segment->introduce(1);
  return segment;
}

Segment::~Segment() { munmap(base_, kMappedBytes); }

uint64_t& Segment::mark() { return *reinterpret_cast<uint64_t*>(base_ + kMarkAt); }

Segment::Witness& Segment::witness(int end) {
  static_assert(2 * sizeof(Witness) <= kMostWitnessBytes);
  return reinterpret_cast<Witness*>(base_ + kWitnessesAt)[end];
}

void Segment::introduce(int end) {
  if (!single_copy_allowed()) {
    witness(end) = {};
    return;
  }
  witness(end) = {getpid(), reinterpret_cast<uintptr_t>(&our_number()), our_number()};
}

// Containers, other users and settings of the kernel may forbid it.
pid_t Segment::readable_process(int end) {
  const Witness there = witness(end);
  if (there.process <= 0 || !single_copy_allowed()) return 0;
  uint64_t number = 0;
  const iovec to{&number, sizeof number};
  const iovec from{reinterpret_cast<void*>(static_cast<uintptr_t>(there.address)), sizeof number};
  const ssize_t n = process_vm_readv(there.process, &to, 1, &from, 1, 0);
  return n == sizeof number && number == there.number ? there.process : 0;
}

RingControl* Segment::control(int ring) { return reinterpret_cast<RingControl*>(base_) + ring; }

std::byte* Segment::data(int ring) {
  return base_ + kControlBytes + static_cast<size_t>(ring) * kCapacity;
}

std::unique_ptr<Link> make_shared_link(std::shared_ptr<Segment> segment, int end, Socket doorbell) {
  return std::make_unique<SharedLink>(std::move(segment), end, std::move(doorbell));
}

}  // namespace mlx::core::distributed
