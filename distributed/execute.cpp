// The path of every collective, once for all of them: turn, order, header,
// deadline, recorder, and what becomes of a failure.

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/distributed/algorithms/algorithms.h"
#include "mlx/distributed/group.h"

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
      recorder_(rank_, size_, options_.group),
      exchange_(std::make_shared<Exchange>(*transport_)),
      mailbox_(std::make_shared<Mailbox>(*transport_)) {}

Stream GroupImpl::stream() {
  const std::lock_guard lock(mutex_);
  if (!stream_) stream_ = new_thread_unsafe_stream(Device(Device::cpu));
  return *stream_;
}

namespace {

bool has_root(Operation operation) {
  return operation == Operation::broadcast || operation == Operation::reduce ||
         operation == Operation::gather || operation == Operation::scatter;
}

// FNV-1a over the sizes. 0 when the parts are even, or known to a pair only.
uint32_t digest_of_parts(const Collective& c) {
  if (c.operation == Operation::all_to_all) return 0;
  const auto parts = c.in_parts.empty() ? c.out_parts : c.in_parts;
  if (parts.empty()) return 0;
  uint32_t digest = 2166136261u;
  for (const std::byte byte : std::as_bytes(parts)) {
    digest = (digest ^ static_cast<uint32_t>(byte)) * 16777619u;
  }
  return digest | 1;
}

}  // namespace

Header GroupImpl::blank_header() const {
  Header h{};
  h.generation = static_cast<uint32_t>(options_.generation);
  h.group = options_.group;
  return h;
}

Header GroupImpl::header_for(const Collective& c, Algorithm algorithm) {
  Header h = blank_header();
  h.sequence = issued_++;
  h.bytes = c.bytes();
  h.dtype = static_cast<uint8_t>(c.dtype.val());
  h.reduction = c.reduction;
  h.operation = c.operation;
  h.algorithm = algorithm;
  h.root = has_root(c.operation) ? c.peer : -1;
  h.parts = digest_of_parts(c);
  return h;
}

Circumstances GroupImpl::circumstances(const Header& h, Operation operation, int peer) const {
  Circumstances where;
  where.rank = rank_;
  where.peer = peer;
  where.group = options_.group;
  where.operation = operation_name(operation, h.reduction);
  where.number = h.sequence;
  where.bytes = h.bytes;
  return where;
}

void GroupImpl::run(const Collective& c) {
  if (size_ == 1 && !transport_->is_native(c)) {
    if (c.in.data() != c.out.data()) std::copy_n(c.in.begin(), c.out.size(), c.out.begin());
    return;
  }
  const std::lock_guard turn(turn_);
  const Algorithm algorithm = transport_->is_native(c)
                                  ? Algorithm::native
                                  : choose_algorithm(c, exchange_->hosts(), options_.algorithm);
  const Header header = header_for(c, algorithm);
  run_recorded(header, c.operation, c.peer, c.keeper, [&](Deadline deadline) {
    exchange_->begin(header, deadline, c.in_parts, c.out_parts);
    move(c, algorithm, deadline);
  });
}

void GroupImpl::run(std::span<const Transfer> transfers, const Keeper* keeper) {
  if (transfers.empty()) return;
  const std::lock_guard turn(turn_);
  const Transfer& first = transfers.front();
  const Header header = mailbox_->header_for(first, blank_header());
  run_recorded(header, first.operation, first.peer, keeper,
               [&](Deadline deadline) { move(transfers, deadline); });
}

void GroupImpl::move(const Collective& c, Algorithm algorithm, Deadline deadline) {
  if (algorithm != Algorithm::native) return run_algorithm(*exchange_, c, algorithm);
  if (size_ > 1) exchange_->compare_with_neighbours();
  transport_->run_native(c, deadline);
}

void GroupImpl::move(std::span<const Transfer> transfers, Deadline deadline) {
  if (!transport_->is_native(transfers)) {
    return mailbox_->run(transfers, blank_header(), deadline);
  }
  mailbox_->compare(transfers, blank_header(), deadline);
  transport_->run_native(transfers, deadline);
}

void GroupImpl::run_recorded(const Header& header, Operation operation, int peer,
                             const Keeper* keeper, const std::function<void(Deadline)>& body) {
  Circumstances where = circumstances(header, operation, peer);
  if (const auto cause = failure()) throw_failure(*cause, where);
  const auto start = Clock::now();
  recorder_.began(header, operation, peer);
  try {
    attempt(body, start + options_.operation_limit, where);
    recorder_.ended();
  } catch (const DistributedError&) {
    where.elapsed = std::chrono::duration_cast<Milliseconds>(Clock::now() - start);
    const Failure cause = failure().value();
    recorder_.failed(cause.text);
    transport_->hold(exchange_);
    transport_->hold(mailbox_);
    if (keeper) transport_->hold(keeper->keep());
    if (!options_.flight_folder.empty()) recorder_.dump(options_.flight_folder);
    throw_failure(cause, where);
  }
}

// Runs it; when that fails, there is a cause before the error goes on.
void GroupImpl::attempt(const std::function<void(Deadline)>& body, Deadline deadline,
                        const Circumstances& where) {
  try {
    body(deadline);
  } catch (const PeerLostError& error) {
    const int peer = error.where().peer;
    settle({Failure::Kind::lost, options_.group, peer, rank_,
            concat("Rank ", peer, " is lost: ", error.what())},
           true);
    throw;
  } catch (const DesyncError& error) {
    settle({Failure::Kind::desync, options_.group, error.where().peer, rank_, error.what()}, false);
    throw;
  } catch (const TimeoutError& error) {
    const int peer = error.where().peer;
    settle(
        {Failure::Kind::timeout, options_.group, peer, rank_,
         concat("Rank ", rank_, " has waited for ", peer < 0 ? "the others" : concat("rank ", peer),
                " in #", where.number, " ", where.operation, " for ",
                options_.operation_limit.count(), " ms, the limit of an operation")},
        false);
    throw;
  } catch (const std::exception& error) {
    // Whatever it is: the other ranks must not wait for us.
    settle({Failure::Kind::aborted, options_.group, -1, rank_,
            concat("Rank ", rank_, " gave up: ", error.what())},
           false);
    throw;
  }
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
  }
  failed_.notify_all();
  // Also when another thread has just begun to: our caller's memory is its own
  // again as soon as it sees the error.
  transport_->abort();
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
  const bool concerns_a_rank = failure.rank >= 0;
  failure.rank = number(failure.rank);
  failure.reporter = number(failure.reporter);
  if (concerns_a_rank && failure.rank < 0) return {};
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
