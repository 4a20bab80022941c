#include "distributed/rdma/fake_verbs.h"

#include <unistd.h>

#include <cerrno>
#include <string>

#include "distributed/rdma/fake_world.h"

namespace mlx::core::distributed::testing {
namespace {

FakeWorld& world() {
  static FakeWorld instance;
  return instance;
}

template <typename T>
T* refuse(int error) {
  errno = error;
  return nullptr;
}

ibv_device** get_device_list(int* count) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  auto** list = new ibv_device*[static_cast<size_t>(w.devices.count) + 1];
  for (int i = 0; i < w.devices.count; ++i) {
    auto* device = new FakeDevice{};
    std::strcpy(device->name, ("fake" + std::to_string(i)).c_str());
    list[i] = device;
  }
  list[w.devices.count] = nullptr;
  if (count) *count = w.devices.count;
  return list;
}

void free_device_list(ibv_device** list) {
  for (ibv_device** at = list; *at; ++at) delete static_cast<FakeDevice*>(*at);
  delete[] list;
}

const char* get_device_name(ibv_device* device) { return device->name; }

ibv_context* open_device(ibv_device*) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  ++w.counts.objects;
  return new FakeContext{};
}

int close_device(ibv_context* context) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  --w.counts.objects;
  delete static_cast<FakeContext*>(context);
  return 0;
}

int query_device(ibv_context*, ibv_device_attr* attributes) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  *attributes = {};
  attributes->max_qp_wr = w.devices.max_qp_wr;
  attributes->max_cqe = 4096;
  attributes->max_mr = w.devices.max_mr;
  attributes->phys_port_cnt = 1;
  return 0;
}

int query_port(ibv_context*, uint8_t, ibv_port_attr* attributes) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  *attributes = {};
  attributes->state = w.devices.active ? IBV_PORT_ACTIVE : IBV_PORT_DOWN;
  attributes->active_mtu = IBV_MTU_1024;
  attributes->max_msg_sz = w.devices.max_message;
  attributes->link_layer = IBV_LINK_LAYER_ETHERNET;
  return 0;
}

ssize_t query_gid_table(ibv_context*, ibv_gid_entry* entries, size_t, uint32_t, size_t) {
  constexpr uint8_t kLoopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  entries[0] = {};
  entries[0].gid.raw[0] = 0xfe;
  entries[0].gid.raw[1] = 0x80;
  entries[0].port_num = 1;
  entries[0].gid_type = IBV_GID_TYPE_ROCE_V2;
  entries[1] = entries[0];
  std::copy(std::begin(kLoopback), std::end(kLoopback), entries[1].gid.raw);
  entries[1].gid_index = 1;
  return 2;
}

ibv_pd* alloc_pd(ibv_context* context) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  ++w.counts.objects;
  auto* domain = new ibv_pd{};
  domain->context = context;
  return domain;
}

int dealloc_pd(ibv_pd* domain) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  --w.counts.objects;
  delete domain;
  return 0;
}

ibv_mr* reg_mr(ibv_pd* domain, void* address, size_t bytes, int access) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  if (bytes > w.devices.most_registered ||
      w.regions.size() >= static_cast<size_t>(w.devices.max_mr)) {
    ++w.counts.refusals;
    return refuse<ibv_mr>(ENOMEM);
  }
  auto* region = new FakeRegion{};
  region->context = domain->context;
  region->pd = domain;
  region->addr = address;
  region->length = bytes;
  region->lkey = region->rkey = w.next_number++;
  region->access = access;
  w.regions[region->lkey] = region;
  ++w.counts.objects;
  ++w.counts.registrations;
  return region;
}

int dereg_mr(ibv_mr* region) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  --w.counts.objects;
  w.regions.erase(region->lkey);
  delete static_cast<FakeRegion*>(region);
  return 0;
}

ibv_comp_channel* create_comp_channel(ibv_context* context) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  ++w.counts.objects;
  auto* channel = new FakeChannel{};
  channel->context = context;
  channel->fd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
  return channel;
}

