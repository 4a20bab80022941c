#pragma once

// Command lines that run something on another host.

#include <string>
#include <vector>

#include "mlx/launch/host.h"

namespace mlx::launch {

struct RemoteShell {
  std::string program = "ssh";
  std::vector<std::string> options;  ///< before the host
  int connect_seconds = 20;
};

/// One word for any POSIX shell.
std::string shell_quoted(const std::string& word);

/// "ssh -T -o BatchMode=yes ... user@host 'command'". It never asks for anything,
/// gives up after the time to connect, and notices a dead link. `command` is for the shell there.
std::vector<std::string> ssh_command(const RemoteShell& shell, const Host& host,
                                     const std::string& command);

/// "srun --overlap -w host ... program arguments": within a Slurm allocation.
std::vector<std::string> srun_command(const Host& host, const std::vector<std::string>& words);

/// A shell command that runs `program` (an absolute path here) if it exists there,
/// else the program of the same name in PATH there, else says so and ends with 127.
std::string run_same_program(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace mlx::launch
