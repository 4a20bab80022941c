#include "mlx/distributed/transports/rdma/rdma_link.h"

#include <arpa/inet.h>
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/transports/rdma/buffers.h"

// How bytes become messages.
//
// Small writes are gathered into a slot and sent as one message into a slot of
// the peer. Each message uses up one credit: the peer has that many receives
// posted, and gives the credit back once it has posted the receive again. So no
// message ever finds nobody ready.
//
// A large write is announced: so many bytes follow that are in no message. The
// reader answers with a window, a place in its memory, as often as it needs, and
// the writer fills each window by one remote write, from the memory in which the
// bytes are. Where memory is not registered the bytes pass through the staging
// buffers, on either end, and the other end sees no difference.
//
// One message may carry everything at once: bytes, an announcement after them, a
// window for the other direction, credits. The last credits are kept back: one to
// return credits, another for a window, its answer, or the farewell. Without
// them two ends that both wait for credits could not tell each other.

namespace mlx::core::distributed::rdma {
namespace {

struct Message {
  uint32_t payload = 0;  // bytes that follow in the slot
  uint16_t credits = 0;
  uint16_t farewell = 0;   // 1: nothing follows, ever
  uint64_t announced = 0;  // bytes that follow through windows
  uint64_t window = 0;     // an address; bytes of other announced data may go there
  uint64_t window_bytes = 0;
  uint32_t window_key = 0;
  uint32_t unused = 0;
};
static_assert(sizeof(Message) == 40);

constexpr size_t kPayload = kSlotBytes - sizeof(Message);
constexpr size_t kLarge = 32 * 1024;  // from here on, a write is announced

// How few credits must be left over after a message of which sort.
constexpr int64_t kForCredits = 0;
constexpr int64_t kForWindow = 1;
constexpr int64_t kForData = 2;

// How long the last messages may take to arrive when a link ends.
constexpr Milliseconds kFarewellLimit{2000};

// What a completion is of.
enum class Request : uint32_t { receive, send, write };
uint64_t make_id(Request request, uint32_t slot) {
  return (static_cast<uint64_t>(request) << 32) | slot;
}

class RdmaLink final : public Link {
 public:
  RdmaLink(std::shared_ptr<QueuePair> pair, int rank, int peer)
      : pair_(std::move(pair)),
        rank_(rank),
        peer_(peer),
        buffers_(pair_->device(), pair_->slots()) {
    for (uint32_t slot = 0; slot < pair_->slots(); ++slot) {
      post_receive(slot);
      free_.push_back(slot);
    }
    owed_ = 0;  // these are the ones it knows of
  }

  ~RdmaLink() override { say_farewell(); }

  std::optional<size_t> write(std::span<const std::byte> bytes) override {
    look();
    seen_by_writer_ = events_;
    size_t done = 0;
    while (done < bytes.size() && !stopped()) {
      const size_t n = write_some(bytes.subspan(done));
      if (n == 0) break;
      done += n;
    }
    // A peer that has all it wants may be gone before we hear that it has.
    if (done == 0 && ended_ && piece_ == 0) return std::nullopt;
    return done;
  }

  std::optional<bool> flush() override {
    if (gathering_ == nullptr) return true;
    look();
    seen_by_writer_ = events_;
    if (ended_) return std::nullopt;
    return stopped() || post_gathered();
  }

  std::optional<size_t> read(std::span<std::byte> bytes) override {
    look(false);
    seen_by_reader_ = events_;
    size_t done = 0;
    while (done < bytes.size()) {
      const size_t n = read_some(bytes.subspan(done));
      if (n == 0) break;
      done += n;
    }
    return_credits();
    if (done > 0 || stopped()) return done;
    if (!failure_.empty()) lost();
    if (ended_) return std::nullopt;
    return 0;
  }

