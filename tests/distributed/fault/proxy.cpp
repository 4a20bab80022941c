#include "distributed/fault/proxy.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace mlx::core::distributed::testing {

Proxy::Proxy(Endpoint target, std::function<Editor()> new_editor)
    : listener_(listen_on({"127.0.0.1", 0})),
      address_(local_endpoint(listener_)),
      new_editor_(std::move(new_editor)),
      target_(std::move(target)),
      thread_([this] { run(); }) {}

Proxy::~Proxy() {
  stopping_ = true;
  bell_.ring();
  thread_.join();
}

void Proxy::lead_to(const Endpoint& target) {
  const std::lock_guard lock(mutex_);
  target_ = target;
}

void Proxy::set(const Fault& fault) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
}

void Proxy::cut(bool reset) {
  const std::lock_guard lock(mutex_);
  if (reset) {
    const linger at_once{1, 0};
    for (Pair& pair : pairs_) {
      setsockopt(pair.connector.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      setsockopt(pair.acceptor.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
  }
  pairs_.clear();
}

void Proxy::run() {
  while (!stopping_) {
    std::vector<pollfd> polled{{bell_.fd(), POLLIN, 0}, {listener_.fd(), POLLIN, 0}};
    bool busy = false;
    {
      const std::lock_guard lock(mutex_);
      for (const Pair& pair : pairs_) {
        if (!pair.there.ended) polled.push_back({pair.connector.fd(), POLLIN, 0});
        if (!pair.back.ended) polled.push_back({pair.acceptor.fd(), POLLIN, 0});
        busy = busy || !pair.there.pieces.empty() || !pair.back.pieces.empty();
      }
    }
    poll(polled.data(), polled.size(), busy ? 1 : 100);
    const std::lock_guard lock(mutex_);
    accept_new();
    std::erase_if(pairs_, [this](Pair& pair) { return !serve(pair); });
  }
}

void Proxy::accept_new() {
  while (Socket connector = accept_one(listener_)) {
    std::string reason;
    Socket acceptor = try_connect(target_, after(Milliseconds{5000}), reason);
    if (!acceptor) continue;
    pairs_.push_back({std::move(connector),
                      std::move(acceptor),
                      {},
                      {},
                      new_editor_ ? new_editor_() : Editor{},
                      connections_++});
  }
}

// False when the pair has ended.
bool Proxy::serve(Pair& pair) {
  if (!read(pair, pair.connector, pair.there) || !read(pair, pair.acceptor, pair.back)) {
    return false;
  }
  if (!write(pair.acceptor, pair.there) || !write(pair.connector, pair.back)) return false;
  const auto over = [](const Way& way) { return way.ended && way.pieces.empty(); };
  return fault_.swallow || !(over(pair.there) || over(pair.back));
}

bool Proxy::read(Pair& pair, const Socket& from, Way& way) {
  constexpr size_t kMostPieces = 16;
  while (!way.ended && way.pieces.size() < kMostPieces) {
    Bytes bytes(64 * 1024);
    const auto n = receive_some(from.fd(), bytes);
    if (!n) way.ended = true;
    if (!n || *n == 0) return true;
    if (fault_.swallow) continue;
    bytes.resize(*n);
    const bool there = &way == &pair.there;
    const uint64_t begin = way.passed;
    way.passed += bytes.size();
    if (there && fault_.corrupt_at && pair.number == 0 && *fault_.corrupt_at >= begin &&
        *fault_.corrupt_at < way.passed) {
      bytes[static_cast<size_t>(*fault_.corrupt_at - begin)] ^= std::byte{1};
    }
    if (there && fault_.end_after && *fault_.end_after < way.passed) {
      const auto keep = std::max(begin, *fault_.end_after) - begin;
      bytes.resize(static_cast<size_t>(keep));
      way.ended = true;
    }
    if (!there && pair.edit) bytes = pair.edit(std::move(bytes));
    way.pieces.push_back({std::move(bytes), after(fault_.delay)});
  }
  return true;
}

bool Proxy::write(const Socket& to, Way& way) {
  while (!way.pieces.empty()) {
    const auto now = Clock::now();
    Piece& piece = way.pieces.front();
    if (now < piece.due || now < way.free) return true;
    const auto n = send_some(to.fd(), piece.bytes);
    if (!n) return false;
    if (fault_.bytes_per_second > 0) {
      way.free = now + std::chrono::microseconds(*n * 1'000'000 / fault_.bytes_per_second);
    }
    piece.bytes.erase(piece.bytes.begin(), piece.bytes.begin() + static_cast<ptrdiff_t>(*n));
    if (!piece.bytes.empty()) return true;
    way.pieces.pop_front();
  }
  return true;
}

namespace {

// As bootstrap/frame.cpp and bootstrap/handshake.h write them.
constexpr size_t kHandshakeOfAcceptor = 96;
constexpr uint32_t kValue = 3;
struct FrameHeader {
  uint32_t key_bytes;
  uint32_t value_bytes;
  uint32_t type;
};

// Puts another value in place of the one of that key.
class ValueEditor {
 public:
  using Change = std::function<std::string(const std::string&)>;
  ValueEditor(std::string key, Change change) : key_(std::move(key)), change_(std::move(change)) {}

  Bytes operator()(const Bytes& bytes) {
    held_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const size_t plain = std::min(handshake_left_, held_.size());
    std::string out = held_.substr(0, plain);
    held_.erase(0, plain);
    handshake_left_ -= plain;
    while (take_frame(out)) {
    }
    const auto* first = reinterpret_cast<const std::byte*>(out.data());
    return Bytes(first, first + out.size());
  }

 private:
  bool take_frame(std::string& out) {
    FrameHeader h;
    if (handshake_left_ > 0 || held_.size() < sizeof h) return false;
    std::memcpy(&h, held_.data(), sizeof h);
    const size_t total = sizeof h + h.key_bytes + h.value_bytes;
    if (held_.size() < total) return false;
    const std::string key = held_.substr(sizeof h, h.key_bytes);
    std::string value = held_.substr(sizeof h + h.key_bytes, h.value_bytes);
    held_.erase(0, total);
    if (h.type == kValue && key == key_) value = change_(value);
    h.value_bytes = static_cast<uint32_t>(value.size());
    out.append(reinterpret_cast<const char*>(&h), sizeof h).append(key).append(value);
    return true;
  }

  const std::string key_;
  const Change change_;
  size_t handshake_left_ = kHandshakeOfAcceptor;
  std::string held_;
};

}  // namespace

Detour::Detour(const Endpoint& rendezvous, int to_rank)
    : key_("member/" + std::to_string(to_rank)),
      link_({}),
      meeting_(rendezvous, [this] { return new_editor(); }) {}

Proxy::Editor Detour::new_editor() {
  const auto change = [this](const std::string& member) {
    const size_t end = member.find_first_of(" \n");  // of its only address
    link_.lead_to(parse_endpoint(member.substr(0, end)));
    return to_string(link_.address()) + member.substr(end);
  };
  const auto editor = std::make_shared<ValueEditor>(key_, change);
  return [editor](const Bytes& bytes) { return (*editor)(bytes); };
}

}  // namespace mlx::core::distributed::testing
