// Messages between two ranks as operations of the graph: one op, a batch of
// messages that move at the same time, each of which is a leg.

#include <utility>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/distributed/collective_ops.h"
#include "mlx/distributed/ops.h"

namespace mlx::core::distributed {
namespace {

using detail::GroupImpl;

struct Leg {
  bool sends = false;
  int peer = -1;
  int tag = 0;
  int input = -1;    // what is sent, or what the received is like; -1: as below
  Shape shape = {};  // of what is received
  Dtype dtype = float32;

  bool operator==(const Leg&) const = default;
};

struct BatchAttrs {
  GroupHandle group;
  std::vector<Leg> legs;

  bool operator==(const BatchAttrs&) const = default;
};

const BatchAttrs& batch_attrs(const Attrs& attrs) { return attrs.get<BatchAttrs>(); }

std::vector<Type> infer_legs(Inputs in, const Attrs& attrs) {
  std::vector<Type> types;
  for (const Leg& leg : batch_attrs(attrs).legs) {
    const auto input = static_cast<size_t>(leg.input);
    types.push_back(leg.input < 0 ? Type{leg.shape, leg.dtype}
                                  : Type{in[input].shape(), in[input].dtype()});
  }
  return types;
}

void run_legs(const KernelArgs& args) {
  const BatchAttrs& a = batch_attrs(args.attrs);
  std::vector<Transfer> transfers;
  for (size_t i = 0; i < a.legs.size(); ++i) {
    const Leg& leg = a.legs[i];
    array& out = args.outputs[i];
    Transfer t{.dtype = out.dtype(), .peer = leg.peer, .tag = leg.tag};
    if (leg.sends) {
      array& in = args.inputs[static_cast<size_t>(leg.input)];
      t.in = bytes_of(in);
      out.copy_shared_buffer(in);
    } else {
      allocate(out);
      t.operation = Operation::recv;
      t.out = bytes_of(out);
    }
    transfers.push_back(t);
  }
  const BufferKeeper keeper(args);
  a.group->run(transfers, &keeper, {.turn = args.turn, .limit = a.group.limit});
}

extern const Op kBatch;

// One result for each leg.
Arrays run_batch(Arrays inputs, BatchAttrs attrs, Stream stream) {
  for (const Leg& leg : attrs.legs) {
    if (!leg.sends) continue;  // of what is received only shape and dtype count
    array& x = inputs[static_cast<size_t>(leg.input)];
    x = dense(x);
  }
  return make_nodes(kBatch, std::move(inputs), Attrs(std::move(attrs)), stream);
}

// Every leg the other way round, with cotangents.
Arrays vjp_batch(const VjpArgs& args) {
  BatchAttrs back = batch_attrs(args.attrs);
  for (size_t i = 0; i < back.legs.size(); ++i) {
    back.legs[i].sends = !back.legs[i].sends;
    back.legs[i].input = static_cast<int>(i);
  }
  const Arrays returned =
      run_batch({args.cotangents.begin(), args.cotangents.end()}, back, args.stream);
  Arrays out;
  for (const int input : args.argnums) {
    const auto& legs = batch_attrs(args.attrs).legs;
    size_t i = 0;
    while (legs[i].input != input) ++i;
    const array& x = args.inputs[static_cast<size_t>(input)];
    out.push_back(legs[i].sends ? add(args.cotangents[i], returned[i])
                                : together(zeros_like(x), returned[i]));
  }
  return out;
}

Arrays jvp_batch(const JvpArgs& args) {
  Arrays tangents;
  for (const array& x : args.inputs) tangents.push_back(zeros_like(x));
  for (size_t i = 0; i < args.argnums.size(); ++i) {
    tangents[static_cast<size_t>(args.argnums[i])] = args.tangents[i];
  }
  return run_batch(std::move(tangents), batch_attrs(args.attrs), args.stream);
}

// Every leg is mapped, so that both ends agree, with the mapped axis in front.
Mapped vmap_batch(const VmapArgs& args) {
  BatchAttrs attrs = batch_attrs(args.attrs);
  for (Leg& leg : attrs.legs) {
    if (leg.input < 0) leg.shape = behind_mapped(mapped_size(args), leg.shape);
  }
  return mapped_in_front(run_batch(all_in_front(args), std::move(attrs), args.stream));
}

bool has_shapes(const Attrs& attrs) {
  for (const Leg& leg : batch_attrs(attrs).legs) {
    if (leg.input < 0) return true;
  }
  return false;
}

const Op kBatch{.name = "SendRecv",
                .infer_all = infer_legs,
                .vjp = vjp_batch,
                .jvp = jvp_batch,
                .vmap = vmap_batch,
                .run = run_legs,
                .ordered = true,
                .holds_sizes = has_shapes,
                .turns = &kGroupTurns<BatchAttrs>};

void check_parcel(const char* op, const Parcel& parcel, const GroupImpl& group) {
  require(parcel.peer >= 0 && parcel.peer < group.size() && parcel.peer != group.rank(), "[", op,
          "] Not another rank of the group: got ", parcel.peer, ", expected one from 0 to ",
          group.size() - 1, " other than ", group.rank(), ".");
  require(parcel.tag >= 0, "[", op, "] A tag is not negative: got ", parcel.tag, ".");
}

Arrays move_parcels(const char* op, const std::vector<Parcel>& parcels,
                    const std::optional<Group>& group, const StreamOrDevice& s) {
  auto impl = group_or_world(group);
  require(impl->size() > 1, "[", op, "] A group of one has nobody to exchange with.");
  const Stream stream = stream_for(*impl, s);
  Arrays inputs;
  BatchAttrs attrs{std::move(impl), {}};
  for (const Parcel& parcel : parcels) {
    check_parcel(op, parcel, *attrs.group);
    Leg leg{.sends = parcel.sends, .peer = parcel.peer, .tag = parcel.tag};
    if (parcel.x) {
      leg.input = static_cast<int>(inputs.size());
      inputs.push_back(*parcel.x);
    } else {
      leg.shape = parcel.shape;
      leg.dtype = parcel.dtype;
    }
    attrs.legs.push_back(std::move(leg));
  }
  return attrs.legs.empty() ? Arrays{} : run_batch(std::move(inputs), std::move(attrs), stream);
}

}  // namespace

Parcel Parcel::send(array x, int dst, int tag) {
  return {.sends = true, .peer = dst, .tag = tag, .x = std::move(x)};
}

Parcel Parcel::recv(Shape shape, Dtype dtype, int src, int tag) {
  return {.sends = false, .peer = src, .tag = tag, .shape = std::move(shape), .dtype = dtype};
}

Parcel Parcel::recv_like(array x, int src, int tag) {
  return {.sends = false, .peer = src, .tag = tag, .x = std::move(x)};
}

std::vector<array> send_recv(const std::vector<Parcel>& parcels, std::optional<Group> group,
                             StreamOrDevice s) {
  return move_parcels("send_recv", parcels, group, s);
}

array send(const array& x, int dst, std::optional<Group> group, StreamOrDevice s) {
  return send(x, dst, 0, std::move(group), s);
}

array send(const array& x, int dst, int tag, std::optional<Group> group, StreamOrDevice s) {
  return move_parcels("send", {Parcel::send(x, dst, tag)}, group, s)[0];
}

array recv(Shape shape, Dtype dtype, int src, std::optional<Group> group, StreamOrDevice s) {
  return recv(std::move(shape), dtype, src, 0, std::move(group), s);
}

array recv(Shape shape, Dtype dtype, int src, int tag, std::optional<Group> group,
           StreamOrDevice s) {
  return move_parcels("recv", {Parcel::recv(std::move(shape), dtype, src, tag)}, group, s)[0];
}

array recv_like(const array& x, int src, std::optional<Group> group, StreamOrDevice s) {
  return recv_like(x, src, 0, std::move(group), s);
}

array recv_like(const array& x, int src, int tag, std::optional<Group> group, StreamOrDevice s) {
  return move_parcels("recv_like", {Parcel::recv_like(x, src, tag)}, group, s)[0];
}

}  // namespace mlx::core::distributed
