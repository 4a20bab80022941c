#include "mlx/distributed/transports/rdma/verbs.h"

#include <dlfcn.h>

#include <cstring>
#include <optional>

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

// The symbols carry versions: plain dlsym() would be free to give the one of 1.0,
// whose structs are different.
template <typename Function>
bool find(void* library, const char* name, const char* version, Function*& function) {
  function = reinterpret_cast<Function*>(dlvsym(library, name, version));
  return function != nullptr;
}

std::optional<Verbs> load() {
  // Never closed: its providers do not stand that.
  void* library = dlopen("libibverbs.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) return {};
  Verbs v{};
  constexpr const char* k0 = "IBVERBS_1.0";
  constexpr const char* k1 = "IBVERBS_1.1";
  const bool found = find(library, "ibv_get_device_list", k1, v.get_device_list) &&
                     find(library, "ibv_free_device_list", k1, v.free_device_list) &&
                     find(library, "ibv_get_device_name", k1, v.get_device_name) &&
                     find(library, "ibv_open_device", k1, v.open_device) &&
                     find(library, "ibv_close_device", k1, v.close_device) &&
                     find(library, "ibv_query_device", k1, v.query_device) &&
                     find(library, "ibv_query_port", k1, old_query_port) &&
                     find(library, "_ibv_query_gid_table", "IBVERBS_1.11", v.query_gid_table) &&
                     find(library, "ibv_alloc_pd", k1, v.alloc_pd) &&
                     find(library, "ibv_dealloc_pd", k1, v.dealloc_pd) &&
                     find(library, "ibv_reg_mr", k1, v.reg_mr) &&
                     find(library, "ibv_dereg_mr", k1, v.dereg_mr) &&
                     find(library, "ibv_create_comp_channel", k0, v.create_comp_channel) &&
                     find(library, "ibv_destroy_comp_channel", k0, v.destroy_comp_channel) &&
                     find(library, "ibv_create_cq", k1, v.create_cq) &&
                     find(library, "ibv_destroy_cq", k1, v.destroy_cq) &&
                     find(library, "ibv_get_cq_event", k1, v.get_cq_event) &&
                     find(library, "ibv_ack_cq_events", k1, v.ack_cq_events) &&
                     find(library, "ibv_create_qp", k1, v.create_qp) &&
                     find(library, "ibv_modify_qp", k1, v.modify_qp) &&
                     find(library, "ibv_destroy_qp", k1, v.destroy_qp) &&
                     find(library, "ibv_wc_status_str", k1, v.wc_status_str);
  if (!found) return {};
  v.query_port = query_port;
  v.post_send = ibv_post_send;
  v.post_recv = ibv_post_recv;
  v.poll_cq = ibv_poll_cq;
  v.req_notify_cq = ibv_req_notify_cq;
  return v;
}

}  // namespace

const Verbs* system_verbs() {
  static const std::optional<Verbs> verbs = load();
  return verbs ? &*verbs : nullptr;
}

}  // namespace mlx::core::distributed::rdma