int destroy_comp_channel(ibv_comp_channel* channel) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  --w.counts.objects;
  close(channel->fd);
  delete static_cast<FakeChannel*>(channel);
  return 0;
}

ibv_cq* create_cq(ibv_context* context, int entries, void* cq_context, ibv_comp_channel* channel,
                  int) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  ++w.counts.objects;
  auto* queue = new FakeQueue{};
  queue->context = context;
  queue->cq_context = cq_context;
  queue->channel = channel;
  queue->cqe = entries;
  return queue;
}

int destroy_cq(ibv_cq* queue) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  --w.counts.objects;
  std::erase(static_cast<FakeChannel*>(queue->channel)->events, queue);
  delete static_cast<FakeQueue*>(queue);
  return 0;
}

int get_cq_event(ibv_comp_channel* channel, ibv_cq** queue, void** cq_context) {
  eventfd_t one;
  if (eventfd_read(channel->fd, &one) != 0) return -1;
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  auto& events = static_cast<FakeChannel*>(channel)->events;
  *queue = events.front();
  *cq_context = events.front()->cq_context;
  events.pop_front();
  return 0;
}

void ack_cq_events(ibv_cq* queue, unsigned count) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  static_cast<FakeQueue*>(queue)->unacknowledged -= static_cast<int>(count);
}

ibv_qp* create_qp(ibv_pd* domain, ibv_qp_init_attr* attributes) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  if (w.pairs.size() >= static_cast<size_t>(w.devices.max_pairs)) return refuse<ibv_qp>(ENOMEM);
  if (attributes->cap.max_inline_data > w.devices.max_inline || attributes->qp_type != IBV_QPT_RC ||
      static_cast<int>(attributes->cap.max_send_wr) > w.devices.max_qp_wr) {
    return refuse<ibv_qp>(EINVAL);
  }
  auto* pair = new FakePair{};
  pair->context = domain->context;
  pair->pd = domain;
  pair->send_cq = attributes->send_cq;
  pair->recv_cq = attributes->recv_cq;
  pair->qp_num = w.next_number++;
  pair->state = IBV_QPS_RESET;
  pair->cap = attributes->cap;
  w.pairs[pair->qp_num] = pair;
  ++w.counts.objects;
  return pair;
}

// What a device needs to be told at each step, and the values that make a
// connection last.
bool sane(const ibv_qp_attr& a, int mask, ibv_qp_state from) {
  switch (a.qp_state) {
    case IBV_QPS_INIT:
      return from == IBV_QPS_RESET && a.port_num == 1 && (mask & IBV_QP_ACCESS_FLAGS) != 0;
    case IBV_QPS_RTR:
      return from == IBV_QPS_INIT && a.path_mtu == IBV_MTU_1024 && a.ah_attr.is_global == 1 &&
             a.ah_attr.grh.sgid_index == 1 && a.ah_attr.grh.dgid.raw[12] == 127 &&
             a.min_rnr_timer == 12 && (mask & IBV_QP_DEST_QPN) != 0;
    case IBV_QPS_RTS:
      return from == IBV_QPS_RTR && a.timeout >= 14 && a.retry_cnt == 6 && a.rnr_retry == 7;
    default:
      return a.qp_state == IBV_QPS_ERR;
  }
}

int modify_qp(ibv_qp* qp, ibv_qp_attr* attributes, int mask) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  auto& pair = *static_cast<FakePair*>(qp);
  if (!sane(*attributes, mask, pair.state)) return EINVAL;
  if (attributes->qp_state == IBV_QPS_ERR) {
    w.break_pair(pair);
    return 0;
  }
  pair.state = attributes->qp_state;
  if ((mask & IBV_QP_DEST_QPN) != 0) pair.peer = attributes->dest_qp_num;
  return 0;
}

int destroy_qp(ibv_qp* pair) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  --w.counts.objects;
  w.pairs.erase(pair->qp_num);
  delete static_cast<FakePair*>(pair);
  return 0;
}

