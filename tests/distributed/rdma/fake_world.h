#pragma once

// What the stand-in for libibverbs is made of: the objects behind the pointers
// that the functions hand out, and the thread that carries requests.

#include <sys/eventfd.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "distributed/rdma/fake_verbs.h"

namespace mlx::core::distributed::testing {

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
class FakeWorld {
 public:
  FakeWorld() : carrier_([this] { carry(); }) {}
  ~FakeWorld() {
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
      if (const auto delay = devices.delay; delay.count() > 0) {
        const uint32_t number = pair->qp_num;
        lock.unlock();
        std::this_thread::sleep_for(delay);
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

}  // namespace mlx::core::distributed::testing
