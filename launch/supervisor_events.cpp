// What happens during a job, turn by turn.

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/launch/error.h"
#include "mlx/launch/signals.h"
#include "mlx/launch/supervisor.h"

namespace mlx::launch {
namespace {

namespace dist = core::distributed;
using core::concat;
using std::chrono::milliseconds;

// The terminal may come back to us at any time, without a signal.
constexpr milliseconds kLongestNap{1'000};
// Between two attempts to reach a host that was lost.
constexpr milliseconds kBetweenAttempts{1'000};
// Confirming every line would cost more than the line.
constexpr uint64_t kWorthConfirming = kOutputWindow / 8;
constexpr int kTimeIsUp = 124;

double in_seconds(milliseconds time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

void Supervisor::watch_everything() {
  poller_.watch(signals_.fd(), POLLIN, [this] { on_signal(); });
  poller_.watch(output_.writer().progress_fd(), POLLIN, [this] { output_.writer().clear(); });
  if (meeting_place_) {
    poller_.watch(meeting_place_.fd(), POLLIN, [this] { dist::accept_one(meeting_place_); });
  }
  bool input_wanted = false;
  for (Member& member : members_) {
    if (member.connection) {
      member.connection->watch(poller_,
                               [this, &member](const Frame& frame) { on_frame(member, frame); });
    }
    input_wanted |= member.reads_input && !member.over;
  }
  input_.watch(poller_, input_wanted && phase_ == Phase::running,
               [this](std::string_view bytes) { pass_input(bytes); });
}

Clock::time_point Supervisor::next_deadline() const {
  Clock::time_point next = std::min({Clock::now() + kLongestNap, phase_ends_, next_ping_});
  if (options_.timeout && phase_ != Phase::stopping) {
    next = std::min(next, started_ + *options_.timeout);
  }
  return next;
}

void Supervisor::after_turn() {
  look_after_hosts();
  if (verdict_.decided()) stop_all();
  act_on_time();
  confirm_output();
  ping_all();
  const auto all = [this](auto is) { return std::all_of(members_.begin(), members_.end(), is); };
  if (phase_ == Phase::connecting &&
      all([](const Member& m) { return m.connection && m.connection->answered(); })) {
    prepare_all();
  }
  if (phase_ == Phase::preparing && all([](const Member& m) { return m.ready; })) go();
}

void Supervisor::look_after_hosts() {
  const auto now = Clock::now();
  const bool ranks_run = phase_ == Phase::running || phase_ == Phase::stopping;
  for (Member& member : members_) {
    if (!member.connection) {
      if (phase_ == Phase::connecting && now >= member.connect_again) connect(member);
      continue;
    }
    Connection& connection = *member.connection;
    connection.look();
    const bool may_be_silent = member.plan.way == Way::here || member.over || !ranks_run;
    if (!may_be_silent && now > connection.heard() + job_.limits.heartbeat) {
      connection.give_up(
          concat("it has said nothing for ", in_seconds(job_.limits.heartbeat), " s"));
    }
    if (connection.loss() && !member.over) lose(member);
  }
}

void Supervisor::lose(Member& member) {
  if (restarts_ > 0 && phase_ == Phase::connecting && Clock::now() < phase_ends_) {
    member.connection.reset();  // it may just be starting up
    member.connect_again = Clock::now() + kBetweenAttempts;
    return;
  }
  member.over = true;
  for (const RankPlan& rank : member.plan.ranks) {
    for (const size_t stream : {0, 1}) output_.end(static_cast<size_t>(rank.rank), stream);
  }
  verdict_.host_lost(index_of(member), member.connection->heard());
}

void Supervisor::act_on_time() {
  const auto now = Clock::now();
  if (const auto failure = output_.failure()) {
    told_to_end_ = true;
    stop(failure->reason, failure->ours ? 128 + SIGPIPE : LaunchError::kFailed);
  }
  if (options_.timeout && phase_ != Phase::stopping && now >= started_ + *options_.timeout) {
    told_to_end_ = true;
    stop(concat("The time limit of ", in_seconds(*options_.timeout), " s is over."), kTimeIsUp);
  }
  if (now < phase_ends_) return;
  const std::string limit = concat(" within ", in_seconds(options_.connect), " s");
  for (Member& member : members_) {
    if (member.over) continue;
    const bool answered = member.connection && member.connection->answered();
    const std::string reason = phase_ == Phase::stopping    ? "it does not stop its ranks"
                               : phase_ == Phase::preparing ? "it does not get ready" + limit
                                                            : "it has not answered" + limit;
    if (phase_ == Phase::connecting && answered) continue;
    if (phase_ == Phase::preparing && member.ready) continue;
    if (!member.connection) connect(member);
    member.connection->give_up(reason);
    lose(member);
  }
}

// Agents may go on sending as far as our reader goes on reading.
void Supervisor::confirm_output() {
  if (output_.writer().full() && !impatient_) return;
  for (Member& member : members_) {
    if (member.over || member.to_confirm < kWorthConfirming) continue;
    member.connection->send(FrameType::passed, to_payload(Offset{member.to_confirm}));
    member.to_confirm = 0;
  }
}

void Supervisor::ping_all() {
  const auto now = Clock::now();
  if (now < next_ping_) return;
  next_ping_ = now + std::min(kPingInterval, job_.limits.heartbeat / kPingsInLimit);
  for (Member& member : members_) {
    const bool listens = member.connection && member.connection->answered();
    if (listens && !member.connection->loss()) member.connection->send(FrameType::ping);
  }
}

void Supervisor::on_signal() {
  const int signal = read_signal(signals_);
  if (signal == 0 || signal == SIGCHLD) return;
  told_to_end_ = true;
  if (signal == SIGINT && phase_ == Phase::stopping) {
    impatient_ = true;
    kill_all();
  }
  stop(concat("Stopped by SIG", sigabbrev_np(signal), "."), 128 + signal);
}

void Supervisor::on_frame(Member& member, const Frame& frame) {
  switch (frame.type) {
    case FrameType::ready:
      member.ready = true;
      break;
    case FrameType::refused:
      on_refused(member, to_refused(frame.payload));
      break;
    case FrameType::started:
      on_started(to_started(frame.payload));
      break;
    case FrameType::output:
      on_output(member, frame.payload);
      break;
    case FrameType::taken:
      input_.taken(to_offset(frame.payload).bytes);
      break;
    case FrameType::input_done:
      member.reads_input = false;
      break;
    case FrameType::ended:
      on_ended(to_ended(frame.payload));
      break;
    case FrameType::done:
      member.over = true;
      break;
    default:
      break;  // pings
  }
}

void Supervisor::on_refused(Member& member, const Refused& refused) {
  const std::string where = plan_.on_several_hosts() ? concat(name_of(member), ": ") : "";
  stop(where + refused.reason, refused.exit_code);
}

void Supervisor::on_started(const Started& started) {
  for (const auto& [number, pid] : started.processes) {
    Rank& rank = rank_at(number);
    rank.started = true;
    rank.pid = pid;
    note(concat("Rank ", number, place_of(number), " is process ", pid, "."));
  }
}

void Supervisor::on_output(Member& member, std::string_view payload) {
  const OutputHeader header = take_output_header(payload);
  rank_at(static_cast<int>(header.rank));
  if (payload.empty()) return output_.end(header.rank, header.stream);
  output_.take(header.rank, header.stream, payload);
  member.to_confirm += payload.size();
}

// What follows from it waits for the end of the turn: others may have ended, too.
void Supervisor::on_ended(const Ended& end) {
  Rank& rank = rank_at(end.rank);
  rank.ended = true;
  rank.stopped = phase_ == Phase::stopping;
  note(concat("Rank ", end.rank, place_of(end.rank), " (process ", rank.pid, ") ",
              describe_end(end.wait_status), "."));
  if (end.wait_status != 0) verdict_.rank_failed(end, Clock::now());
}

void Supervisor::pass_input(std::string_view bytes) {
  for (Member& member : members_) {
    if (!member.reads_input || member.over) continue;
    member.connection->send(bytes.empty() ? FrameType::input_end : FrameType::input, bytes);
  }
}

// Errors: ProtocolError for what an agent cannot mean.
Supervisor::Rank& Supervisor::rank_at(int number) {
  if (number < 0 || static_cast<size_t>(number) >= ranks_.size()) {
    throw ProtocolError(concat("its agent speaks of rank ", number, ", which is not there"));
  }
  return ranks_[static_cast<size_t>(number)];
}

size_t Supervisor::index_of(const Member& member) const {
  return static_cast<size_t>(&member - members_.data());
}

std::string Supervisor::name_of(const Member& member) const {
  return member.plan.way == Way::here ? "this host" : member.plan.host.name;
}

// " on h2", where that is not clear.
std::string Supervisor::place_of(int rank) const {
  if (!plan_.on_several_hosts()) return {};
  return concat(" on ", name_of(ranks_[static_cast<size_t>(rank)].member));
}

void Supervisor::note(const std::string& line) {
  if (options_.verbose) output_.say("mlx-launch: " + line + "\n");
}

// Without a full stop, to go on with.
std::string Supervisor::cause_of_end() const {
  if (verdict_.cause() == Verdict::Cause::host) {
    const Member& member = members_[verdict_.host()];
    const bool was_there = gone_ahead_;
    return concat(name_of(member), was_there ? " was lost: " : " cannot be used: ",
                  member.connection->loss()->reason);
  }
  const Ended& end = verdict_.rank();
  const Rank& rank = ranks_[static_cast<size_t>(end.rank)];
  return describe_rank({end.rank, rank.pid, end.wait_status, place_of(end.rank)});
}

std::string Supervisor::epilogue() const {
  const bool rank_failed = verdict_.cause() == Verdict::Cause::rank;
  const bool host_lost = verdict_.cause() == Verdict::Cause::host;
  std::vector<int> stopped;
  for (size_t i = 0; i < ranks_.size(); ++i) {
    const int number = static_cast<int>(i);
    const bool blamed = (rank_failed && verdict_.rank().rank == number) ||
                        (host_lost && index_of(ranks_[i].member) == verdict_.host());
    const bool unheard_of = ranks_[i].started && !ranks_[i].ended;
    if ((ranks_[i].stopped || unheard_of) && !blamed) stopped.push_back(number);
  }
  if (rank_failed) {
    const auto rank = static_cast<size_t>(verdict_.rank().rank);
    return describe_failure(cause_of_end(), output_.tail(rank, 0), output_.tail(rank, 1), stopped);
  }
  if (host_lost) {
    return describe_loss(cause_of_end(), members_[verdict_.host()].connection->loss()->words,
                         stopped);
  }
  return describe_order(verdict_.reason(), stopped);
}

}  // namespace mlx::launch
