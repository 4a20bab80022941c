#include "mlx/distributed/ops.h"

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/graph/op.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/transforms.h"
#include "mlx/distributed/group.h"

namespace mlx::core::distributed {
namespace {

using detail::GroupImpl;

struct CollectiveAttrs {
  std::shared_ptr<GroupImpl> group;
  Reduction reduction = Reduction::none;
  int peer = -1;     // root, destination or source
  Shape shape = {};  // of recv, which has no input
  Dtype dtype = float32;

  bool operator==(const CollectiveAttrs&) const = default;
};

// --- Shapes of the results.

const CollectiveAttrs& of(const Attrs& attrs) { return attrs.get<CollectiveAttrs>(); }

Type same(Inputs in, const Attrs&) { return {in[0].shape(), in[0].dtype()}; }

Type gathered(Inputs in, const Attrs& attrs) {
  const int ranks = of(attrs).group->size();
  Shape shape = in[0].shape();
  if (shape.empty()) return {{ranks}, in[0].dtype()};
  shape[0] *= ranks;
  return {std::move(shape), in[0].dtype()};
}

Type scattered(Inputs in, const Attrs& attrs) {
  const int ranks = of(attrs).group->size();
  Shape shape = in[0].shape();
  require(!shape.empty() && shape[0] % ranks == 0,
          "[sum_scatter] Axis 0 cannot be divided: got shape ", shape, ", expected a multiple of ",
          ranks, " ranks.");
  shape[0] /= ranks;
  return {std::move(shape), in[0].dtype()};
}

Type announced(Inputs, const Attrs& attrs) { return {of(attrs).shape, of(attrs).dtype}; }

// --- Kernels.

std::span<std::byte> bytes_of(array& x) { return {x.data<std::byte>(), x.nbytes()}; }

void allocate(array& out) { out.set_data(allocator::malloc(out.nbytes())); }

// The output, over the input's memory when nobody else sees that.
void allocate_over(const array& in, array& out) {
  if (in.is_donatable()) {
    out.copy_shared_buffer(in);
  } else {
    allocate(out);
  }
}

void run(const KernelArgs& args, Operation operation, std::span<const std::byte> in,
         std::span<std::byte> out) {
  const CollectiveAttrs& a = of(args.attrs);
  const Dtype dtype = args.outputs[0].dtype();
  a.group->run({operation, a.reduction, dtype, a.peer, in, out});
}

void run_all_reduce(const KernelArgs& args) {
  allocate_over(args.inputs[0], args.outputs[0]);
  run(args, Operation::all_reduce, bytes_of(args.inputs[0]), bytes_of(args.outputs[0]));
}

void run_all_gather(const KernelArgs& args) {
  allocate(args.outputs[0]);
  run(args, Operation::all_gather, bytes_of(args.inputs[0]), bytes_of(args.outputs[0]));
}

void run_sum_scatter(const KernelArgs& args) {
  allocate(args.outputs[0]);
  run(args, Operation::reduce_scatter, bytes_of(args.inputs[0]), bytes_of(args.outputs[0]));
}

void run_broadcast(const KernelArgs& args) {
  allocate_over(args.inputs[0], args.outputs[0]);
  run(args, Operation::broadcast, bytes_of(args.inputs[0]), bytes_of(args.outputs[0]));
}

void transfer(const KernelArgs& args, Operation operation, std::span<const std::byte> in,
              std::span<std::byte> out) {
  const CollectiveAttrs& a = of(args.attrs);
  const Transfer t{operation, args.outputs[0].dtype(), a.peer, 0, in, out};
  a.group->run({&t, 1});
}

void run_send(const KernelArgs& args) {
  transfer(args, Operation::send, bytes_of(args.inputs[0]), {});
  args.outputs[0].copy_shared_buffer(args.inputs[0]);
}

// Sends a cotangent; the input that it belongs to gets zeros.
void run_send_back(const KernelArgs& args) {
  transfer(args, Operation::send, bytes_of(args.inputs[0]), {});
  allocate(args.outputs[0]);
  const auto zeros = bytes_of(args.outputs[0]);
  std::fill(zeros.begin(), zeros.end(), std::byte{0});
}

void run_recv(const KernelArgs& args) {
  allocate(args.outputs[0]);
  transfer(args, Operation::recv, {}, bytes_of(args.outputs[0]));
}

void run_barrier(const KernelArgs& args) {
  args.outputs[0].copy_shared_buffer(args.inputs[0]);
  run(args, Operation::barrier, {}, {});
}

// --- Derivatives. The ops refer to each other, so they are declared first.

extern const Op kAllReduce, kAllGather, kSumScatter, kBroadcast, kSend, kSendBack, kRecvLike;

// Dense in row-major order, which is what moves between ranks.
array dense(const array& x) {
  const bool already = x.is_available() && x.flags().row_contiguous;
  return already ? x : contiguous(x);
}

array node(const Op& op, const array& x, CollectiveAttrs attrs, Stream stream) {
  return make_node(op, {dense(x)}, Attrs(std::move(attrs)), stream);
}

// The same operation on tangents, which are the inputs' in number and shape.
template <const Op* op>
Arrays linear(const JvpArgs& args) {
  return {node(*op, args.tangents[0], of(args.attrs), args.stream)};
}

array sum_of(const array& x, const CollectiveAttrs& like, Stream stream) {
  return node(kAllReduce, x, {.group = like.group, .reduction = Reduction::sum}, stream);
}

array holds_extremum(const array& x, const array& y) {
  return logical_or(equal(x, y), logical_and(isnan(x), isnan(y)));
}

Arrays all_reduce_vjp(const VjpArgs& args) {
  const array& g = args.cotangents[0];
  if (of(args.attrs).reduction == Reduction::sum) return {g};
  return {where(holds_extremum(args.inputs[0], args.outputs[0]), g, zeros_like(g))};
}

// Of max and min: the mean of the tangents of those who hold the value.
Arrays all_reduce_jvp(const JvpArgs& args) {
  const CollectiveAttrs& a = of(args.attrs);
  const array& t = args.tangents[0];
  if (a.reduction == Reduction::sum) return {sum_of(t, a, args.stream)};
  const array mask = holds_extremum(args.inputs[0], args.outputs[0]);
  const array total = sum_of(where(mask, t, zeros_like(t)), a, args.stream);
  const array holders = sum_of(astype(mask, t.dtype()), a, args.stream);
  return {divide(total, holders)};
}

Arrays all_gather_vjp(const VjpArgs& args) {
  const array& x = args.inputs[0];
  const array& g = args.cotangents[0];
  const int64_t rank = of(args.attrs).group->rank();
  if (x.ndim() == 0) return {squeeze(slice(g, Shape{rank}, Shape{rank + 1}))};
  Shape start(x.ndim(), 0);
  Shape stop = g.shape();
  start[0] = rank * x.shape(0);
  stop[0] = start[0] + x.shape(0);
  return {slice(g, start, stop)};
}

Arrays sum_scatter_vjp(const VjpArgs& args) {
  return {node(kAllGather, args.cotangents[0], {.group = of(args.attrs).group}, args.stream)};
}

Arrays broadcast_vjp(const VjpArgs& args) {
  const CollectiveAttrs& a = of(args.attrs);
  const array total = sum_of(args.cotangents[0], a, args.stream);
  if (a.group->rank() == a.peer) return {total};
  // Depends on the sum, so that every rank takes part in it.
  return {where(array(false), total, zeros_like(total))};
}

Arrays send_vjp(const VjpArgs& args) {
  const array& g = args.cotangents[0];
  return {add(g, node(kRecvLike, g, of(args.attrs), args.stream))};
}

Arrays recv_like_vjp(const VjpArgs& args) {
  return {node(kSendBack, args.cotangents[0], of(args.attrs), args.stream)};
}

const Op kAllReduce{.name = "AllReduce",
                    .infer = same,
                    .vjp = all_reduce_vjp,
                    .jvp = all_reduce_jvp,
                    .run = run_all_reduce,
                    .ordered = true};
const Op kAllGather{.name = "AllGather",
                    .infer = gathered,
                    .vjp = all_gather_vjp,
                    .jvp = linear<&kAllGather>,
                    .run = run_all_gather,
                    .ordered = true};
const Op kSumScatter{.name = "SumScatter",
                     .infer = scattered,
                     .vjp = sum_scatter_vjp,
                     .jvp = linear<&kSumScatter>,
                     .run = run_sum_scatter,
                     .ordered = true};
const Op kBroadcast{.name = "BroadcastFrom",
                    .infer = same,
                    .vjp = broadcast_vjp,
                    .jvp = linear<&kBroadcast>,
                    .run = run_broadcast,
                    .ordered = true};
const Op kSend{.name = "Send",
               .infer = same,
               .vjp = send_vjp,
               .jvp = linear<&kSend>,
               .run = run_send,
               .ordered = true};
const Op kSendBack{.name = "SendBack", .infer = same, .run = run_send_back, .ordered = true};
const Op kRecv{.name = "Recv", .infer = announced, .run = run_recv, .ordered = true};
const Op kRecvLike{.name = "RecvLike",
                   .infer = same,
                   .vjp = recv_like_vjp,
                   .jvp = linear<&kRecvLike>,
                   .run = run_recv,
                   .ordered = true};
const Op kBarrier{.name = "Barrier", .infer = same, .run = run_barrier, .ordered = true};

// --- Groups and streams.

std::shared_ptr<GroupImpl> group_or_world(const std::optional<Group>& group) {
  return group ? group->raw_group() : init().raw_group();
}

// A device says nothing about which queue: only a stream of the caller's counts.
Stream stream_for(GroupImpl& group, const StreamOrDevice& s) {
  const bool given =
      std::holds_alternative<Stream>(s) || std::holds_alternative<ThreadLocalStream>(s);
  return given ? to_stream(s) : group.stream();
}

array all_reduce(const array& x, Reduction reduction, const std::optional<Group>& group,
                 const StreamOrDevice& s) {
  auto impl = group_or_world(group);
  if (impl->size() == 1) return x;
  const Stream stream = stream_for(*impl, s);
  return node(kAllReduce, x, {.group = std::move(impl), .reduction = reduction}, stream);
}

std::shared_ptr<GroupImpl> group_with_peer(const char* op, int peer,
                                           const std::optional<Group>& group) {
  auto impl = group_or_world(group);
  require(impl->size() > 1, "[", op, "] A group of one has nobody to exchange with.");
  require(peer >= 0 && peer < impl->size() && peer != impl->rank(), "[", op,
          "] Not another rank of the group: got ", peer, ", expected one from 0 to ",
          impl->size() - 1, " other than ", impl->rank(), ".");
  return impl;
}

}  // namespace

array all_sum(const array& x, std::optional<Group> group, StreamOrDevice s) {
  return all_reduce(x, Reduction::sum, group, s);
}

array all_max(const array& x, std::optional<Group> group, StreamOrDevice s) {
  return all_reduce(x, Reduction::max, group, s);
}

array all_min(const array& x, std::optional<Group> group, StreamOrDevice s) {
  return all_reduce(x, Reduction::min, group, s);
}

array all_gather(const array& x, std::optional<Group> group, StreamOrDevice s) {
  auto impl = group_or_world(group);
  if (impl->size() == 1) return x;
  const Stream stream = stream_for(*impl, s);
  return node(kAllGather, x, {.group = std::move(impl)}, stream);
}

array sum_scatter(const array& x, std::optional<Group> group, StreamOrDevice s) {
  auto impl = group_or_world(group);
  if (impl->size() == 1) return x;
  const Stream stream = stream_for(*impl, s);
  return node(kSumScatter, x, {.group = std::move(impl), .reduction = Reduction::sum}, stream);
}

array broadcast(const array& x, int root, std::optional<Group> group, StreamOrDevice s) {
  auto impl = group_or_world(group);
  require(root >= 0 && root < impl->size(), "[broadcast] The root is not a rank of the group: got ",
          root, ", expected one from 0 to ", impl->size() - 1, ".");
  if (impl->size() == 1) return x;
  const Stream stream = stream_for(*impl, s);
  return node(kBroadcast, x, {.group = std::move(impl), .peer = root}, stream);
}

array send(const array& x, int dst, std::optional<Group> group, StreamOrDevice s) {
  auto impl = group_with_peer("send", dst, group);
  const Stream stream = stream_for(*impl, s);
  return node(kSend, x, {.group = std::move(impl), .peer = dst}, stream);
}

array recv(Shape shape, Dtype dtype, int src, std::optional<Group> group, StreamOrDevice s) {
  auto impl = group_with_peer("recv", src, group);
  const Stream stream = stream_for(*impl, s);
  return make_node(
      kRecv, {},
      Attrs(CollectiveAttrs{
          .group = std::move(impl), .peer = src, .shape = std::move(shape), .dtype = dtype}),
      stream);
}

array recv_like(const array& x, int src, std::optional<Group> group, StreamOrDevice s) {
  auto impl = group_with_peer("recv_like", src, group);
  const Stream stream = stream_for(*impl, s);
  return node(kRecvLike, x, {.group = std::move(impl), .peer = src}, stream);
}

void barrier(std::optional<Group> group, StreamOrDevice s) {
  auto impl = group_or_world(group);
  if (impl->size() == 1) return;
  const Stream stream = stream_for(*impl, s);
  node(kBarrier, array(0), {.group = std::move(impl)}, stream).eval();
}

}  // namespace mlx::core::distributed
