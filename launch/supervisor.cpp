#include "mlx/launch/supervisor.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "mlx/core/base/error.h"
#include "mlx/launch/agent.h"
#include "mlx/launch/error.h"
#include "mlx/launch/remote_shell.h"
#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

namespace dist = core::distributed;
namespace fs = std::filesystem;
using core::concat;
using std::chrono::milliseconds;

// What an agent may need beyond the times that it was given.
constexpr milliseconds kSpare{5'000};
// An agent waits for so long for what SIGKILL does not end at once, and some more.
constexpr milliseconds kAgentUnkillable{15'000};

// How the agent of a host is started.
Program program_for(const HostPlan& plan, const Options& options, const std::string& path) {
  const std::string ours = fs::read_symlink("/proc/self/exe");
  if (plan.way == Way::here) return {"/proc/self/exe", {ours, kAgentArgument}};
  const std::string& named = options.remote_launcher;
  const std::string command = run_same_program(named.empty() ? ours : named, {kAgentArgument});
  const auto words = plan.way == Way::ssh ? ssh_command(remote_shell(options), plan.host, command)
                                          : srun_command(plan.host, {"/bin/sh", "-c", command});
  return find_program(words, "", path);
}

std::string search_path(const EnvironmentMap& environment) {
  const auto path = environment.find("PATH");
  return path == environment.end() ? "/usr/bin:/bin" : path->second;
}

}  // namespace

Supervisor::Supervisor(const Options& options, const Plan& plan, dist::Environment job,
                       EnvironmentMap environment, const Descriptor& signals)
    : options_(options),
      plan_(plan),
      job_(std::move(job)),
      environment_(std::move(environment)),
      signals_(signals),
      output_(options, plan.ranks),
      input_(STDIN_FILENO) {
  members_.reserve(plan.hosts.size());  // referred to by address
  std::vector<Member*> homes(static_cast<size_t>(plan.ranks));
  for (const HostPlan& host : plan.hosts) {
    Member& member = members_.emplace_back(Member{host});
    for (const RankPlan& rank : host.ranks) homes[static_cast<size_t>(rank.rank)] = &member;
  }
  for (Member* home : homes) ranks_.push_back({*home});
}

int Supervisor::run() {
  do {
    run_generation();
  } while (start_again());
  if (impatient_) output_.writer().abandon();
  output_.say(epilogue());
  for (Member& member : members_) {
    if (member.connection) member.connection->close();
  }
  members_.clear();  // waits for what leads to them
  return verdict_.exit_code();
}

void Supervisor::run_generation() {
  begin_generation();
  while (!over()) {
    watch_everything();
    poller_.wait(next_deadline());
    after_turn();
  }
  rendezvous_.reset();
}

void Supervisor::begin_generation() {
  verdict_ = {};
  gone_ahead_ = false;
  output_.begin(restarts_);
  input_.start_over();
  job_.generation = static_cast<uint64_t>(restarts_);
  for (Rank& rank : ranks_) rank.started = rank.ended = rank.stopped = false;
  for (Member& member : members_) {
    member.ready = member.over = false;
    member.to_confirm = 0;
    if (!member.connection || member.connection->loss()) connect(member);
  }
  phase_ = Phase::connecting;
  phase_ends_ = Clock::now() + options_.connect;
}

void Supervisor::connect(Member& member) {
  member.connection.reset();
  member.connection = std::make_unique<Connection>(
      member.plan.host.name, member.plan.way,
      program_for(member.plan, options_, search_path(environment_)), environment_);
}

bool Supervisor::start_again() {
  const bool failed =
      verdict_.cause() == Verdict::Cause::rank || verdict_.cause() == Verdict::Cause::host;
  const bool ran = gone_ahead_ || restarts_ > 0;  // else it will not do so next time
  if (!failed || !ran || told_to_end_ || restarts_ == options_.max_restarts) return false;
  ++restarts_;
  output_.say(concat("mlx-launch: Restart ", restarts_, " of ", options_.max_restarts, " because ",
                     cause_of_end(), ".\n"));
  return true;
}

bool Supervisor::over() {
  const auto is_over = [](const Member& member) { return member.over; };
  if (!std::all_of(members_.begin(), members_.end(), is_over)) return false;
  const auto failure = output_.failure();
  return output_.writer().idle() || impatient_ || (failure && failure->ours);
}

// Everybody is there: what each has to know.
void Supervisor::prepare_all() {
  phase_ = Phase::preparing;
  phase_ends_ = Clock::now() + options_.connect + kSpare;
  try {
    listen();
  } catch (const dist::DistributedError& error) {
    return stop(error.what(), LaunchError::kFailed);
  }
  for (Member& member : members_) {
    member.connection->send(FrameType::prepare, to_payload(prepare_of(member)));
  }
  note(concat("Starting ", plan_.ranks, " x ", join(options_.command, " "), "; they meet at ",
              dist::to_string(*job_.rendezvous), "."));
}

// Ranks of other hosts reach us on whatever address we have there. Their agents try
// first; the rendezvous itself would take that for failed attempts of ranks.
void Supervisor::listen() {
  const uint16_t port = options_.starting_port.value_or(0);
  if (!plan_.on_several_hosts()) {
    serve({"127.0.0.1", port});
    job_.rendezvous = rendezvous_->address();
    return;
  }
  try {
    meeting_place_ = dist::listen_on({"::", port});
  } catch (const dist::DistributedError&) {
    meeting_place_ = dist::listen_on({"0.0.0.0", port});  // a system without IPv6
  }
  job_.rendezvous = dist::local_endpoint(meeting_place_);
}

void Supervisor::serve(const dist::Endpoint& address) {
  rendezvous_.emplace(dist::RendezvousServer::Options{.address = address,
                                                      .secret = job_.secret,
                                                      .generation = job_.generation,
                                                      .world_size = job_.world_size,
                                                      .heartbeat_limit = job_.limits.heartbeat});
}

// As the ranks there reach us. Our own ranks take the address that other hosts know,
// as that is where they will be sought.
dist::Endpoint Supervisor::rendezvous_for(const Member& member) const {
  const uint16_t port = job_.rendezvous->port;
  if (!plan_.on_several_hosts()) return {"127.0.0.1", port};
  const auto is_remote = [](const Member& m) { return m.plan.way != Way::here; };
  const Member& seen_from =
      is_remote(member) ? member : *std::find_if(members_.begin(), members_.end(), is_remote);
  const std::string& address = seen_from.connection->hello().launcher_address;
  if (!address.empty()) return {address, port};
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return {name, port};
}

Prepare Supervisor::prepare_of(const Member& member) const {
  dist::Environment job = job_;
  job.rendezvous = rendezvous_for(member);
  const bool remote = member.plan.way != Way::here;
  Prepare what;
  what.ranks = member.plan.ranks;
  what.files = plan_.files;
  what.command = options_.command;
  what.python = options_.python;
  what.folder = options_.folder;
  what.binding = options_.binding;
  what.grace = options_.grace;
  what.connect = options_.connect;
  auto& shared = what.environment = variables_of(terminal_of(STDOUT_FILENO));
  shared.insert(shared.end(), plan_.environment.begin(), plan_.environment.end());
  for (auto& variable : dist::environment_variables(job)) shared.push_back(std::move(variable));
  shared.emplace_back("MLX_RESTART_COUNT", std::to_string(restarts_));
  for (RankPlan& rank : what.ranks) {
    rank.environment.emplace_back("MLX_RANK", std::to_string(rank.rank));
    rank.environment.emplace_back("MLX_LOCAL_RANK", std::to_string(rank.local_rank));
    if (options_.input_rank.value_or(rank.rank) == rank.rank) what.readers.insert(rank.rank);
  }
  if (remote) {
    what.heartbeat = job_.limits.heartbeat;
    what.rendezvous = dist::to_string(*job.rendezvous);
    if (what.folder.empty()) what.folder = fs::current_path();
  }
  return what;
}

// All could start: now they do.
void Supervisor::go() {
  if (meeting_place_) {
    const dist::Endpoint address = dist::local_endpoint(meeting_place_);
    meeting_place_.close();
    try {
      serve(address);
    } catch (const dist::DistributedError& error) {
      return stop(error.what(), LaunchError::kFailed);
    }
  }
  phase_ = Phase::running;
  phase_ends_ = Clock::time_point::max();
  gone_ahead_ = true;
  for (Member& member : members_) {
    member.reads_input = true;
    member.connection->forgive_silence();
  }
  send_all(FrameType::go);
  if (input_.ended()) send_all(FrameType::input_end);
}

void Supervisor::stop(const std::string& reason, int exit_code) {
  verdict_.ordered(reason, exit_code);
  stop_all();
}

void Supervisor::stop_all() {
  if (phase_ == Phase::stopping) return;
  phase_ = Phase::stopping;
  phase_ends_ = Clock::now() + options_.grace + kAgentUnkillable;
  meeting_place_.close();
  for (Member& member : members_) member.over = member.over || !gone_ahead_;
  send_all(FrameType::stop);
}

void Supervisor::kill_all() {
  phase_ends_ = Clock::now() + kAgentUnkillable;
  send_all(FrameType::kill);
}

void Supervisor::send_all(FrameType type) {
  for (Member& member : members_) {
    if (!member.over) member.connection->send(type);
  }
}

}  // namespace mlx::launch
