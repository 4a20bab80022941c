#include "mlx/distributed/transports/rdma/verbs.h"

#include <cstring>

#include "mlx/distributed/transports/dynamic_library.h"

namespace mlx::core::distributed::rdma {
namespace {

using OldQueryPort = int(ibv_context*, uint8_t, _compat_ibv_port_attr*);
OldQueryPort* old_query_port = nullptr;

// As the inline function in verbs.h, which would have to be linked: the symbol
// of this name fills a shorter struct, so the device is asked directly.
int query_port(ibv_context* context, uint8_t port, ibv_port_attr* attributes) {
  std::memset(attributes, 0, sizeof *attributes);
  if (verbs_context* extended = verbs_get_ctx_op(context, query_port)) {
    return extended->query_port(context, port, attributes, sizeof *attributes);
  }
  return old_query_port(context, port, reinterpret_cast<_compat_ibv_port_attr*>(attributes));
}

struct Loaded {
  Verbs verbs{};
  std::string reason;

  Loaded();
};

// The symbols carry versions: without them the loader would be free to give the
// one of 1.0, whose structs are different.
Loaded::Loaded() {
  DynamicLibrary library("libibverbs.so.1", RTLD_NOW | RTLD_LOCAL);
  Verbs& v = verbs;
  constexpr const char* k0 = "IBVERBS_1.0";
  constexpr const char* k1 = "IBVERBS_1.1";
  library.find(v.get_device_list, "ibv_get_device_list", k1);
  library.find(v.free_device_list, "ibv_free_device_list", k1);
  library.find(v.get_device_name, "ibv_get_device_name", k1);
  library.find(v.open_device, "ibv_open_device", k1);
  library.find(v.close_device, "ibv_close_device", k1);
  library.find(v.query_device, "ibv_query_device", k1);
  library.find(old_query_port, "ibv_query_port", k1);
  library.find(v.query_gid_table, "_ibv_query_gid_table", "IBVERBS_1.11");
  library.find(v.alloc_pd, "ibv_alloc_pd", k1);
  library.find(v.dealloc_pd, "ibv_dealloc_pd", k1);
  library.find(v.reg_mr, "ibv_reg_mr", k1);
  library.find(v.dereg_mr, "ibv_dereg_mr", k1);
  library.find(v.create_comp_channel, "ibv_create_comp_channel", k0);
  library.find(v.destroy_comp_channel, "ibv_destroy_comp_channel", k0);
  library.find(v.create_cq, "ibv_create_cq", k1);
  library.find(v.destroy_cq, "ibv_destroy_cq", k1);
  library.find(v.get_cq_event, "ibv_get_cq_event", k1);
  library.find(v.ack_cq_events, "ibv_ack_cq_events", k1);
  library.find(v.create_qp, "ibv_create_qp", k1);
  library.find(v.modify_qp, "ibv_modify_qp", k1);
  library.find(v.destroy_qp, "ibv_destroy_qp", k1);
  library.find(v.wc_status_str, "ibv_wc_status_str", k1);
  v.query_port = query_port;
  v.post_send = ibv_post_send;
  v.post_recv = ibv_post_recv;
  v.poll_cq = ibv_poll_cq;
  v.req_notify_cq = ibv_req_notify_cq;
  reason = library.sentence("RDMA's library cannot be loaded", "rdma-core 33 or later");
}

}  // namespace

const Verbs* system_verbs(std::string* reason) {
  static const Loaded loaded;
  if (reason) *reason = loaded.reason;
  return loaded.reason.empty() ? &loaded.verbs : nullptr;
}

}  // namespace mlx::core::distributed::rdma
