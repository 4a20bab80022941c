#include "mlx/distributed/transports/rdma/messenger.h"

#include <arpa/inet.h>

#include <cstring>
#include <utility>

namespace mlx::core::distributed::rdma {
namespace {

// What a completion is of.
enum class Request : uint32_t { receive, send, write };

uint64_t make_id(Request request, uint32_t slot) {
  return (static_cast<uint64_t>(request) << 32) | slot;
}

}  // namespace

Messenger::Messenger(std::shared_ptr<QueuePair> pair, Listener& listener)
    : pair_(std::move(pair)), listener_(listener), buffers_(pair_->device(), pair_->slots()) {
  for (uint32_t slot = 0; slot < pair_->slots(); ++slot) {
    release(slot);
    free_.push_back(slot);
  }
  owed_ = 0;  // these are the ones it knows of
}

void Messenger::fail(const char* why) {
  if (failure_.empty()) failure_ = why;
}

void Messenger::look() {
  ibv_wc completions[16];
  int n = 0;
  do {
    n = pair_->poll(completions);
    if (n < 0) return fail("its completion queue broke");
    for (int i = 0; i < n; ++i) handle(completions[i]);
    events_ += static_cast<uint64_t>(n);
  } while (n == static_cast<int>(std::size(completions)));
  return_credits();
}

void Messenger::handle(const ibv_wc& completion) {
  const auto request = static_cast<Request>(completion.wr_id >> 32);
  const auto slot = static_cast<uint32_t>(completion.wr_id);
  if (request != Request::receive) --under_way_;
  if (completion.status != IBV_WC_SUCCESS) return fail(pair_->status_text(completion.status));
  switch (request) {
    case Request::send:
      free_.push_back(slot);
      break;
    case Request::write:
      listener_.piece_written();
      break;
    case Request::receive:
      if (completion.opcode != IBV_WC_RECV_RDMA_WITH_IMM) return take(slot, completion.byte_len);
      returned_ += ntohl(completion.imm_data);
      release(slot);
      listener_.window_filled();
      break;
  }
}

void Messenger::take(uint32_t slot, size_t bytes) {
  Message message;
  if (bytes < sizeof message) return fail("a message is too short");
  std::memcpy(&message, buffers_.in_slot(slot), sizeof message);
  if (bytes != sizeof message + message.payload) return fail("a message has the wrong length");
  returned_ += message.credits;
  if (!listener_.message(message, slot)) release(slot);
}

void Messenger::release(uint32_t slot) {
  const int error = pair_->receive(make_id(Request::receive, slot),
                                   buffers_.piece(buffers_.in_slot(slot), kSlotBytes));
  if (error != 0) fail(std::strerror(error));
  ++owed_;
}

uint32_t Messenger::take_slot() {
  const uint32_t slot = free_.back();
  free_.pop_back();
  return slot;
}

void Messenger::post(uint32_t slot, Message message) {
  message.credits = static_cast<uint16_t>(std::exchange(owed_, 0));
  --returned_;
  std::memcpy(buffers_.out_slot(slot), &message, sizeof message);
  const int error =
      pair_->send(make_id(Request::send, slot),
                  buffers_.piece(buffers_.out_slot(slot), sizeof message + message.payload));
  if (error != 0) return fail(std::strerror(error));
  ++under_way_;
}

void Messenger::write(const Piece& from, const RemotePiece& to, bool last) {
  const uint32_t credits = last ? std::exchange(owed_, 0) : 0;
  if (last) --returned_;
  const int error = pair_->write(make_id(Request::write, 0), from, to, last, credits);
  if (error != 0) return fail(std::strerror(error));
  ++under_way_;
}

void Messenger::return_credits() {
  if (owed_ >= pair_->slots() / 2 && may_send(Purpose::credits)) post({});
}

}  // namespace mlx::core::distributed::rdma
