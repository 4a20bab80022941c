#include "distributed/rdma/fake_verbs.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace mlx::core::distributed::testing {
namespace {

struct FakeDevice : ibv_device {};

struct FakeContext : ibv_context {};

struct FakeRegion : ibv_mr {
  int access;
};

struct FakeChannel : ibv_comp_channel {
  std::deque<ibv_cq*> events;
};

struct FakeQueue : ibv_cq {
  std::deque<ibv_wc> completions;
  bool armed = false;
  int unacknowledged = 0;
};

struct Receive {
  uint64_t id;
  ibv_sge into;
};

struct Request {
  uint64_t id;
  ibv_wr_opcode opcode;
  ibv_sge from;
  std::vector<std::byte> inline_data;
  bool is_inline;
  uint64_t remote_address;
  uint32_t remote_key;
  uint32_t imm_data;
};

struct FakePair : ibv_qp {
  ibv_qp_cap cap;
  uint32_t peer = 0;
  std::deque<Receive> receives;
  std::deque<Request> requests;
  unsigned requests_under_way = 0;
};

// Everything, behind one lock.
class World {
 public:
  World() : carrier_([this] { carry(); }) {}
  ~World() {
    {
      const std::lock_guard lock(mutex);
      stopping_ = true;
    }
    work.notify_all();
    carrier_.join();
  }

  std::mutex mutex;
  std::condition_variable work;
  FakeDevices devices;
  FakeCounts counts;
  int fail_in = -1;
  ibv_wc_status failure = IBV_WC_SUCCESS;
  uint32_t next_number = 100;
  std::map<uint32_t, FakePair*> pairs;
  std::map<uint32_t, FakeRegion*> regions;  // by key; local and remote keys are the same

  // Whether the bytes lie in the region of that key and it allows the access.
  bool may(uint32_t key, uint64_t address, uint64_t bytes, int access, const ibv_pd* domain) {
    const auto at = regions.find(key);
    if (at != regions.end()) {
      const FakeRegion& r = *at->second;
      const auto begin = reinterpret_cast<uintptr_t>(r.addr);
      if (address >= begin && address + bytes <= begin + r.length && r.pd == domain &&
          (r.access & access) == access) {
        return true;
      }
    }
    ++counts.wrong_accesses;
    return false;
  }

  void complete(ibv_cq* queue, const ibv_wc& completion) {
    auto* q = static_cast<FakeQueue*>(queue);
    if (static_cast<int>(q->completions.size()) >= q->cqe) ++counts.overflows;
    q->completions.push_back(completion);
    if (!q->armed) return;
    q->armed = false;
    ++q->unacknowledged;
    static_cast<FakeChannel*>(q->channel)->events.push_back(q);
    eventfd_write(q->channel->fd, 1);
  }

  void complete_request(FakePair& pair, const Request& request, ibv_wc_status status) {
    ibv_wc completion{};
    completion.wr_id = request.id;
    completion.status = status;
    completion.opcode = request.opcode == IBV_WR_SEND ? IBV_WC_SEND : IBV_WC_RDMA_WRITE;
    completion.qp_num = pair.qp_num;
    --pair.requests_under_way;
    complete(pair.send_cq, completion);
  }

  void complete_receive(FakePair& pair, uint64_t id, ibv_wc_opcode opcode, uint64_t bytes,
                        uint32_t imm_data, ibv_wc_status status = IBV_WC_SUCCESS) {
    ibv_wc completion{};
    completion.wr_id = id;
    completion.status = status;
    completion.opcode = opcode;
    completion.byte_len = static_cast<uint32_t>(bytes);
    completion.imm_data = imm_data;
    completion.qp_num = pair.qp_num;
    complete(pair.recv_cq, completion);
  }

  void break_pair(FakePair& pair) {
    pair.state = IBV_QPS_ERR;
    for (const Receive& r : pair.receives) {
      complete_receive(pair, r.id, IBV_WC_RECV, 0, 0, IBV_WC_WR_FLUSH_ERR);
    }
    pair.receives.clear();
    for (const Request& r : pair.requests) complete_request(pair, r, IBV_WC_WR_FLUSH_ERR);
    pair.requests.clear();
  }