const char* wc_status_str(ibv_wc_status status) {
  switch (status) {
    case IBV_WC_RETRY_EXC_ERR:
      return "transport retry counter exceeded";
    case IBV_WC_RNR_RETRY_EXC_ERR:
      return "RNR retry counter exceeded";
    case IBV_WC_REM_ACCESS_ERR:
      return "remote access error";
    case IBV_WC_WR_FLUSH_ERR:
      return "Work Request Flushed Error";
    default:
      return "another error";
  }
}

int post_send(ibv_qp* qp, ibv_send_wr* request, ibv_send_wr**) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  auto& pair = *static_cast<FakePair*>(qp);
  if (pair.state != IBV_QPS_RTS && pair.state != IBV_QPS_ERR) return EINVAL;
  if (pair.requests_under_way == pair.cap.max_send_wr) return ENOMEM;
  const bool is_inline = (request->send_flags & IBV_SEND_INLINE) != 0;
  const ibv_sge& from = request->sg_list[0];
  if (is_inline && from.length > pair.cap.max_inline_data) return EINVAL;
  Request r{
      request->wr_id,        request->opcode,  from, {}, is_inline, request->wr.rdma.remote_addr,
      request->wr.rdma.rkey, request->imm_data};
  if (is_inline) {
    const auto* data = reinterpret_cast<const std::byte*>(from.addr);
    r.inline_data.assign(data, data + from.length);
  }
  ++pair.requests_under_way;
  if (pair.state == IBV_QPS_ERR) {
    w.complete_request(pair, r, IBV_WC_WR_FLUSH_ERR);
  } else {
    pair.requests.push_back(std::move(r));
    w.work.notify_all();
  }
  return 0;
}

int post_recv(ibv_qp* qp, ibv_recv_wr* request, ibv_recv_wr**) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  auto& pair = *static_cast<FakePair*>(qp);
  if (pair.state == IBV_QPS_RESET) return EINVAL;
  if (pair.receives.size() == pair.cap.max_recv_wr) return ENOMEM;
  if (pair.state == IBV_QPS_ERR) {
    w.complete_receive(pair, request->wr_id, IBV_WC_RECV, 0, 0, IBV_WC_WR_FLUSH_ERR);
  } else {
    pair.receives.push_back({request->wr_id, request->sg_list[0]});
  }
  return 0;
}

int poll_cq(ibv_cq* queue, int most, ibv_wc* completions) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  auto& waiting = static_cast<FakeQueue*>(queue)->completions;
  const int n = std::min(most, static_cast<int>(waiting.size()));
  std::copy_n(waiting.begin(), n, completions);
  waiting.erase(waiting.begin(), waiting.begin() + n);
  return n;
}

int req_notify_cq(ibv_cq* queue, int) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  static_cast<FakeQueue*>(queue)->armed = true;
  return 0;
}

constexpr rdma::Verbs kFakeVerbs{get_device_list,
                                 free_device_list,
                                 get_device_name,
                                 open_device,
                                 close_device,
                                 query_device,
                                 query_port,
                                 query_gid_table,
                                 alloc_pd,
                                 dealloc_pd,
                                 reg_mr,
                                 dereg_mr,
                                 create_comp_channel,
                                 destroy_comp_channel,
                                 create_cq,
                                 destroy_cq,
                                 get_cq_event,
                                 ack_cq_events,
                                 create_qp,
                                 modify_qp,
                                 destroy_qp,
                                 wc_status_str,
                                 post_send,
                                 post_recv,
                                 poll_cq,
                                 req_notify_cq};

}  // namespace

const rdma::Verbs& fake_verbs() { return kFakeVerbs; }

void set_fake_devices(const FakeDevices& devices) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  w.devices = devices;
}

void fail_fake_request(int requests, ibv_wc_status status) {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  w.fail_in = requests;
  w.failure = status;
}

FakeCounts fake_counts() {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  return w.counts;
}

void reset_fake_counts() {
  FakeWorld& w = world();
  const std::lock_guard lock(w.mutex);
  w.counts = {.objects = w.counts.objects};
}

}  // namespace mlx::core::distributed::testing
