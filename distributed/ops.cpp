#include "mlx/distributed/ops.h"

#include <algorithm>
#include <numeric>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/transforms.h"
#include "mlx/distributed/collective_ops.h"

namespace mlx::core::distributed {

using detail::GroupImpl;

// --- What the ops share.

array dense(const array& x) {
  const bool already = x.is_available() && x.flags().row_contiguous;
  return already ? x : contiguous(x);
}

array collective(const Op& op, const array& x, CollectiveAttrs attrs, Stream stream) {
  // Of a scatter's input only the root's values count.
  const bool counts = &op != &kScatter || attrs.group->rank() == attrs.root;
  return make_node(op, {counts ? dense(x) : x}, Attrs(std::move(attrs)), stream);
}

GroupHandle group_or_world(const std::optional<Group>& group) {
  if (!group) return {init().raw_group()};
  return {group->raw_group(), group->own_timeout().value_or(Milliseconds{0})};
}

Stream stream_for(GroupImpl& group, const StreamOrDevice& s) {
  const bool given =
      std::holds_alternative<Stream>(s) || std::holds_alternative<ThreadLocalStream>(s);
  return given ? to_stream(s) : group.stream();
}

void allocate(array& out) { out.set_data(allocator::malloc(out.nbytes())); }

std::shared_ptr<void> BufferKeeper::keep() const {
  auto buffers = std::make_shared<std::vector<std::shared_ptr<array::Data>>>();
  for (const array& x : args_.inputs) buffers->push_back(x.data_shared_ptr());
  for (const array& x : args_.outputs) buffers->push_back(x.data_shared_ptr());
  return buffers;
}

namespace {

bool at_root(const Attrs& attrs) {
  const CollectiveAttrs& a = collective_attrs(attrs);
  return a.group->rank() == a.root;
}

int64_t total(const Rows& rows) { return std::accumulate(rows.begin(), rows.end(), int64_t{0}); }

// --- Shapes of the results.

Type same(Inputs in, const Attrs&) { return {in[0].shape(), in[0].dtype()}; }

Type gathered(Inputs in, const Attrs& attrs) {
  const CollectiveAttrs& a = collective_attrs(attrs);
  const int ranks = a.group->size();
  Shape shape = in[0].shape();
  if (shape.empty()) return {{ranks}, in[0].dtype()};
  shape[0] = a.from_each.empty() ? shape[0] * ranks : total(a.from_each);
  return {std::move(shape), in[0].dtype()};
}

Type gathered_at_root(Inputs in, const Attrs& attrs) {
  Type type = gathered(in, attrs);
  if (!at_root(attrs)) type.shape[0] = 0;
  return type;
}

// This rank's part of axis 0.
Type scattered(Inputs in, const Attrs& attrs) {
  const CollectiveAttrs& a = collective_attrs(attrs);
  Shape shape = in[0].shape();
  shape[0] = a.to_each.empty() ? shape[0] / a.group->size()
                               : a.to_each[static_cast<size_t>(a.group->rank())];
  return {std::move(shape), in[0].dtype()};
}

Type exchanged(Inputs in, const Attrs& attrs) {
  const CollectiveAttrs& a = collective_attrs(attrs);
  Shape shape = in[0].shape();
  if (!a.from_each.empty()) shape[0] = total(a.from_each);
  return {std::move(shape), in[0].dtype()};
}

// --- Kernels.

// The output, over the input's memory when nobody else sees that.
void allocate_over(const array& in, array& out) {
  if (in.is_donatable()) {
    out.copy_shared_buffer(in);
  } else {
    allocate(out);
  }
}

// The bytes of each rank's rows of an array.
std::vector<size_t> parts_of(const Rows& rows, const array& x) {
  size_t row_bytes = x.itemsize();
  for (size_t axis = 1; axis < x.ndim(); ++axis) row_bytes *= static_cast<size_t>(x.shape()[axis]);
  std::vector<size_t> parts;
  for (const int64_t count : rows) parts.push_back(static_cast<size_t>(count) * row_bytes);
  return parts;
}

void run(const KernelArgs& args, Operation operation, std::span<const std::byte> in,
         std::span<std::byte> out) {
  const CollectiveAttrs& a = collective_attrs(args.attrs);
  const std::vector<size_t> to_each = parts_of(a.to_each, args.outputs[0]);
  const std::vector<size_t> from_each = parts_of(a.from_each, args.outputs[0]);
  const BufferKeeper keeper(args);
  a.group->run({.operation = operation,
                .reduction = a.reduction,
                .dtype = args.outputs[0].dtype(),
                .peer = a.root,
                .in = in,
                .out = out,
                .in_parts = to_each,
                .out_parts = from_each,
                .keeper = &keeper},
               {.turn = args.turn, .limit = a.group.limit});
}

template <Operation operation>
void run_in_place(const KernelArgs& args) {
  allocate_over(args.inputs[0], args.outputs[0]);
  run(args, operation, bytes_of(args.inputs[0]), bytes_of(args.outputs[0]));
}

template <Operation operation>
void run_beside(const KernelArgs& args) {
  allocate(args.outputs[0]);
  run(args, operation, bytes_of(args.inputs[0]), bytes_of(args.outputs[0]));
}

void run_reduce(const KernelArgs& args) {
  if (at_root(args.attrs)) return run_in_place<Operation::reduce>(args);
  allocate_over(args.inputs[0], args.outputs[0]);
  run(args, Operation::reduce, bytes_of(args.inputs[0]), {});
  const auto zeros = bytes_of(args.outputs[0]);
  std::fill(zeros.begin(), zeros.end(), std::byte{0});
}

void run_scatter(const KernelArgs& args) {
  const bool root = at_root(args.attrs);
  allocate(args.outputs[0]);
  run(args, Operation::scatter, root ? bytes_of(args.inputs[0]) : std::span<std::byte>{},
      bytes_of(args.outputs[0]));
}

void run_barrier(const KernelArgs& args) {
  args.outputs[0].copy_shared_buffer(args.inputs[0]);
  run(args, Operation::barrier, {}, {});
}

// The numbers of rows hold for one size of the input.
bool has_rows(const Attrs& attrs) {
  const CollectiveAttrs& a = collective_attrs(attrs);
  return !a.to_each.empty() || !a.from_each.empty();
}

constexpr const Turns* kTurns = &kGroupTurns<CollectiveAttrs>;

}  // namespace

const Op kAllReduce{.name = "AllReduce",
                    .infer = same,
                    .vjp = vjp_all_reduce,
                    .jvp = jvp_all_reduce,
                    .vmap = vmap_elements<&kAllReduce>,
                    .run = run_in_place<Operation::all_reduce>,
                    .ordered = true,
                    .turns = kTurns};
const Op kAllGather{.name = "AllGather",
                    .infer = gathered,
                    .vjp = vjp_all_gather,
                    .jvp = linear<&kAllGather>,
                    .vmap = vmap_rows<&kAllGather>,
                    .run = run_beside<Operation::all_gather>,
                    .ordered = true,
                    .holds_sizes = has_rows,
                    .turns = kTurns};
const Op kSumScatter{.name = "SumScatter",
                     .infer = scattered,
                     .vjp = vjp_sum_scatter,
                     .jvp = linear<&kSumScatter>,
                     .vmap = vmap_rows<&kSumScatter>,
                     .run = run_beside<Operation::reduce_scatter>,
                     .ordered = true,
                     .holds_sizes = kAlways,
                     .turns = kTurns};
const Op kBroadcast{.name = "BroadcastFrom",
                    .infer = same,
                    .vjp = vjp_broadcast,
                    .jvp = linear<&kBroadcast>,
                    .vmap = vmap_elements<&kBroadcast>,
                    .run = run_in_place<Operation::broadcast>,
                    .ordered = true,
                    .turns = kTurns};
const Op kReduce{.name = "ReduceTo",
                 .infer = same,
                 .vjp = vjp_reduce,
                 .jvp = jvp_reduce,
                 .vmap = vmap_elements<&kReduce>,
                 .run = run_reduce,
                 .ordered = true,
                 .turns = kTurns};
const Op kGather{.name = "GatherTo",
                 .infer = gathered_at_root,
                 .vjp = vjp_gather,
                 .jvp = linear<&kGather>,
                 .vmap = vmap_rows<&kGather>,
                 .run = run_beside<Operation::gather>,
                 .ordered = true,
                 .holds_sizes = has_rows,
                 .turns = kTurns};
const Op kScatter{.name = "ScatterFrom",
                  .infer = scattered,
                  .vjp = vjp_scatter,
                  .jvp = linear<&kScatter>,
                  .vmap = vmap_rows<&kScatter>,
                  .run = run_scatter,
                  .ordered = true,
                  .holds_sizes = kAlways,
                  .turns = kTurns};
const Op kAllToAll{.name = "AllToAll",
                   .infer = exchanged,
                   .vjp = vjp_all_to_all,
                   .jvp = linear<&kAllToAll>,
                   .vmap = vmap_rows<&kAllToAll>,
                   .run = run_beside<Operation::all_to_all>,
                   .ordered = true,
                   .holds_sizes = kAlways,
                   .turns = kTurns};
const Op kBarrier{
    .name = "Barrier", .infer = same, .run = run_barrier, .ordered = true, .turns = kTurns};

namespace {

// --- Checks.

void check_root(const char* op, int root, const GroupImpl& group) {
  require(root >= 0 && root < group.size(), "[", op, "] The root is not a rank of the group: got ",
          root, ", expected one from 0 to ", group.size() - 1, ".");
}

void check_divides(const char* op, const array& x, const GroupImpl& group) {
  require(x.ndim() > 0 && x.shape(0) % group.size() == 0, "[", op,
          "] Axis 0 cannot be divided: got shape ", x.shape(), ", expected a multiple of ",
          group.size(), " ranks. Where the parts differ, give their sizes.");
}

void check_sizes(const char* op, const Rows& sizes, const GroupImpl& group) {
  const bool negative = std::any_of(sizes.begin(), sizes.end(), [](int64_t n) { return n < 0; });
  require(!negative && sizes.size() == static_cast<size_t>(group.size()), "[", op,
          "] The sizes make no sense: got ", Shape(sizes.begin(), sizes.end()),
          ", expected one that is not negative for each of ", group.size(), " ranks.");
}

void check_rows(const char* op, const array& x, int64_t rows) {
  require(x.ndim() > 0 && x.shape(0) == rows, "[", op,
          "] Axis 0 does not fit the sizes: got shape ", x.shape(), ", expected ", rows,
          " along it.");
}

// --- Nodes.

array make(const Op& op, const array& x, CollectiveAttrs attrs, const StreamOrDevice& s) {
  if (attrs.group->size() == 1) return x;
  const Stream stream = stream_for(*attrs.group, s);
  return collective(op, x, std::move(attrs), stream);
}

array reduce_to_all(const array& x, Reduction reduction, const std::optional<Group>& group,
                    const StreamOrDevice& s) {
  return make(kAllReduce, x, {.group = group_or_world(group), .reduction = reduction}, s);
}

array reduce_at(const char* op, const array& x, Reduction reduction, int root,
                const std::optional<Group>& group, const StreamOrDevice& s) {
  auto impl = group_or_world(group);
  check_root(op, root, *impl);
  return make(kReduce, x, {.group = std::move(impl), .reduction = reduction, .root = root}, s);
}

int64_t rows_of(const Rows& sizes, const GroupImpl& group) {
  return sizes[static_cast<size_t>(group.rank())];
}

}  // namespace

// --- To all.

array all_sum(const array& x, std::optional<Group> group, StreamOrDevice s) {
  return reduce_to_all(x, Reduction::sum, group, s);
}

array all_prod(const array& x, std::optional<Group> group, StreamOrDevice s) {
  return reduce_to_all(x, Reduction::prod, group, s);
}

array all_max(const array& x, std::optional<Group> group, StreamOrDevice s) {
  return reduce_to_all(x, Reduction::max, group, s);
}

array all_min(const array& x, std::optional<Group> group, StreamOrDevice s) {
  return reduce_to_all(x, Reduction::min, group, s);
}

array all_gather(const array& x, std::optional<Group> group, StreamOrDevice s) {
  return make(kAllGather, x, {.group = group_or_world(group)}, s);
}

array all_gather(const array& x, const Sizes& sizes, std::optional<Group> group, StreamOrDevice s) {
  auto impl = group_or_world(group);
  check_sizes("all_gather", sizes.of_ranks, *impl);
  check_rows("all_gather", x, rows_of(sizes.of_ranks, *impl));
  return make(kAllGather, x, {.group = std::move(impl), .from_each = sizes.of_ranks}, s);
}

array sum_scatter(const array& x, std::optional<Group> group, StreamOrDevice s) {
  auto impl = group_or_world(group);
  if (impl->size() == 1) return x;
  check_divides("sum_scatter", x, *impl);
  return make(kSumScatter, x, {.group = std::move(impl), .reduction = Reduction::sum}, s);
}

array sum_scatter(const array& x, const Sizes& sizes, std::optional<Group> group,
                  StreamOrDevice s) {
  auto impl = group_or_world(group);
  check_sizes("sum_scatter", sizes.of_ranks, *impl);
  check_rows("sum_scatter", x, total(sizes.of_ranks));
  return make(kSumScatter, x,
              {.group = std::move(impl), .reduction = Reduction::sum, .to_each = sizes.of_ranks},
              s);
}

array all_to_all(const array& x, std::optional<Group> group, StreamOrDevice s) {
  auto impl = group_or_world(group);
  if (impl->size() == 1) return x;
  check_divides("all_to_all", x, *impl);
  return make(kAllToAll, x, {.group = std::move(impl)}, s);
}

array all_to_all(const array& x, const Sizes& to_each, const Sizes& from_each,
                 std::optional<Group> group, StreamOrDevice s) {
  auto impl = group_or_world(group);
  check_sizes("all_to_all", to_each.of_ranks, *impl);
  check_sizes("all_to_all", from_each.of_ranks, *impl);
  check_rows("all_to_all", x, total(to_each.of_ranks));
  const int64_t kept = rows_of(to_each.of_ranks, *impl);
  require(kept == rows_of(from_each.of_ranks, *impl),
          "[all_to_all] What a rank keeps must agree: got ", kept, " to itself, expected ",
          rows_of(from_each.of_ranks, *impl), " as it expects from itself.");
  return make(
      kAllToAll, x,
      {.group = std::move(impl), .to_each = to_each.of_ranks, .from_each = from_each.of_ranks}, s);
}

// --- From and to one.

array broadcast(const array& x, int root, std::optional<Group> group, StreamOrDevice s) {
  auto impl = group_or_world(group);
  check_root("broadcast", root, *impl);
  return make(kBroadcast, x, {.group = std::move(impl), .root = root}, s);
}

array reduce(const array& x, int root, std::optional<Group> group, StreamOrDevice s) {
  return reduce_at("reduce", x, Reduction::sum, root, group, s);
}

array reduce_prod(const array& x, int root, std::optional<Group> group, StreamOrDevice s) {
  return reduce_at("reduce_prod", x, Reduction::prod, root, group, s);
}

array reduce_max(const array& x, int root, std::optional<Group> group, StreamOrDevice s) {
  return reduce_at("reduce_max", x, Reduction::max, root, group, s);
}

array reduce_min(const array& x, int root, std::optional<Group> group, StreamOrDevice s) {
  return reduce_at("reduce_min", x, Reduction::min, root, group, s);
}

array gather(const array& x, int root, std::optional<Group> group, StreamOrDevice s) {
  auto impl = group_or_world(group);
  check_root("gather", root, *impl);
  return make(kGather, x, {.group = std::move(impl), .root = root}, s);
}

array gather(const array& x, const Sizes& sizes, int root, std::optional<Group> group,
             StreamOrDevice s) {
  auto impl = group_or_world(group);
  check_root("gather", root, *impl);
  check_sizes("gather", sizes.of_ranks, *impl);
  check_rows("gather", x, rows_of(sizes.of_ranks, *impl));
  return make(kGather, x, {.group = std::move(impl), .root = root, .from_each = sizes.of_ranks}, s);
}

array scatter(const array& x, int root, std::optional<Group> group, StreamOrDevice s) {
  auto impl = group_or_world(group);
  check_root("scatter", root, *impl);
  if (impl->size() == 1) return x;
  check_divides("scatter", x, *impl);
  return make(kScatter, x, {.group = std::move(impl), .root = root}, s);
}

array scatter(const array& x, const Sizes& sizes, int root, std::optional<Group> group,
              StreamOrDevice s) {
  auto impl = group_or_world(group);
  check_root("scatter", root, *impl);
  check_sizes("scatter", sizes.of_ranks, *impl);
  require(x.ndim() > 0, "[scatter] A scalar has no axis to divide.");
  if (impl->rank() == root) check_rows("scatter", x, total(sizes.of_ranks));
  return make(kScatter, x, {.group = std::move(impl), .root = root, .to_each = sizes.of_ranks}, s);
}

// --- Of no data.

Sizes gather_sizes(int64_t size, std::optional<Group> group, StreamOrDevice s) {
  if (group_or_world(group)->size() == 1) return Rows{size};
  array all = all_gather(array(size, int64), std::move(group), s);
  all.eval();
  return Rows(all.data<int64_t>(), all.data<int64_t>() + all.size());
}

void barrier(std::optional<Group> group, StreamOrDevice s) {
  make(kBarrier, array(0), {.group = group_or_world(group)}, s).eval();
}

}  // namespace mlx::core::distributed
