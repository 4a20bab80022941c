#include "mlx/launch/agent.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/socket.h"
#include "mlx/launch/channel.h"
#include "mlx/launch/crew.h"
#include "mlx/launch/error.h"
#include "mlx/launch/input.h"
#include "mlx/launch/placement.h"
#include "mlx/launch/program.h"
#include "mlx/launch/signals.h"
#include "mlx/launch/watchdog.h"
#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

namespace dist = core::distributed;
using core::concat;
using std::chrono::milliseconds;

// Where the launcher is: Slurm says it, else the address that our ssh came from.
std::string launcher_address() {
  if (const char* slurm = std::getenv("SLURM_LAUNCH_NODE_IPADDR")) return slurm;
  const char* ssh = std::getenv("SSH_CONNECTION");
  return ssh ? split(ssh, ' ')[0] : "";
}

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

// What prints by mistake must not get between our frames.
Descriptor move_away(int fd) {
  Descriptor moved(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  const Descriptor null(open("/dev/null", O_RDWR | O_CLOEXEC));
  dup2(null.fd(), fd);
  return moved;
}

/// Files that exist in memory only. Ranks inherit the descriptors.
class MemoryFiles {
 public:
  explicit MemoryFiles(const std::vector<PlannedFile>& files) {
    for (const PlannedFile& file : files) {
      const Descriptor& made = files_.emplace_back(memfd_create(file.variable.c_str(), 0));
      std::string_view rest = file.content;
      while (!rest.empty()) {
        const ssize_t n = write(made.fd(), rest.data(), rest.size());
        if (n <= 0) throw LaunchError(LaunchError::kFailed, "There is no memory for a file.");
        rest.remove_prefix(static_cast<size_t>(n));
      }
      variables_.emplace_back(file.variable, concat("/proc/self/fd/", made.fd()));
    }
  }
  const Variables& variables() const { return variables_; }

 private:
  std::vector<Descriptor> files_;
  Variables variables_;
};

/// What is started later runs on these processors.
class Affinity {
 public:
  explicit Affinity(const Placement& placement) : bound_(placement.bound) {
    if (!bound_) return;
    sched_getaffinity(0, sizeof before_, &before_);
    sched_setaffinity(0, sizeof placement.processors, &placement.processors);
  }
  ~Affinity() {
    if (bound_) sched_setaffinity(0, sizeof before_, &before_);
  }
  Affinity(const Affinity&) = delete;
  Affinity& operator=(const Affinity&) = delete;

 private:
  bool bound_;
  cpu_set_t before_;
};

/// A generation of the job that could be started.
struct Generation {
  explicit Generation(Prepare what);
  EnvironmentMap environment_of(const RankPlan& rank, const Placement& placement) const;

  Prepare plan;
  MemoryFiles files;
  EnvironmentMap environment;
  Program program;
};

// Errors: LaunchError.
Generation::Generation(Prepare what)
    : plan(std::move(what)),
      files(plan.files),
      environment(job_environment(inherited_environment(), plan.environment)) {
  std::error_code ignored;
  if (!plan.folder.empty() && !std::filesystem::is_directory(plan.folder, ignored)) {
    throw LaunchError(LaunchError::kFailed,
                      concat("No such folder: ", plan.folder, " (see --cwd)."));
  }
  const auto path = environment.find("PATH");
  program = find_program(plan.command, plan.folder,
                         path == environment.end() ? "/usr/bin:/bin" : path->second, plan.python);
}

EnvironmentMap Generation::environment_of(const RankPlan& rank, const Placement& placement) const {
  EnvironmentMap out = environment;
  for (const auto& [name, value] : files.variables()) out[name] = value;
  for (const auto& [name, value] : rank.environment) out[name] = value;
  out.emplace("OMP_NUM_THREADS", std::to_string(placement.threads));
  const char* const kDevices = "CUDA_VISIBLE_DEVICES";
  const bool chosen = sets(plan.environment, kDevices) || sets(rank.environment, kDevices);
  if (!placement.devices.empty() && !chosen) out[kDevices] = placement.devices;
  return out;
}

class Agent {
 public:
  int run();

 private:
  void on_frame(const Frame& frame);
  void end_ranks(void (Crew::*how)());
  void act();
  void prepare();
  void start_ranks();
  pid_t start_rank(const RankPlan& rank, const Placement& placement);
  void report_input();
  void keep_in_touch();
  void leave();
  bool may_read() const;
  Clock::time_point deadline() const;

  const Descriptor signals_ = take_signals();
  Channel channel_{move_away(STDIN_FILENO), move_away(STDOUT_FILENO), FrameReader::Begin::at_once};
  Poller poller_;
  std::optional<Watchdog> watchdog_;

  // What the launcher asked for in this turn of the loop.
  std::optional<Prepare> asked_;
  bool go_ = false;

  std::optional<Generation> job_;
  std::optional<Crew> crew_;
  std::optional<Input> input_;
  uint64_t taken_ = 0;  // as reported
  bool input_done_ = false;
  uint64_t output_ = 0, passed_ = 0;  // bytes
  milliseconds limit_{0};             // of silence
  Clock::time_point next_ping_ = Clock::now();
  bool leaving_ = false;
};

int Agent::run() {
  adopt_orphans();
  channel_.send_raw(kMagic);
  channel_.send(FrameType::hello,
                to_payload(Hello{kProtocol, MLX_VERSION, host_name(), launcher_address()}));
  while (!leaving_ || crew_) {
    poller_.watch(signals_.fd(), POLLIN, [this] {
      if (read_signal(signals_) == SIGTERM) crew_ ? crew_->stop() : leave();
    });
    if (!leaving_) channel_.watch(poller_, [this](const Frame& frame) { on_frame(frame); });
    if (crew_) crew_->watch(poller_, may_read());
    if (input_) input_->watch(poller_);
    poller_.wait(deadline());
    act();
  }
  return 0;
}

void Agent::on_frame(const Frame& frame) {
  switch (frame.type) {
    case FrameType::prepare:
      asked_ = to_prepare(frame.payload);
      break;
    case FrameType::go:
      go_ = true;
      break;
    case FrameType::passed:
      passed_ += to_offset(frame.payload).bytes;
      break;
    case FrameType::input:
      if (input_) input_->take(frame.payload);
      break;
    case FrameType::input_end:
      if (input_) input_->end();
      break;
    case FrameType::stop:
      end_ranks(&Crew::stop);
      break;
    case FrameType::kill:
      end_ranks(&Crew::kill);
      break;
    default:
      break;  // pings
  }
}

void Agent::end_ranks(void (Crew::*how)()) {
  if (input_) input_->close();
  if (crew_) ((*crew_).*how)();
  if (std::exchange(go_, false)) channel_.send(FrameType::done);  // in the same turn: never mind
}

void Agent::act() {
  if (asked_) prepare();
  if (std::exchange(go_, false) && job_ && !crew_) start_ranks();
  if (crew_) {
    crew_->look(may_read());
    report_input();
    if (crew_->gone()) {
      crew_.reset();
      input_.reset();
      job_.reset();
      channel_.send(FrameType::done);
    }
  }
  keep_in_touch();
}

// Everything that can fail before a rank is started.
void Agent::prepare() {
  const Prepare what = *std::exchange(asked_, std::nullopt);
  limit_ = what.heartbeat;
  try {
    job_.emplace(what);
    if (!watchdog_) watchdog_.emplace(what.grace);
    std::string reason;
    if (!what.rendezvous.empty() && !dist::try_connect(dist::parse_endpoint(what.rendezvous),
                                                       dist::after(what.connect), reason)) {
      throw LaunchError(LaunchError::kHostFailed,
                        concat("It cannot reach the launcher at ", what.rendezvous, " (", reason,
                               "); a firewall? See --starting-port."));
    }
    input_.emplace();  // whose first bytes may come together with the order to start
    taken_ = output_ = passed_ = 0;
    input_done_ = false;
    channel_.send(FrameType::ready);
  } catch (const LaunchError& error) {
    job_.reset();
    channel_.send(FrameType::refused, to_payload(Refused{error.exit_code(), error.what()}));
  }
  channel_.forgive_silence();
}

void Agent::start_ranks() {
  const Prepare& plan = job_->plan;
  Crew::Listener listener{
      [this](const OutputHeader& header, std::string_view bytes) {
        output_ += bytes.size();
        channel_.send_output(header, bytes);
      },
      [this](const Ended& ended) { channel_.send(FrameType::ended, to_payload(ended)); }};
  crew_.emplace(std::move(listener), watchdog_->pid(), plan.grace);
  const auto placements =
      place(this_machine(job_->environment), static_cast<int>(plan.ranks.size()), plan.binding);
  Started started;
  try {
    for (size_t i = 0; i < plan.ranks.size(); ++i) {
      const pid_t process = start_rank(plan.ranks[i], placements[i]);
      started.processes.emplace_back(plan.ranks[i].rank, process);
    }
    channel_.send(FrameType::started, to_payload(started));
  } catch (const LaunchError& error) {
    channel_.send(FrameType::refused, to_payload(Refused{error.exit_code(), error.what()}));
    crew_->stop();
  }
}

pid_t Agent::start_rank(const RankPlan& rank, const Placement& placement) {
  const Affinity affinity(placement);
  Process process =
      start_process(job_->program, job_->environment_of(rank, placement), job_->plan.folder);
  const pid_t pid = process.pid;
  watchdog_->guard(pid);
  if (job_->plan.readers.contains(rank.rank)) input_->add(std::move(process.input));
  process.input.close();
  crew_->add(rank.rank, std::move(process));
  return pid;
}

void Agent::report_input() {
  if (input_->taken() > taken_) {
    taken_ = input_->taken();
    channel_.send(FrameType::taken, to_payload(Offset{taken_}));
  }
  if (!input_->wanted() && !std::exchange(input_done_, true)) {
    channel_.send(FrameType::input_done);
  }
}

void Agent::keep_in_touch() {
  if (leaving_) return;
  const auto now = Clock::now();
  const bool silent = limit_ > milliseconds(0) && now > channel_.heard() + limit_;
  if (channel_.ended() || silent) return leave();
  if (now < next_ping_) return;
  channel_.send(FrameType::ping);
  const bool short_limit = limit_ > milliseconds(0) && limit_ < kPingsInLimit * kPingInterval;
  next_ping_ = now + (short_limit ? limit_ / kPingsInLimit : kPingInterval);
}

// Nobody is there for whom the ranks could go on.
void Agent::leave() {
  leaving_ = true;
  channel_.close_output();
  if (input_) input_->close();
  if (!crew_) return;
  crew_->mute();
  crew_->stop();
}

bool Agent::may_read() const { return leaving_ || output_ - passed_ < kOutputWindow; }

Clock::time_point Agent::deadline() const {
  const auto touch = leaving_ ? Clock::now() + kPingInterval : next_ping_;
  return crew_ ? std::min(touch, crew_->deadline()) : touch;
}

}  // namespace

int run_agent() { return Agent().run(); }

}  // namespace mlx::launch