  std::optional<pollfd> arm(bool reading, bool writing) override {
    if (pair_->arm() != 0) fail("it cannot ask for events");
    look(false);
    const bool news = (reading && seen_by_reader_ != events_) ||
                      ((writing || gathering_ != nullptr) && seen_by_writer_ != events_);
    if (news || !failure_.empty()) return std::nullopt;
    return pollfd{pair_->descriptor(), POLLIN, 0};
  }

  void woken(short events) override {
    if (events != 0) pair_->take_events();
  }

 private:
  // --- completions

  // `complain`: whether a failure is thrown; who reads takes what has come first.
  void look(bool complain = true) {
    ibv_wc completions[16];
    int n = 0;
    do {
      n = pair_->poll(completions);
      if (n < 0) return fail("its completion queue broke");
      for (int i = 0; i < n; ++i) handle(completions[i]);
      events_ += static_cast<uint64_t>(n);
    } while (n == static_cast<int>(std::size(completions)));
    return_credits();
    if (complain && !failure_.empty() && !stopped()) lost();
  }

  void handle(const ibv_wc& completion) {
    const auto request = static_cast<Request>(completion.wr_id >> 32);
    const auto slot = static_cast<uint32_t>(completion.wr_id);
    if (request != Request::receive) --under_way_;
    if (completion.status != IBV_WC_SUCCESS) return fail(pair_->status_text(completion.status));
    switch (request) {
      case Request::send:
        free_.push_back(slot);
        break;
      case Request::write:
        piece_written_ = true;
        break;
      case Request::receive:
        if (completion.opcode == IBV_WC_RECV_RDMA_WITH_IMM) {
          window_filled(ntohl(completion.imm_data));
          post_receive(slot);
        } else {
          take_message(slot, completion.byte_len);
        }
        break;
    }
  }

  void take_message(uint32_t slot, size_t bytes) {
    Message m;
    if (bytes < sizeof m) return fail("a message is too short");
    std::memcpy(&m, buffers_.in_slot(slot), sizeof m);
    if (bytes != sizeof m + m.payload) return fail("a message has the wrong length");
    returned_ += m.credits;
    ended_ = ended_ || m.farewell != 0;
    if (m.window_bytes > 0) {
      if (window_bytes_ > 0 || m.window_bytes > announced_) return fail("a window makes no sense");
      window_ = {m.window, m.window_key};
      window_bytes_ = m.window_bytes;
    }
    if (m.payload > 0 || m.announced > 0) {
      arrived_.push_back({slot, buffers_.in_slot(slot) + sizeof m, m.payload, m.announced});
    } else {
      post_receive(slot);
    }
  }

  void window_filled(uint32_t credits) {
    returned_ += credits;
    if (granted_ == 0 || granted_filled_) return fail("a window was filled that was not open");
    granted_filled_ = true;
  }

  void post_receive(uint32_t slot) {
    const int error = pair_->receive(make_id(Request::receive, slot),
                                     buffers_.piece(buffers_.in_slot(slot), kSlotBytes));
    if (error != 0) fail(std::strerror(error));
    ++owed_;
  }

  // The first reason counts: what follows it are its consequences.
  void fail(const char* why) {
    if (failure_.empty()) failure_ = why;
  }

  // After an abort everything fails, which is no news.
  bool stopped() const { return pair_->aborted(); }

  [[noreturn]] void lost() const {
    Circumstances where;
    where.rank = rank_;
    where.peer = peer_;
    throw PeerLostError(concat("its queue pair with rank ", rank_, " failed: ", failure_), where);
  }

  // --- messages

  // How many more messages the peer is ready for.
  int64_t credits() const { return pair_->peer_slots() + returned_; }

  bool may_send(int64_t kept_back) const {
    return !free_.empty() && credits() > kept_back && failure_.empty();
  }

  void post(uint32_t slot, Message message) {
    message.credits = static_cast<uint16_t>(owed_);
    owed_ = 0;
    --returned_;
    std::memcpy(buffers_.out_slot(slot), &message, sizeof message);
    const int error =
        pair_->send(make_id(Request::send, slot),
                    buffers_.piece(buffers_.out_slot(slot), sizeof message + message.payload));
    if (error != 0) return fail(std::strerror(error));
    ++under_way_;
  }

