#pragma once

// The functions of libibverbs that we use, as a table: filled from the library
// where it is installed, by a stand-in in tests. The library is loaded when first
// asked for and never linked.

#include <infiniband/verbs.h>

#include <memory>
#include <string>

namespace mlx::core::distributed::rdma {

/// As ibv_<name>() of libibverbs.
struct Verbs {
  ibv_device** (*get_device_list)(int* count);
  void (*free_device_list)(ibv_device** list);
  const char* (*get_device_name)(ibv_device* device);
  ibv_context* (*open_device)(ibv_device* device);
  int (*close_device)(ibv_context* context);
  int (*query_device)(ibv_context* context, ibv_device_attr* attributes);
  int (*query_port)(ibv_context* context, uint8_t port, ibv_port_attr* attributes);
  ssize_t (*query_gid_table)(ibv_context* context, ibv_gid_entry* entries, size_t most,
                             uint32_t flags, size_t entry_bytes);
  ibv_pd* (*alloc_pd)(ibv_context* context);
  int (*dealloc_pd)(ibv_pd* domain);
  ibv_mr* (*reg_mr)(ibv_pd* domain, void* address, size_t bytes, int access);
  int (*dereg_mr)(ibv_mr* region);
  ibv_comp_channel* (*create_comp_channel)(ibv_context* context);
  int (*destroy_comp_channel)(ibv_comp_channel* channel);
  ibv_cq* (*create_cq)(ibv_context* context, int entries, void* cq_context,
                       ibv_comp_channel* channel, int vector);
  int (*destroy_cq)(ibv_cq* queue);
  int (*get_cq_event)(ibv_comp_channel* channel, ibv_cq** queue, void** cq_context);
  void (*ack_cq_events)(ibv_cq* queue, unsigned count);
  ibv_qp* (*create_qp)(ibv_pd* domain, ibv_qp_init_attr* attributes);
  int (*modify_qp)(ibv_qp* pair, ibv_qp_attr* attributes, int mask);
  int (*destroy_qp)(ibv_qp* pair);
  const char* (*wc_status_str)(ibv_wc_status status);

  // Inline in verbs.h: they go through the device's context.
  int (*post_send)(ibv_qp* pair, ibv_send_wr* request, ibv_send_wr** bad);
  int (*post_recv)(ibv_qp* pair, ibv_recv_wr* request, ibv_recv_wr** bad);
  int (*poll_cq)(ibv_cq* queue, int most, ibv_wc* completions);
  int (*req_notify_cq)(ibv_cq* queue, int solicited_only);
};

/// The table of the installed library, or null: there is none, or one older
/// than rdma-core 33 (2020); `reason` then says which, as a sentence.
const Verbs* system_verbs(std::string* reason = nullptr);

/// Ends what a verb made.
template <auto end>
struct Ends {
  const Verbs* verbs;
  template <typename T>
  void operator()(T* object) const {
    (verbs->*end)(object);
  }
};

using Context = std::unique_ptr<ibv_context, Ends<&Verbs::close_device>>;
using Domain = std::unique_ptr<ibv_pd, Ends<&Verbs::dealloc_pd>>;
using MemoryRegion = std::unique_ptr<ibv_mr, Ends<&Verbs::dereg_mr>>;
using Channel = std::unique_ptr<ibv_comp_channel, Ends<&Verbs::destroy_comp_channel>>;
using CompletionQueue = std::unique_ptr<ibv_cq, Ends<&Verbs::destroy_cq>>;
using Pair = std::unique_ptr<ibv_qp, Ends<&Verbs::destroy_qp>>;

}  // namespace mlx::core::distributed::rdma
