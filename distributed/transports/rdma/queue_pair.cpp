#include "mlx/distributed/transports/rdma/queue_pair.h"

#include <arpa/inet.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"

namespace mlx::core::distributed::rdma {
namespace {

constexpr int kMostSlots = 16;
constexpr uint32_t kWrites = 2;  // beside the sends
constexpr uint32_t kWantedInline = 256;

// Unanswered packets are sent again after 4.096 us * 2^16 = 0.27 s, six times.
// Below 14, a device that waits for a late receiver gives up too early; seven
// retries are for ever to Soft-RoCE.
constexpr uint8_t kTimeout = 16;
constexpr uint8_t kRetries = 6;
constexpr uint8_t kForEver = 7;    // of rnr_retry; credits see to it that it is never used
constexpr uint8_t kNotReady = 12;  // 0.64 ms
constexpr uint8_t kHops = 64;
constexpr uint32_t kPacketNumbers = 0xffffff;

uint32_t slots_of(const Device& device) {
  const ibv_device_attr& limits = device.limits();
  // One queue takes the completions of receives, sends and writes.
  const int slots = std::min({kMostSlots, limits.max_qp_wr - static_cast<int>(kWrites),
                              (limits.max_cqe - static_cast<int>(kWrites)) / 2});
  if (slots < kFewestSlots) {
    throw DistributedError(concat("[rdma] ", device.name(), " holds too few requests: got ",
                                  limits.max_qp_wr, " in a pair and ", limits.max_cqe,
                                  " in a completion queue."));
  }
  return static_cast<uint32_t>(slots);
}

[[noreturn]] void refused(const Device& device, const char* what, int error) {
  throw DistributedError(
      concat("[rdma] ", device.name(), " refuses ", what, ": ", std::strerror(error), "."));
}

}  // namespace

QueuePair::QueuePair(std::shared_ptr<Device> device)
    : device_(std::move(device)), verbs_(device_->verbs()), slots_(slots_of(*device_)) {
  channel_ = Channel(verbs_.create_comp_channel(device_->context()), {&verbs_});
  if (!channel_) refused(*device_, "a completion channel", errno);
  fcntl(channel_->fd, F_SETFL, fcntl(channel_->fd, F_GETFL) | O_NONBLOCK);
  queue_ =
      CompletionQueue(verbs_.create_cq(device_->context(), static_cast<int>(2 * slots_ + kWrites),
                                       nullptr, channel_.get(), 0),
                      {&verbs_});
  if (!queue_) refused(*device_, "a completion queue", errno);
  create();
  init();
  card_ = {pair_->qp_num,
           static_cast<uint32_t>(std::random_device()()) & kPacketNumbers,
           slots_,
           static_cast<uint32_t>(device_->port_attributes().active_mtu),
           device_->port_attributes().max_msg_sz,
           device_->port_attributes().lid,
           device_->gids()};
}

// With as much inline data as the device grants: its limit cannot be asked for.
void QueuePair::create() {
  for (uint32_t wanted = kWantedInline;; wanted /= 2) {
    ibv_qp_init_attr attributes{};
    attributes.send_cq = attributes.recv_cq = queue_.get();
    attributes.qp_type = IBV_QPT_RC;
    attributes.cap = {slots_ + kWrites, slots_, 1, 1, wanted};
    pair_ = Pair(verbs_.create_qp(device_->domain(), &attributes), {&verbs_});
    most_inline_ = attributes.cap.max_inline_data;
    if (pair_) return;
    if (wanted == 0) refused(*device_, "a queue pair", errno);
  }
}

void QueuePair::modify(ibv_qp_attr& attributes, int mask, const char* state) {
  const int error = verbs_.modify_qp(pair_.get(), &attributes, mask);
  if (error != 0) refused(*device_, state, error);
}

void QueuePair::init() {
  ibv_qp_attr attributes{};
  attributes.qp_state = IBV_QPS_INIT;
  attributes.port_num = device_->port();
  attributes.qp_access_flags = IBV_ACCESS_REMOTE_WRITE;
  modify(attributes, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS,
         "the state INIT");
}

void QueuePair::connect(const Card& theirs) {
  peer_slots_ = theirs.slots;
  most_bytes_ = std::min(card_.most_bytes, theirs.most_bytes);
  ready_to_receive(theirs);
  ready_to_send();
}

void QueuePair::ready_to_receive(const Card& theirs) {
  const auto gids = choose_gids(card_.gids, theirs.gids);
  if (!gids) {
    throw DistributedError(concat("[rdma] ", device_->name(),
                                  " and the peer's device have no kind of address in common."));
  }
  ibv_qp_attr attributes{};
  attributes.qp_state = IBV_QPS_RTR;
  attributes.path_mtu = static_cast<ibv_mtu>(std::min(card_.mtu, theirs.mtu));
  attributes.dest_qp_num = theirs.pair_number;
  attributes.rq_psn = theirs.first_packet;
  attributes.min_rnr_timer = kNotReady;
  attributes.ah_attr.port_num = device_->port();
  attributes.ah_attr.dlid = theirs.lid;
  // InfiniBand needs the global address only between subnets, where there is no local one.
  attributes.ah_attr.is_global = gids->ours.kind != Gid::Kind::infiniband || theirs.lid == 0;
  attributes.ah_attr.grh.sgid_index = gids->ours.index;
  attributes.ah_attr.grh.hop_limit = kHops;
  std::copy(gids->theirs.bytes.begin(), gids->theirs.bytes.end(), attributes.ah_attr.grh.dgid.raw);
  modify(attributes,
         IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
             IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER,
         "the state RTR");
}

void QueuePair::ready_to_send() {
  ibv_qp_attr attributes{};
  attributes.qp_state = IBV_QPS_RTS;
  attributes.sq_psn = card_.first_packet;
  attributes.timeout = kTimeout;
  attributes.retry_cnt = kRetries;
  attributes.rnr_retry = kForEver;
  modify(attributes,
         IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
             IBV_QP_MAX_QP_RD_ATOMIC,
         "the state RTS");
}

int QueuePair::receive(uint64_t id, const Piece& into) {
  ibv_sge part{reinterpret_cast<uintptr_t>(into.data), static_cast<uint32_t>(into.bytes),
               into.local_key};
  ibv_recv_wr request{};
  request.wr_id = id;
  request.sg_list = &part;
  request.num_sge = 1;
  ibv_recv_wr* bad = nullptr;
  return verbs_.post_recv(pair_.get(), &request, &bad);
}

int QueuePair::send(uint64_t id, const Piece& from) {
  ibv_sge part{reinterpret_cast<uintptr_t>(from.data), static_cast<uint32_t>(from.bytes),
               from.local_key};
  ibv_send_wr request{};
  request.wr_id = id;
  request.sg_list = &part;
  request.num_sge = 1;
  request.opcode = IBV_WR_SEND;
  request.send_flags =
      IBV_SEND_SIGNALED | (from.bytes <= most_inline_ ? unsigned{IBV_SEND_INLINE} : 0u);
  ibv_send_wr* bad = nullptr;
  return verbs_.post_send(pair_.get(), &request, &bad);
}

int QueuePair::write(uint64_t id, const Piece& from, const RemotePiece& to, bool last,
                     uint32_t note) {
  ibv_sge part{reinterpret_cast<uintptr_t>(from.data), static_cast<uint32_t>(from.bytes),
               from.local_key};
  ibv_send_wr request{};
  request.wr_id = id;
  request.sg_list = &part;
  request.num_sge = 1;
  request.opcode = last ? IBV_WR_RDMA_WRITE_WITH_IMM : IBV_WR_RDMA_WRITE;
  request.imm_data = htonl(note);
  request.send_flags = IBV_SEND_SIGNALED;
  request.wr.rdma.remote_addr = to.address;
  request.wr.rdma.rkey = to.remote_key;
  ibv_send_wr* bad = nullptr;
  return verbs_.post_send(pair_.get(), &request, &bad);
}

int QueuePair::poll(std::span<ibv_wc> completions) {
  return verbs_.poll_cq(queue_.get(), static_cast<int>(completions.size()), completions.data());
}

const char* QueuePair::status_text(ibv_wc_status status) const {
  return verbs_.wc_status_str(status);
}

int QueuePair::arm() { return verbs_.req_notify_cq(queue_.get(), 0); }

void QueuePair::take_events() {
  ibv_cq* queue = nullptr;
  void* context = nullptr;
  while (verbs_.get_cq_event(channel_.get(), &queue, &context) == 0) {
    verbs_.ack_cq_events(queue, 1);
  }
}

void QueuePair::abort() noexcept {
  if (aborted_.exchange(true)) return;
  ibv_qp_attr attributes{};
  attributes.qp_state = IBV_QPS_ERR;
  verbs_.modify_qp(pair_.get(), &attributes, IBV_QP_STATE);
}

}  // namespace mlx::core::distributed::rdma
