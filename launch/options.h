#pragma once

// The command line of mlx-launch.

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "mlx/launch/host.h"

namespace mlx::launch {

/// How the ranks of one host share its processors.
enum class Binding { none, core, numa };

/// When names of ranks are coloured.
enum class Colours { automatic, always, never };

struct Options {
  int ranks = 1;                   ///< -n: ranks on each slot of a host
  bool ranks_given = false;        ///< -n was there: it counts, not the slots of an allocation
  std::vector<std::string> hosts;  ///< --hosts; empty: the hostfile, the allocation, or this host
  std::string hostfile;            ///< --hostfile
  std::string backend;             ///< --backend; empty: the hostfile's, else the program's choice
  Variables environment;           ///< --env, in order
  std::vector<std::string> mpi_arguments;     ///< --mpi-arg, in order
  int connections_per_ip = 1;                 ///< --connections-per-ip
  std::optional<uint16_t> starting_port;      ///< --starting-port; empty: free ports
  std::string folder;                         ///< --cwd; empty: where we are
  std::string python = "python3";             ///< --python
  std::string ssh = "ssh";                    ///< --ssh: the program that reaches other hosts
  std::vector<std::string> ssh_options;       ///< --ssh-option, in order: "-oCompression=yes"
  std::string remote_launcher;                ///< --remote-launcher; empty: as here, else in PATH
  std::chrono::milliseconds connect{20'000};  ///< --connect-timeout: until a host has answered

  bool tag_output = false;
  std::string log_folder;     ///< --log-dir; empty: none
  std::set<int> quiet_ranks;  ///< --quiet-ranks: not shown (logged all the same)
  Colours colours = Colours::automatic;
  /// --stdin: the rank that gets our standard input; -1: none; empty: every rank.
  std::optional<int> input_rank;

  std::optional<std::chrono::milliseconds> timeout;  ///< of the whole job
  std::chrono::milliseconds grace{5'000};            ///< between SIGTERM and SIGKILL
  int max_restarts = 0;
  std::optional<Binding> binding;  ///< --bind; empty: core where each rank has one
  bool dry_run = false;
  bool verbose = false;
  std::vector<std::string> command;  ///< program and arguments; never empty
};

/// What to print instead of starting a job: help, version, or what is wrong.
struct Answer {
  std::string text;
  int exit_code = 0;
};

/// Options come before the program; what follows it belongs to it.
std::variant<Options, Answer> parse_command_line(const std::vector<std::string>& arguments);

}  // namespace mlx::launch
