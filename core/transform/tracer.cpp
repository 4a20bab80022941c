#include "mlx/core/transform/tracer.h"

#include "mlx/core/graph/node.h"
#include "mlx/core/graph/trace.h"

namespace mlx::core::detail {
namespace {

Type infer(Inputs in, const Attrs&) { return {in[0].shape(), in[0].dtype()}; }

Arrays vjp(const VjpArgs& args) { return {args.cotangents[0]}; }

Arrays jvp(const JvpArgs& args) { return {args.tangents[0]}; }

Mapped vmap(const VmapArgs& args) { return {{args.inputs[0]}, {args.axes[0]}}; }

void run(const KernelArgs& args) { args.outputs[0].copy_shared_buffer(args.inputs[0]); }

}  // namespace

constinit const Op kTracer{
    .name = "Tracer", .infer = infer, .vjp = vjp, .jvp = jvp, .vmap = vmap, .run = run};

Stream stream_of(const array& x) {
  return x.has_primitive() ? x.node()->stream : default_stream(default_device());
}

array make_tracer(const array& x) {
  array tracer = make_node(kTracer, {x}, Attrs(), stream_of(x));
  tracer.set_tracer(true);
  if (x.status() == array::available) {
    tracer.copy_shared_buffer(x);
    tracer.set_status(array::available);
  }
  return tracer;
}

Arrays make_tracers(Inputs xs) {
  Arrays tracers;
  tracers.reserve(xs.size());
  for (const array& x : xs) {
    tracers.push_back(make_tracer(x));
  }
  return tracers;
}

void release_graphs(Arrays& outputs) {
  if (TraceScope::active()) {
    return;
  }
  for (array& out : outputs) {
    if (out.has_primitive() && out.status() != array::unscheduled) {
      out.detach();
    }
  }
}

}  // namespace mlx::core::detail
