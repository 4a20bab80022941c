// What a group is, and what becomes of its failures: the first cause poisons it,
// here and on the other ranks.

#include "mlx/distributed/group.h"

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/distributed/telemetry/flight_dump.h"

namespace mlx::core::distributed::detail {
namespace {

// A rank that gives up closes its connections, so its neighbours see a closed
// connection that is not the cause. The rendezvous tells the causes in order:
// what it says within this time counts.
constexpr Milliseconds kVerdict{300};

}  // namespace

GroupImpl::GroupImpl(std::unique_ptr<Transport> transport, GroupOptions options)
    : transport_(std::move(transport)),
      options_(std::move(options)),
      rank_(transport_->rank()),
      size_(transport_->size()),
      recorder_({options_.group, options_.generation, rank_, options_.world_ranks}),
      limit_(options_.operation_limit),
      exchange_(std::make_shared<Exchange>(*transport_)),
      mailbox_(std::make_shared<Mailbox>(*transport_)),
      roll_call_(std::make_shared<RollCall>(*transport_)) {
  if (!options_.flight_folder.empty()) start_flight_dumper(options_.flight_folder);
}

Stream GroupImpl::stream() {
  const std::lock_guard lock(mutex_);
  if (!stream_) stream_ = new_thread_unsafe_stream(Device(Device::cpu));
  return *stream_;
}

// Decides on the cause: what the rendezvous says, or else ours.
void GroupImpl::settle(Failure ours, bool wait_for_verdict) {
  if (wait_for_verdict) {
    std::unique_lock lock(mutex_);
    failed_.wait_for(lock, kVerdict, [&] { return failure_.has_value(); });
  }
  if (!poison(ours)) return;
  Failure told = std::move(ours);
  const auto world = [&](int rank) {
    return rank < 0 ? rank : options_.world_ranks[static_cast<size_t>(rank)];
  };
  told.rank = world(told.rank);
  told.reporter = world(told.reporter);
  options_.report(told);
}

// Whether this is the first cause.
bool GroupImpl::poison(Failure failure) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = !failure_;
    if (first) failure_ = std::move(failure);
    has_failed_.store(true, std::memory_order_release);
    recorder_.poisoned(failure_->text);
  }
  if (!options_.flight_folder.empty()) request_flight_dump();
  failed_.notify_all();
  // Also when another thread has just begun to: our caller's memory is its own
  // again as soon as it sees the error.
  transport_->abort();
  turns_.open();
  return first;
}

std::optional<Failure> GroupImpl::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

// Empty when it is none of this group's business.
std::optional<Failure> GroupImpl::in_our_numbers(Failure failure) const {
  if (failure.group != Failure::kEveryGroup && failure.group != options_.group) return {};
  const auto& ranks = options_.world_ranks;
  const auto number = [&](int world) {
    const auto at = std::find(ranks.begin(), ranks.end(), world);
    return at == ranks.end() ? -1 : static_cast<int>(at - ranks.begin());
  };
  const int in_the_job = failure.rank;
  failure.rank = number(failure.rank);
  failure.reporter = number(failure.reporter);
  if (in_the_job >= 0 && failure.rank < 0) return {};
  // Groups without a rank in common may have the same id.
  if (failure.group == options_.group && failure.reporter < 0) return {};
  if (failure.rank != in_the_job && failure.group == Failure::kEveryGroup) {
    failure.text += concat(", which is rank ", failure.rank, " of group ", options_.group);
  }
  return failure;
}

void GroupImpl::notice(const Failure& failure) {
  // Who has left may have sent something before: its closed connection tells.
  if (failure.kind == Failure::Kind::left) return;
  if (auto ours = in_our_numbers(failure)) poison(std::move(*ours));
}

void GroupImpl::abort(const std::string& why) {
  settle({Failure::Kind::aborted, options_.group, -1, rank_,
          concat("Rank ", rank_, " aborted the group: ", why)},
         false);
}

}  // namespace mlx::core::distributed::detail
