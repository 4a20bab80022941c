// The path of every collective, once for all of them: turn, order, header,
// deadline, recorder, and what becomes of a failure.

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/distributed/algorithms/algorithms.h"
#include "mlx/distributed/group.h"

namespace mlx::core::distributed::detail {
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

// Fails again at once, before anything that the call in progress may be using
// is touched.
void GroupImpl::throw_if_failed(Operation operation, Reduction reduction, int peer,
                                uint64_t bytes) const {
  if (!has_failed_.load(std::memory_order_acquire)) return;
  const Failure cause = failure().value();
  Header header = blank_header();
  header.sequence = issued_;
  header.reduction = reduction;
  header.bytes = bytes;
  throw_failure(cause, circumstances(header, operation, peer));
}

Milliseconds GroupImpl::limit_of(const Call& call) const {
  return call.limit.count() > 0 ? call.limit : limit_.load();
}

// Reading the clock costs as much as a small message does: it is read again
// only after waiting.
GroupImpl::Times GroupImpl::times_of(Clock::time_point queued, const Turnstile::Pass& pass) {
  return {queued, pass.waited() ? Clock::now() : queued};
}

template <typename Body>
void GroupImpl::run_recorded(const Header& header, Operation operation, int peer, Times times,
                             Milliseconds limit, const Keeper* keeper, const Body& body) {
  const auto start = times.started;
  recorder_.began(header, operation, peer, times.queued, start);
  try {
    body(start + limit);
    recorder_.ended();
  } catch (...) {
    Circumstances where = circumstances(header, operation, peer);
    explain(std::current_exception(), where, limit);
    where.elapsed = std::chrono::duration_cast<Milliseconds>(Clock::now() - start);
    const Failure cause = failure().value();
    recorder_.failed();
    transport_->hold(exchange_);
    transport_->hold(mailbox_);
    transport_->hold(roll_call_);
    if (keeper) transport_->hold(keeper->keep());
    if (!options_.flight_folder.empty()) recorder_.dump(options_.flight_folder);
    throw_failure(cause, where);
  }
}

// Makes the error the cause of the group's failure, unless there is one.
void GroupImpl::explain(const std::exception_ptr& error, const Circumstances& where,
                        Milliseconds limit) {
  const auto cause = [&](Failure::Kind kind, int about, std::string text) {
    return Failure{kind, options_.group, about, rank_, std::move(text)};
  };
  try {
    std::rethrow_exception(error);
  } catch (const PeerLostError& e) {
    const int peer = e.where().peer;
    settle(cause(Failure::Kind::lost, peer, concat("Rank ", peer, " is lost: ", e.what())), true);
  } catch (const DesyncError& e) {
    settle(cause(Failure::Kind::desync, e.where().peer, e.what()), false);
  } catch (const MissingError& e) {
    settle(cause(Failure::Kind::timeout, e.where().peer,
                 concat(e.what(), ", which is ", limit.count(), " ms")),
           false);
  } catch (const TimeoutError& e) {
    const int peer = e.where().peer;
    settle(
        cause(Failure::Kind::timeout, peer,
              concat("Rank ", rank_, " has waited for ",
                     peer < 0 ? "the others" : concat("rank ", peer), " in #", where.number, " ",
                     where.operation, " for ", limit.count(), " ms, the limit of the operation")),
        false);
  } catch (const std::exception& e) {
    // Whatever it is: the other ranks must not wait for us.
    settle(cause(Failure::Kind::aborted, -1, concat("Rank ", rank_, " gave up: ", e.what())),
           false);
  }
}

void GroupImpl::run(const Collective& c, Call call) {
  const auto queued = Clock::now();
  const Turnstile::Pass pass(turns_, call.turn);
  throw_if_failed(c.operation, c.reduction, c.peer, c.bytes());
  if (size_ == 1 && !transport_->is_native(c)) {
    if (c.in.data() != c.out.data()) std::copy_n(c.in.begin(), c.out.size(), c.out.begin());
    return;
  }
  const Algorithm algorithm = transport_->is_native(c)
                                  ? Algorithm::native
                                  : choose_algorithm(c, exchange_->hosts(), options_.algorithm);
  const Header header = header_for(c, algorithm);
  run_recorded(header, c.operation, c.peer, times_of(queued, pass), limit_of(call), c.keeper,
               [&](Deadline deadline) {
                 if (options_.detail) roll_call_->call(header, deadline);
                 exchange_->begin(header, deadline, c.in_parts, c.out_parts);
                 move(c, algorithm, deadline);
               });
}

void GroupImpl::run(std::span<const Transfer> transfers, const Keeper* keeper, Call call) {
  const auto queued = Clock::now();
  const Turnstile::Pass pass(turns_, call.turn);
  if (transfers.empty()) return;
  const Transfer& first = transfers.front();
  throw_if_failed(first.operation, Reduction::none, first.peer, first.bytes());
  const Header header = mailbox_->header_for(first, blank_header());
  run_recorded(header, first.operation, first.peer, times_of(queued, pass), limit_of(call), keeper,
               [&](Deadline deadline) { move(transfers, deadline); });
}

void GroupImpl::monitored_barrier(Milliseconds limit) {
  if (size_ == 1) return;
  const auto queued = Clock::now();
  const Turnstile::Pass pass(turns_, 0);
  throw_if_failed(Operation::barrier, Reduction::none, -1, 0);
  Header header = header_for({}, Algorithm::direct);
  header.tag = 1;  // differs from a barrier's
  try {
    run_recorded(header, Operation::barrier, -1, times_of(queued, pass), limit, nullptr,
                 [&](Deadline deadline) { roll_call_->call(header, deadline); });
  } catch (const AbortedError& error) {
    // Another one of those who came was the first to see who is missing.
    if (failure()->kind != Failure::Kind::timeout) throw;
    throw TimeoutError(error.what(), error.where());
  }
}

std::unique_ptr<Transport> GroupImpl::split_transport(const Part& part) {
  const auto queued = Clock::now();
  const Turnstile::Pass pass(turns_, 0);
  throw_if_failed(Operation::split, Reduction::none, -1, 0);
  const Header header = header_for({.operation = Operation::split}, Algorithm::native);
  std::unique_ptr<Transport> made;
  run_recorded(header, Operation::split, -1, times_of(queued, pass), limit_, nullptr,
               [&](Deadline deadline) {
                 exchange_->begin(header, deadline);
                 if (size_ > 1) exchange_->compare_with_neighbours();
                 made = transport_->split(part, deadline);
               });
  return made;
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

}  // namespace mlx::core::distributed::detail