 private:
  void carry() {
    std::unique_lock lock(mutex);
    while (true) {
      FakePair* pair = next_pair();
      if (!pair) {
        if (stopping_) return;
        work.wait(lock);
        continue;
      }
      if (devices.delay.count() > 0) {
        const uint32_t number = pair->qp_num;
        lock.unlock();
        std::this_thread::sleep_for(devices.delay);
        lock.lock();
        const auto at = pairs.find(number);
        if (at == pairs.end() || at->second->requests.empty()) continue;
        pair = at->second;
      }
      const Request request = std::move(pair->requests.front());
      pair->requests.pop_front();
      const ibv_wc_status status = run(*pair, request);
      complete_request(*pair, request, status);
      if (status != IBV_WC_SUCCESS) break_pair(*pair);
    }
  }

  // The pairs take turns.
  FakePair* next_pair() {
    for (int round = 0; round < 2; ++round) {
      for (auto at = pairs.upper_bound(round == 0 ? last_served_ : 0); at != pairs.end(); ++at) {
        if (at->second->requests.empty()) continue;
        last_served_ = at->first;
        return at->second;
      }
    }
    return nullptr;
  }

  ibv_wc_status run(FakePair& pair, const Request& request) {
    if (fail_in >= 0 && fail_in-- == 0) return failure;
    const auto at = pairs.find(pair.peer);
    const bool there =
        at != pairs.end() && (at->second->state == IBV_QPS_RTR || at->second->state == IBV_QPS_RTS);
    if (!there) return IBV_WC_RETRY_EXC_ERR;
    if (!request.is_inline &&
        !may(request.from.lkey, request.from.addr, request.from.length, 0, pair.pd)) {
      return IBV_WC_LOC_PROT_ERR;
    }
    FakePair& peer = *at->second;
    if (request.opcode == IBV_WR_SEND) return send(request, peer);
    return write(request, peer);
  }

  static const void* source(const Request& r) {
    return r.is_inline ? r.inline_data.data() : reinterpret_cast<const void*>(r.from.addr);
  }

  ibv_wc_status send(const Request& request, FakePair& peer) {
    ++counts.messages;
    counts.inline_sends += request.is_inline;
    if (peer.receives.empty()) {
      ++counts.not_ready;
      return IBV_WC_RNR_RETRY_EXC_ERR;
    }
    const Receive receive = peer.receives.front();
    peer.receives.pop_front();
    const uint64_t bytes = request.from.length;
    if (bytes > receive.into.length ||
        !may(receive.into.lkey, receive.into.addr, bytes, IBV_ACCESS_LOCAL_WRITE, peer.pd)) {
      return IBV_WC_REM_OP_ERR;
    }
    std::memcpy(reinterpret_cast<void*>(receive.into.addr), source(request), bytes);
    complete_receive(peer, receive.id, IBV_WC_RECV, bytes, 0);
    return IBV_WC_SUCCESS;
  }

  ibv_wc_status write(const Request& request, FakePair& peer) {
    const uint64_t bytes = request.from.length;
    if (bytes > devices.max_message ||
        !may(request.remote_key, request.remote_address, bytes, IBV_ACCESS_REMOTE_WRITE, peer.pd)) {
      return IBV_WC_REM_ACCESS_ERR;
    }
    counts.written_bytes += bytes;
    std::memcpy(reinterpret_cast<void*>(request.remote_address), source(request), bytes);
    if (request.opcode != IBV_WR_RDMA_WRITE_WITH_IMM) return IBV_WC_SUCCESS;
    if (peer.receives.empty()) {
      ++counts.not_ready;
      return IBV_WC_RNR_RETRY_EXC_ERR;
    }
    const Receive receive = peer.receives.front();
    peer.receives.pop_front();
    complete_receive(peer, receive.id, IBV_WC_RECV_RDMA_WITH_IMM, bytes, request.imm_data);
    return IBV_WC_SUCCESS;
  }

