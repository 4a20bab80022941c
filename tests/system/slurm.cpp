#include "system/slurm.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

namespace mlx::test {
namespace {

// Everything that it writes is in /run, which every host has of its own.
constexpr const char* kSettings = R"(
ClusterName=mlx
SlurmctldHost=h1
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=/run/munge.sock
StateSaveLocation=/run/slurmctld
SlurmdSpoolDir=/run/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=/run/slurmctld.log
SlurmdLogFile=/run/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
KillWait=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
)";

constexpr const char* kStart = R"(
mkdir /run/slurmctld /run/slurmd
munged --key-file=/run/shared/munge.key --socket=/run/munge.sock --pid-file=/run/munge.pid \
  --log-file=/run/munge.log --seed-file=/run/munge.seed
export SLURM_CONF=/run/shared/slurm.conf
[ $(hostname) != h1 ] || slurmctld
slurmd
)";

constexpr const char* kWaitUntilIdle = R"(
export SLURM_CONF=/run/shared/slurm.conf
for turn in $(seq 600); do
  states=$(sinfo --noheader --Node --format=%T 2>&1 | sort -u || true)
  [ "$states" != idle ] || exit 0
  sleep 0.05
done
echo "Nodes of Slurm do not become idle: $states" >&2
exit 1
)";

constexpr const char* kStop = R"(
for daemon in slurmctld slurmd munge; do
  [ -f /run/$daemon.pid ] || continue
  process=$(cat /run/$daemon.pid)
  kill $process
  while kill -0 $process 2> /dev/null; do sleep 0.02; done
done
)";

}  // namespace

std::string Slurm::missing() {
  for (const char* program : {"/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/sbin/munged"}) {
    if (access(program, X_OK) != 0) {
      return std::string("no ") + program + " (slurm-wlm and munge)";
    }
  }
  return SshHosts::missing();
}

Slurm::Slurm(SshHosts& hosts) : hosts_(hosts) {
  write_settings();
  for (int host = 0; host < hosts.count(); ++host) hosts.run(host, kStart);
  hosts.run(0, kWaitUntilIdle);
}

std::vector<std::string> Slurm::command(const std::string& script) const {
  std::vector<std::string> words = hosts_.enter(0);
  words.insert(words.end(), {"/usr/bin/env", "--unset=TMPDIR", "SLURM_CONF=/run/shared/slurm.conf",
                             "/bin/sh", "-c", "cd / && " + script});
  return words;
}

void Slurm::stop() {
  hosts_.run(0, kWaitUntilIdle);
  for (int host = 0; host < hosts_.count(); ++host) hosts_.run(host, kStop);
}

void Slurm::write_settings() const {
  std::ofstream(hosts_.folder() + "/slurm.conf")
      << kSettings << "NodeName=h[1-" << hosts_.count() << "] CPUs=4 State=UNKNOWN\n"
      << "PartitionName=all Nodes=ALL Default=YES MaxTime=60 State=UP\n";
  constexpr int kKeyBytes = 1024;
  std::random_device random;
  std::ofstream key(hosts_.folder() + "/munge.key", std::ios::binary);
  for (int i = 0; i < kKeyBytes; ++i) key.put(static_cast<char>(random()));
  key.close();
  std::filesystem::permissions(hosts_.folder() + "/munge.key", std::filesystem::perms::owner_read);
}

}  // namespace mlx::test
