#include "distributed/hosts/hosts.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace mlx::core::distributed::testing {
namespace {

std::string cable_of(int host, int bridge) {
  return "cable" + std::to_string(bridge) + "-" + std::to_string(host);
}

}  // namespace

std::string Hosts::missing() {
  if (geteuid() != 0) return "not root";
  if (std::system("ip -V >/dev/null 2>&1 && tc -V >/dev/null 2>&1") != 0) return "no iproute2";
  if (std::system("unshare -n ip link add type veth >/dev/null 2>&1") != 0) {
    return "no network namespaces with virtual Ethernet";
  }
  return {};
}

// Made by a thread that moves there and ends: the descriptor keeps it alive.
Socket Hosts::new_network() {
  Socket network;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) return;
    network = Socket(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }).join();
  if (!network) throw std::runtime_error("no network namespace");
  return network;
}

void Hosts::run(const std::string& command, int network) {
  const pid_t pid = fork();
  if (pid == 0) {
    if (network >= 0 && setns(network, CLONE_NEWNET) != 0) _exit(126);
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0) {
    throw std::runtime_error("this failed: " + command);
  }
}

Hosts::Hosts(int count) {
  if (unshare(CLONE_NEWNET) != 0) throw std::runtime_error("no network namespace");
  run("ip link set lo up");
  for (int host = 0; host < count; ++host) {
    networks_.push_back(new_network());
    run("ip link set lo up", network(host));
  }
  add_bridge();
}

void Hosts::add_bridge() {
  const std::string number = std::to_string(bridges_);
  const std::string bridge = bridges_ == 0 ? "bridge" : "bridge" + number, card = "eth" + number;
  run("ip link add " + bridge + " type bridge && ip addr add " + bridge_address(bridges_) +
      "/24 dev " + bridge + " && ip link set " + bridge + " up");
  const std::string ours = "/proc/" + std::to_string(getpid()) + "/fd/";
  for (int host = 0; host < static_cast<int>(networks_.size()); ++host) {
    const std::string cable = cable_of(host, bridges_);
    run("ip link add " + cable + " type veth peer name " + card + " netns " + ours +
        std::to_string(network(host)) + " && ip link set " + cable + " master " + bridge + " up");
    run("ip link set " + card + " up && ip addr add " + address(host, bridges_) + "/24 dev " + card,
        network(host));
  }
  ++bridges_;
}

void Hosts::limit_bandwidth(int host, int megabits) {
  for (int bridge = 0; bridge < bridges_; ++bridge) {
    run("tc qdisc add dev eth" + std::to_string(bridge) + " root tbf rate " +
            std::to_string(megabits) + "mbit burst 64kb latency 50ms",
        network(host));
  }
}

void Hosts::unplug(int host) {
  for (int bridge = 0; bridge < bridges_; ++bridge) {
    run("ip link set " + cable_of(host, bridge) + " down");
  }
}

// Each believes the other at an address that no card has.
void Hosts::part(int host, int other) {
  for (const auto& [from, to] : {std::pair{host, other}, std::pair{other, host}}) {
    run("ip neigh replace " + address(to) + " lladdr 02:00:00:00:00:ff nud permanent dev eth0",
        network(from));
  }
}

}  // namespace mlx::core::distributed::testing
