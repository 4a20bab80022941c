#include "mlx/launch/config/inspect.h"

#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "mlx/launch/config/files.h"

namespace mlx::launch::config {
namespace {

// "MemTotal:  65 kB" of /proc/meminfo.
int64_t memory_field(const std::string& text, const std::string& name) {
  const size_t at = text.find(name + ":");
  return at == std::string::npos ? 0 : std::atoll(text.c_str() + at + name.size() + 1) * 1024;
}

// PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
std::string system_name() {
  for (const std::string& line : lines_of(file_text("/etc/os-release"))) {
    if (line.rfind("PRETTY_NAME=", 0) != 0) continue;
    std::string name = line.substr(12);
    std::erase(name, '"');
    return name;
  }
  return "Linux";
}

int64_t limit(__rlimit_resource what) {
  rlimit now{};
  getrlimit(what, &now);
  return now.rlim_cur == RLIM_INFINITY ? -1 : static_cast<int64_t>(now.rlim_cur);
}

// The first line that a command prints, for at most five seconds; it is a constant of ours.
std::string said_by(const std::string& command) {
  FILE* pipe = popen(("timeout 5 " + command + " 2>/dev/null </dev/null").c_str(), "re");
  if (!pipe) return {};
  char line[256] = "";
  const bool read = fgets(line, sizeof line, pipe) != nullptr;
  pclose(pipe);
  return read ? trimmed(line) : "";
}

// "mpirun (Open MPI) 4.1.4" -> "4.1.4"
std::string last_word(const std::string& text) {
  const size_t space = text.rfind(' ');
  return space == std::string::npos ? text : text.substr(space + 1);
}

// NCCL 2.9 and later count 10000, 100, 1.
std::string nccl_version() {
  void* library = dlopen("libnccl.so.2", RTLD_LAZY | RTLD_LOCAL);
  if (!library) return {};
  int number = 0;
  auto* get = reinterpret_cast<int (*)(int*)>(dlsym(library, "ncclGetVersion"));
  if (!get || get(&number) != 0) return "present";
  return std::to_string(number / 10000) + '.' + std::to_string(number / 100 % 100) + '.' +
         std::to_string(number % 100);
}

bool in_path(const std::string& program) {
  for (const char* folder : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"}) {
    if (access((folder + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

bool runs(const std::string& root, const std::string& program) {
  for (const std::string& name : names_in(root + "/proc")) {
    const bool process = name.find_first_not_of("0123456789") == std::string::npos;
    if (process && file_line(root + "/proc/" + name + "/comm") == program) return true;
  }
  return false;
}

}  // namespace

std::map<std::string, std::string> inspect_programs() {
  std::map<std::string, std::string> found{{"mlx-distributed-config", MLX_VERSION}};
  const auto note = [&](const std::string& name, const std::string& version) {
    if (!version.empty()) found[name] = version;
  };
  std::error_code ignored;
  const auto ours = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  const std::string beside = (ours / "mlx-launch").string();
  const bool is_beside =
      beside.find('\'') == std::string::npos && access(beside.c_str(), X_OK) == 0;
  note("mlx-launch",
       last_word(said_by((is_beside ? "'" + beside + "'" : "mlx-launch") + " --version")));
  note("mpirun", last_word(said_by("mpirun --version")));
  note("python3", last_word(said_by("python3 --version")));
  note("libnccl.so.2", nccl_version());
  return found;
}

std::string inspect_firewall(const std::string& root) {
  if (file_text(root + "/etc/ufw/ufw.conf").find("\nENABLED=yes") != std::string::npos) {
    return "ufw";
  }
  if (runs(root, "firewalld")) return "firewalld";
  // As the nftables of distributions names it; only root may look.
  if (root.empty() && !said_by("nft list chain inet filter input").empty()) return "nft";
  return in_path("iptables") ? "iptables" : in_path("nft") ? "nft" : "";
}

HostFacts inspect() {
  HostFacts facts;
  utsname kernel{};
  uname(&kernel);
  facts.hostname = kernel.nodename;
  facts.kernel = kernel.release;
  facts.machine = kernel.machine;
  facts.system = system_name();
  facts.boot_id = file_line("/proc/sys/kernel/random/boot_id");
  const std::string memory = file_text("/proc/meminfo");
  facts.memory = memory_field(memory, "MemTotal");
  facts.memory_available = memory_field(memory, "MemAvailable");
  facts.lockable = limit(RLIMIT_MEMLOCK);
  facts.open_files = limit(RLIMIT_NOFILE);
  struct statvfs shared {};
  if (statvfs("/dev/shm", &shared) == 0) {
    facts.shared = static_cast<int64_t>(shared.f_bavail * shared.f_frsize);
  }
  facts.root = geteuid() == 0;
  std::sscanf(file_line("/proc/sys/net/ipv4/ip_local_port_range").c_str(), "%d %d",
              &facts.first_ephemeral, &facts.last_ephemeral);
  facts.firewall = inspect_firewall("");
  facts.programs = inspect_programs();
  facts.processor = inspect_processor("");
  facts.gpus = inspect_gpus("");
  facts.interfaces = inspect_interfaces();
  facts.routes = inspect_routes("");
  facts.rdma = inspect_rdma();
  return facts;
}

}  // namespace mlx::launch::config
