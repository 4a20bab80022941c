#pragma once

// Runs a job over its hosts: connects to an agent on each, starts the ranks when
// all are ready, passes on what they say, and stops all when one fails, a host is
// lost, time is up or somebody says so. Starts the job again if asked to.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mlx/distributed/bootstrap/environment.h"
#include "mlx/distributed/bootstrap/rendezvous.h"
#include "mlx/distributed/bootstrap/socket.h"
#include "mlx/launch/connection.h"
#include "mlx/launch/job_output.h"
#include "mlx/launch/options.h"
#include "mlx/launch/plan.h"
#include "mlx/launch/standard_input.h"
#include "mlx/launch/verdict.h"

namespace mlx::launch {

class Supervisor {
 public:
  /// `job` is what all ranks share; `environment` is for what leads to the hosts;
  /// `signals` is of take_signals().
  Supervisor(const Options& options, const Plan& plan, core::distributed::Environment job,
             EnvironmentMap environment, const Descriptor& signals);

  /// Returns the exit code of the job.
  int run();

 private:
  enum class Phase { connecting, preparing, running, stopping };

  struct Member {
    const HostPlan& plan;
    std::unique_ptr<Connection> connection = {};
    Clock::time_point connect_again = {};  // after an attempt that failed
    bool ready = false;
    bool reads_input = false;
    bool over = false;        // nothing more comes from it in this generation
    uint64_t to_confirm = 0;  // bytes of output that were passed on
  };
  struct Rank {
    Member& member;
    pid_t pid = -1;
    bool started = false;
    bool ended = false;
    bool stopped = false;  // it ended after we had begun to stop all
  };

  void run_generation();
  void begin_generation();
  bool start_again();
  bool over();

  void connect(Member& member);
  void prepare_all();
  Prepare prepare_of(const Member& member) const;
  core::distributed::Endpoint rendezvous_for(const Member& member) const;
  void listen();
  void serve(const core::distributed::Endpoint& address);
  void go();

  void watch_everything();
  Clock::time_point next_deadline() const;
  void after_turn();
  void look_after_hosts();
  void lose(Member& member);
  void act_on_time();
  void confirm_output();
  void ping_all();
  void on_signal();
  void on_frame(Member& member, const Frame& frame);
  void on_output(Member& member, std::string_view payload);
  void on_started(const Started& started);
  void on_ended(const Ended& end);
  void on_refused(Member& member, const Refused& refused);
  void pass_input(std::string_view bytes);

  void stop(const std::string& reason, int exit_code);
  void stop_all();
  void kill_all();
  void send_all(FrameType type);

  Rank& rank_at(int number);
  std::string name_of(const Member& member) const;
  std::string place_of(int rank) const;
  std::string cause_of_end() const;
  std::string epilogue() const;
  void note(const std::string& line);
  size_t index_of(const Member& member) const;

  const Options& options_;
  const Plan& plan_;
  core::distributed::Environment job_;
  const EnvironmentMap environment_;
  const Descriptor& signals_;
  const Clock::time_point started_ = Clock::now();

  JobOutput output_;
  StandardInput input_;
  Poller poller_;
  std::vector<Member> members_;
  std::vector<Rank> ranks_;

  int restarts_ = 0;
  Phase phase_ = Phase::connecting;
  Clock::time_point phase_ends_;
  Clock::time_point next_ping_;
  bool gone_ahead_ = false;   // ranks may have been started
  bool told_to_end_ = false;  // whatever fails: no more restarts
  bool impatient_ = false;    // the user said so twice
  Verdict verdict_;
  core::distributed::Socket meeting_place_;  // where agents try whether they could reach us
  std::optional<core::distributed::RendezvousServer> rendezvous_;
};

}  // namespace mlx::launch
