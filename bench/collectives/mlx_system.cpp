#include "mlx_system.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "mlx/core/array.h"
#include "mlx/core/transforms.h"
#include "mlx/distributed/group.h"
#include "mlx/distributed/ops.h"

namespace mlx::bench {
namespace {

namespace dist = core::distributed;
using core::array;
using dist::Group;

class LayerSystem : public System {
 public:
  explicit LayerSystem(Group group) : group_(std::move(group)) {}

  int rank() const override { return group_.rank(); }
  int ranks() const override { return group_.size(); }
  void barrier() override { group_.raw_group()->run(dist::Collective{}); }

  void merge(std::span<double> values, Merge how) override {
    group_.raw_group()->run({.operation = Operation::all_reduce,
                             .reduction = how == Merge::sum ? Reduction::sum : Reduction::max,
                             .dtype = core::float64,
                             .in = std::as_bytes(values),
                             .out = std::as_writable_bytes(values)});
  }

  std::optional<Call> prepare(const Case& c, std::span<const std::byte> in,
                              std::span<std::byte> out) override {
    dist::detail::GroupImpl& group = *group_.raw_group();
    if (c.op.operation == Operation::send) return transfer(c, in, out);
    dist::Collective collective{.operation = c.op.operation,
                                .reduction = c.op.reduction,
                                .dtype = c.dtype,
                                .peer = c.has_root() ? 0 : -1,
                                .in = in,
                                .out = out};
    if (c.op.operation != Operation::broadcast) {
      return Call{[&group, collective] { group.run(collective); }};
    }
    // In place, as MPI_Bcast.
    if (c.is_root()) collective.in = out;
    return Call{.run = [&group, collective] { group.run(collective); },
                .load = [in, out] { std::copy(in.begin(), in.end(), out.begin()); }};
  }

 protected:
  std::optional<Call> transfer(const Case& c, std::span<const std::byte> in,
                               std::span<std::byte> out) {
    if (c.ranks == 1) return {};
    const int next = (c.rank + 1) % c.ranks, previous = (c.rank + c.ranks - 1) % c.ranks;
    const std::array<dist::Transfer, 2> both{
        dist::Transfer{.operation = Operation::send, .dtype = c.dtype, .peer = next, .in = in},
        dist::Transfer{
            .operation = Operation::recv, .dtype = c.dtype, .peer = previous, .out = out}};
    return Call{[this, both] { group_.raw_group()->run(both); }};
  }

  const Group group_;
};

array array_of(const Case& c, std::span<const std::byte> bytes) {
  const auto count = static_cast<int64_t>(bytes.size() / c.dtype.size());
  return array(const_cast<std::byte*>(bytes.data()), {count}, c.dtype, [](void*) {});
}

class GraphSystem final : public LayerSystem {
 public:
  using LayerSystem::LayerSystem;

  std::optional<Call> prepare(const Case& c, std::span<const std::byte> in,
                              std::span<std::byte> out) override {
    if (c.op.operation == Operation::barrier) return Call{[this] { dist::barrier(group_); }};
    if (c.op.operation == Operation::send && c.ranks == 1) return {};
    // Of a scatter and a broadcast the others give shape and dtype.
    const auto filler = std::make_shared<std::vector<std::byte>>(in.empty() ? c.bytes() : 0);
    const array x = array_of(c, in.empty() ? std::span<const std::byte>(*filler) : in);
    const auto result = std::make_shared<array>(x);
    return Call{.run =
                    [this, c, x, result, filler] {
                      *result = apply(c, x);
                      core::eval(*result);
                    },
                .store =
                    [result, out] {
                      if (!out.empty())
                        std::memcpy(out.data(), result->data<std::byte>(), out.size());
                    }};
  }

 private:
  array apply(const Case& c, const array& x) const {
    switch (c.op.operation) {
      case Operation::all_reduce:
        return all_reduce(c.op.reduction, x);
      case Operation::all_gather:
        return dist::all_gather(x, group_);
      case Operation::reduce_scatter:
        return dist::sum_scatter(x, group_);
      case Operation::broadcast:
        return dist::broadcast(x, 0, group_);
      case Operation::reduce:
        return dist::reduce(x, 0, group_);
      case Operation::gather:
        return dist::gather(x, 0, group_);
      case Operation::scatter:
        return dist::scatter(x, 0, group_);
      case Operation::all_to_all:
        return dist::all_to_all(x, group_);
      default:
        return send_recv(c, x);
    }
  }

  array all_reduce(Reduction reduction, const array& x) const {
    switch (reduction) {
      case Reduction::sum:
        return dist::all_sum(x, group_);
      case Reduction::prod:
        return dist::all_prod(x, group_);
      case Reduction::min:
        return dist::all_min(x, group_);
      default:
        return dist::all_max(x, group_);
    }
  }

  array send_recv(const Case& c, const array& x) const {
    const int next = (c.rank + 1) % c.ranks, previous = (c.rank + c.ranks - 1) % c.ranks;
    const auto both = dist::send_recv(
        {dist::Parcel::send(x, next), dist::Parcel::recv(x.shape(), x.dtype(), previous)}, group_);
    core::eval(both);
    return both[1];
  }
};

}  // namespace

std::unique_ptr<System> layer_system(const Group& group) {
  return std::make_unique<LayerSystem>(group);
}

std::unique_ptr<System> graph_system(const Group& group) {
  return std::make_unique<GraphSystem>(group);
}

}  // namespace mlx::bench