  // A message of its own, from a free slot.
  bool post_alone(const Message& message, int64_t kept_back) {
    if (!may_send(kept_back)) return false;
    const uint32_t slot = free_.back();
    free_.pop_back();
    post(slot, message);
    return true;
  }

  // Half of them, so that it happens rarely and yet before the peer runs dry.
  void return_credits() {
    if (owed_ >= pair_->slots() / 2) post_alone({}, kForCredits);
  }

  // --- writing

  size_t write_some(std::span<const std::byte> bytes) {
    if (piece_ > 0) return finish_piece();
    if (ended_) return 0;
    if (announced_ > 0) return fill_window(bytes);
    if (bytes.size() < kLarge) return gather(bytes);
    if (!open_slot()) return 0;
    gathered_.announced = announced_ = bytes.size();
    post_gathered();
    return fill_window(bytes);
  }

  // A slot to gather in, with a credit to send it.
  bool open_slot() {
    if (gathering_ && gathered_.payload == kPayload && !post_gathered()) return false;
    if (gathering_) return credits() > kForData;
    if (!may_send(kForData)) return false;
    gathering_slot_ = free_.back();
    free_.pop_back();
    gathering_ = buffers_.out_slot(gathering_slot_) + sizeof(Message);
    gathered_ = {};
    return true;
  }

  bool post_gathered() {
    if (credits() <= kForData) return false;
    gathering_ = nullptr;
    post(gathering_slot_, gathered_);
    return true;
  }

  size_t gather(std::span<const std::byte> bytes) {
    size_t done = 0;
    while (done < bytes.size() && open_slot()) {
      const size_t n = std::min(bytes.size() - done, kPayload - gathered_.payload);
      std::memcpy(gathering_ + gathered_.payload, bytes.data() + done, n);
      gathered_.payload += static_cast<uint32_t>(n);
      done += n;
    }
    return done;
  }

  size_t fill_window(std::span<const std::byte> bytes) {
    return write_piece(bytes) ? finish_piece() : 0;
  }

  // The bytes that have been brought there; 0 while they are under way.
  size_t finish_piece() {
    if (!piece_written_) return 0;
    source_.reset();
    announced_ -= piece_;
    return std::exchange(piece_, 0);
  }

  bool write_piece(std::span<const std::byte> bytes) {
    size_t n = std::min({bytes.size(), window_bytes_, pair_->most_bytes()});
    if (n == 0 || credits() <= kForWindow) return false;
    source_ = pair_->device().registrations().around(bytes.data(), n, Registrations::Use::to_read);
    Piece from{bytes.data(), n, 0};
    if (source_) {
      from.local_key = source_->local_key();
    } else {
      n = std::min(n, kStagingBytes);
      std::memcpy(buffers_.out_staging(), bytes.data(), n);
      from = buffers_.piece(buffers_.out_staging(), n);
    }
    const bool last = n == window_bytes_;
    const int error =
        pair_->write(make_id(Request::write, 0), from, window_, last, last ? owed_ : 0);
    if (error != 0) {
      fail(std::strerror(error));
      return false;
    }
    if (last) {
      owed_ = 0;
      --returned_;
    }
    ++under_way_;
    piece_written_ = false;
    piece_ = n;
    window_.address += n;
    window_bytes_ -= n;
    return true;
  }

  // --- reading

  size_t read_some(std::span<std::byte> bytes) {
    if (!staged_.empty()) return take(staged_, bytes);
    if (incoming_ > 0) return read_window(bytes);
    if (arrived_.empty()) return 0;
    Arrived& first = arrived_.front();
    const size_t n = std::min(first.payload, bytes.size());
    std::memcpy(bytes.data(), first.data, n);
    first.data += n;
    first.payload -= n;
    if (first.payload > 0) return n;
    incoming_ = first.announced;
    post_receive(first.slot);
    arrived_.pop_front();
    return n > 0 ? n : read_some(bytes);
  }