  bool stopping_ = false;
  uint32_t last_served_ = 0;
  std::thread carrier_;  // last: it uses the others
};

World& world() {
  static World instance;
  return instance;
}

template <typename T>
T* refuse(int error) {
  errno = error;
  return nullptr;
}

ibv_device** get_device_list(int* count) {
  World& w = world();
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
  World& w = world();
  const std::lock_guard lock(w.mutex);
  ++w.counts.objects;
  return new FakeContext{};
}

int close_device(ibv_context* context) {
  World& w = world();
  const std::lock_guard lock(w.mutex);
  --w.counts.objects;
  delete static_cast<FakeContext*>(context);
  return 0;
}

int query_device(ibv_context*, ibv_device_attr* attributes) {
  World& w = world();
  const std::lock_guard lock(w.mutex);
  *attributes = {};
  attributes->max_qp_wr = w.devices.max_qp_wr;
  attributes->max_cqe = 4096;
  attributes->max_mr = w.devices.max_mr;
  attributes->phys_port_cnt = 1;
  return 0;
}

int query_port(ibv_context*, uint8_t, ibv_port_attr* attributes) {
  World& w = world();
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
  World& w = world();
  const std::lock_guard lock(w.mutex);
  ++w.counts.objects;
  auto* domain = new ibv_pd{};
  domain->context = context;
  return domain;
}

int dealloc_pd(ibv_pd* domain) {
  World& w = world();
  const std::lock_guard lock(w.mutex);
  --w.counts.objects;
  delete domain;
  return 0;
}

ibv_mr* reg_mr(ibv_pd* domain, void* address, size_t bytes, int access) {
  World& w = world();
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
  World& w = world();
  const std::lock_guard lock(w.mutex);
  --w.counts.objects;
  w.regions.erase(region->lkey);
  delete static_cast<FakeRegion*>(region);
  return 0;
}

ibv_comp_channel* create_comp_channel(ibv_context* context) {
  World& w = world();
  const std::lock_guard lock(w.mutex);
  ++w.counts.objects;
  auto* channel = new FakeChannel{};
  channel->context = context;
  channel->fd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
  return channel;
}

int destroy_comp_channel(ibv_comp_channel* channel) {
  World& w = world();
  const std::lock_guard lock(w.mutex);
  --w.counts.objects;
  close(channel->fd);
  delete static_cast<FakeChannel*>(channel);
  return 0;
}

ibv_cq* create_cq(ibv_context* context, int entries, void* cq_context, ibv_comp_channel* channel,
                  int) {
  World& w = world();
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
  World& w = world();
  const std::lock_guard lock(w.mutex);
  --w.counts.objects;
  std::erase(static_cast<FakeChannel*>(queue->channel)->events, queue);
  delete static_cast<FakeQueue*>(queue);
  return 0;
}

int get_cq_event(ibv_comp_channel* channel, ibv_cq** queue, void** cq_context) {
  eventfd_t one;
  if (eventfd_read(channel->fd, &one) != 0) return -1;
  World& w = world();
  const std::lock_guard lock(w.mutex);
  auto& events = static_cast<FakeChannel*>(channel)->events;
  *queue = events.front();
  *cq_context = events.front()->cq_context;
  events.pop_front();
  return 0;
}

void ack_cq_events(ibv_cq* queue, unsigned count) {
  World& w = world();
  const std::lock_guard lock(w.mutex);
  static_cast<FakeQueue*>(queue)->unacknowledged -= static_cast<int>(count);
}

ibv_qp* create_qp(ibv_pd* domain, ibv_qp_init_attr* attributes) {
  World& w = world();
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
  World& w = world();
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
  World& w = world();
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
  World& w = world();
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
  World& w = world();
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
  World& w = world();
  const std::lock_guard lock(w.mutex);
  auto& waiting = static_cast<FakeQueue*>(queue)->completions;
  const int n = std::min(most, static_cast<int>(waiting.size()));
  std::copy_n(waiting.begin(), n, completions);
  waiting.erase(waiting.begin(), waiting.begin() + n);
  return n;
}

int req_notify_cq(ibv_cq* queue, int) {
  World& w = world();
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
  World& w = world();
  const std::lock_guard lock(w.mutex);
  w.devices = devices;
}

void fail_fake_request(int requests, ibv_wc_status status) {
  World& w = world();
  const std::lock_guard lock(w.mutex);
  w.fail_in = requests;
  w.failure = status;
}

FakeCounts fake_counts() {
  World& w = world();
  const std::lock_guard lock(w.mutex);
  return w.counts;
}

void reset_fake_counts() {
  World& w = world();
  const std::lock_guard lock(w.mutex);
  w.counts = {.objects = w.counts.objects};
}

}  // namespace mlx::core::distributed::testing