  static size_t take(std::span<const std::byte>& from, std::span<std::byte> bytes) {
    const size_t n = std::min(from.size(), bytes.size());
    std::memcpy(bytes.data(), from.data(), n);
    from = from.subspan(n);
    return n;
  }

  // Announced bytes: opens a window for them, or takes what has come by it.
  size_t read_window(std::span<std::byte> bytes) {
    if (granted_ == 0) open_window(bytes);
    if (!granted_filled_) return 0;
    granted_filled_ = false;
    const size_t n = std::exchange(granted_, 0);
    incoming_ -= n;
    if (target_) {
      target_.reset();
      return n;
    }
    staged_ = {buffers_.in_staging(), n};
    return take(staged_, bytes);
  }

  void open_window(std::span<std::byte> bytes) {
    if (!may_send(kForWindow)) return;
    const size_t n = std::min<size_t>({bytes.size(), incoming_, pair_->most_bytes()});
    if (n >= kLarge) {
      target_ =
          pair_->device().registrations().around(bytes.data(), n, Registrations::Use::to_write);
    }
    granted_ = target_ ? n : std::min<size_t>(incoming_, kStagingBytes);
    Message m;
    m.window = reinterpret_cast<uintptr_t>(target_ ? bytes.data() : buffers_.in_staging());
    m.window_bytes = granted_;
    m.window_key = target_ ? target_->remote_key() : buffers_.remote_key();
    post_alone(m, kForWindow);
  }

  // --- the end

  // The peer may not have what we sent: until then the pair must live. Who has
  // said farewell itself waits for nothing more.
  void say_farewell() {
    if (pair_->peer_slots() == 0) return;  // there is nobody yet
    if (gathering_) post_gathered();
    Message farewell;
    farewell.farewell = 1;
    bool said = false;
    const Deadline deadline = after(kFarewellLimit);
    while (!stopped() && failure_.empty() && !ended_ && Clock::now() < deadline) {
      look(false);
      if (!said) said = post_alone(farewell, kForWindow);
      if (said && under_way_ == 0) break;
      sched_yield();
    }
    pair_->abort();
  }

  struct Arrived {
    uint32_t slot;
    const std::byte* data;
    size_t payload;
    uint64_t announced;
  };

  const std::shared_ptr<QueuePair> pair_;
  const int rank_;
  const int peer_;
  Buffers buffers_;
  std::string failure_;
  bool ended_ = false;  // the peer has said farewell
  uint64_t events_ = 0;
  uint64_t seen_by_reader_ = 0;
  uint64_t seen_by_writer_ = 0;

  // Messages.
  int64_t returned_ = 0;    // credits that came back, less those that were used
  uint32_t owed_ = 0;       // credits of the peer that it does not know of
  uint32_t under_way_ = 0;  // sends and writes
  std::vector<uint32_t> free_;

  // Writing.
  std::byte* gathering_ = nullptr;  // in the slot that is being filled; or null
  uint32_t gathering_slot_ = 0;
  Message gathered_;
  uint64_t announced_ = 0;  // and not yet written
  RemotePiece window_{};
  uint64_t window_bytes_ = 0;  // that are still to be written to
  size_t piece_ = 0;           // under way
  bool piece_written_ = false;
  std::shared_ptr<Region> source_;

  // Reading.
  std::deque<Arrived> arrived_;
  uint64_t incoming_ = 0;  // announced and not yet here
  uint64_t granted_ = 0;   // the window that is open
  bool granted_filled_ = false;
  std::shared_ptr<Region> target_;  // null: the window is the staging buffer
  std::span<const std::byte> staged_;
};

}  // namespace

std::unique_ptr<Link> make_rdma_link(std::shared_ptr<QueuePair> pair, int rank, int peer) {
  return std::make_unique<RdmaLink>(std::move(pair), rank, peer);
}

}  // namespace mlx::core::distributed::rdma
