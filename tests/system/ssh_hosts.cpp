#include "system/ssh_hosts.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "system/command.h"

namespace mlx::test {
namespace {

namespace fs = std::filesystem;
using core::distributed::testing::Hosts;

constexpr auto kBetweenPolls = std::chrono::milliseconds(20);
constexpr int kPatience = 500;  // polls
constexpr int kSshPort = 22;

// Becomes the host, whose namespaces are fresh: folders of its own, in which the
// tree of the tests stays visible, then sshd.
constexpr const char* kBecomeHost = R"(
set -eu
hostname "$NAME"
mount -t tmpfs -o mode=755 host /run
mkdir -p /run/host /run/sshd /run/home /run/shared
mount --bind "$SETTINGS" /run/shared
cp "$SETTINGS/$NAME.key" /run/host/key
cp "$SETTINGS/id.pub" /run/host/authorized_keys
cp "$SETTINGS/sshd_config" "$SETTINGS/hosts" /run/host/
sed 's|^root:.*|root:x:0:0:root:/run/home:/bin/bash|' /etc/passwd > /run/host/passwd
echo 'root:*:20000:0:99999:7:::' > /run/host/shadow
chmod 600 /run/host/key /run/host/shadow
for file in passwd shadow hosts; do mount --bind /run/host/$file /etc/$file; done
mkdir /run/tree
mount --bind "$TREE" /run/tree
for folder in /tmp /var/tmp /dev/shm; do mount -t tmpfs -o mode=1777 host $folder; done
case "$TREE" in /tmp/* | /var/tmp/*) mkdir -p "$TREE"; mount --bind /run/tree "$TREE" ;; esac
umount /run/tree
cd /
exec /usr/sbin/sshd -D -e -f /run/host/sshd_config
)";

constexpr const char* kServerSettings = R"(
HostKey /run/host/key
AuthorizedKeysFile /run/host/authorized_keys
PidFile none
UsePAM no
PermitRootLogin yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
StrictModes no
PrintMotd no
MaxStartups 100
)";

std::string new_folder() {
  std::string name = (fs::temp_directory_path() / "mlx-hosts-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
  return name;
}

std::string name_of(int host) { return "h" + std::to_string(host + 1); }

std::string first_line(const fs::path& path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}

fs::path process_folder(pid_t process) { return "/proc/" + std::to_string(process); }

// Empty for one that has ended.
fs::path numbering_of(pid_t process) {
  std::error_code none;
  return fs::read_symlink(process_folder(process) / "ns/pid", none);
}

// With a space after each word.
std::string command_line(pid_t process) {
  std::string text = content(process_folder(process) / "cmdline");
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

// Ports on which somebody listens in the network of a process.
std::vector<int> listening_ports(pid_t process) {
  constexpr const char* kListening = "0A";
  std::vector<int> ports;
  for (const char* table : {"tcp", "tcp6"}) {
    std::ifstream file(process_folder(process) / "net" / table);
    std::string line, number, local, remote, state;
    std::getline(file, line);
    while (std::getline(file, line)) {
      std::istringstream(line) >> number >> local >> remote >> state;
      if (state == kListening) ports.push_back(std::stoi(local.substr(local.find(':') + 1), 0, 16));
    }
  }
  return ports;
}

}  // namespace

std::string SshHosts::missing() {
  for (const char* program : {"/usr/sbin/sshd", "/usr/sbin/nft"}) {
    if (access(program, X_OK) != 0) return std::string("no ") + program;
  }
  return Hosts::missing();
}

SshHosts::SshHosts(int count) : folder_(new_folder()), networks_(count) {
  write_settings(count);
  Hosts::run("ip addr add fd77::fe/64 dev bridge nodad");
  holders_.assign(static_cast<size_t>(count), -1);
  for (int host = 0; host < count; ++host) start(host);
  for (int host = 0; host < count; ++host) wait_until_reachable(host);
}

SshHosts::~SshHosts() {
  for (int host = 0; host < count(); ++host) kill(host);
  fs::remove_all(folder_);
}

void SshHosts::write_settings(int count) {
  Hosts::run("ssh-keygen -q -t ed25519 -N '' -f " + folder_ + "/id");
  std::ofstream(folder_ + "/sshd_config") << kServerSettings;
  std::ofstream names(folder_ + "/hosts"), known(folder_ + "/known_hosts"),
      client(folder_ + "/ssh_config");
  names << "127.0.0.1 localhost\n::1 localhost\n";
  for (int host = 0; host < count; ++host) {
    const std::string name = name_of(host), key = folder_ + "/" + name + ".key";
    Hosts::run("ssh-keygen -q -t ed25519 -N '' -f " + key);
    names << Hosts::address(host) << ' ' << name << '\n';
    known << name << ',' << Hosts::address(host) << ',' << address6(host) << ' '
          << first_line(key + ".pub") << '\n';
    client << "Host " << name << "\n  HostName " << Hosts::address(host) << '\n';
  }
  client << "Host *\n  User root\n  IdentityFile " << folder_ << "/id\n  IdentitiesOnly yes\n"
         << "  UserKnownHostsFile " << folder_ << "/known_hosts\n"
         << "  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n";
}

void SshHosts::start(int host) {
  const int network = networks_.network(host);
  Hosts::run("ip addr add " + address6(host) + "/64 dev eth0 nodad", network);
  const std::string log = folder_ + "/" + name_of(host) + ".log";
  const pid_t parent = getpid(), pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    if (getppid() != parent || setns(network, CLONE_NEWNET) != 0) _exit(1);
    setenv("NAME", name_of(host).c_str(), 1);
    setenv("SETTINGS", folder_.c_str(), 1);
    setenv("TREE", MLX_TREE, 1);
    execlp("unshare", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--mount",
           "--uts", "--ipc", "sh", "-c", kBecomeHost, nullptr);
    _exit(127);
  }
  holders_[static_cast<size_t>(host)] = pid;
}

void SshHosts::wait_until_reachable(int host) const {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kSshPort);
  inet_pton(AF_INET, Hosts::address(host).c_str(), &address.sin_addr);
  for (int poll = 0; poll < kPatience; ++poll) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int error = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    close(fd);
    if (error == 0) return;
    std::this_thread::sleep_for(kBetweenPolls);
  }
  throw std::runtime_error(name_of(host) +
                           " does not come up: " + content(folder_ + "/" + name_of(host) + ".log"));
}

pid_t SshHosts::init(int host) const {
  const std::string holder = std::to_string(holders_[static_cast<size_t>(host)]);
  return std::atoi(content("/proc/" + holder + "/task/" + holder + "/children").c_str());
}

std::vector<std::string> SshHosts::enter(int host) const {
  return {"/usr/bin/nsenter", "--all", "--target", std::to_string(init(host))};
}

std::string SshHosts::run(int host, const std::string& script) const {
  const std::string file = folder_ + "/script", printed = folder_ + "/printed";
  std::ofstream(file) << script;
  Hosts::run("nsenter --all --target " + std::to_string(init(host)) + " sh -euc \"$(cat " + file +
             ")\" > " + printed);
  return content(printed);
}

// The host may connect to nobody; who connects to it may.
void SshHosts::put_behind_firewall(int host) const {
  run(host,
      "nft 'add table inet wall; "
      "add chain inet wall out { type filter hook output priority 0; }; "
      "add rule inet wall out tcp flags & (syn | ack) == syn drop'");
}

void SshHosts::stop_answering(int host) const { ::kill(init(host), SIGSTOP); }

void SshHosts::kill(int host) {
  pid_t& holder = holders_[static_cast<size_t>(host)];
  if (holder < 0) return;
  // Process 1 is gone only when all others there are; then its holder ends.
  const pid_t first = init(host);
  ::kill(first > 0 ? first : holder, SIGKILL);
  waitpid(holder, nullptr, 0);
  holder = -1;
}

std::vector<pid_t> SshHosts::processes(int host, const std::string& text) const {
  const pid_t first = init(host);
  const fs::path numbering = numbering_of(first);
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t process = std::atoi(entry.path().filename().c_str());
    if (process <= 0 || process == first || numbering_of(process) != numbering) continue;
    if (command_line(process).find(text) != std::string::npos) found.push_back(process);
  }
  return found;
}

std::vector<std::string> SshHosts::leftovers(std::chrono::milliseconds patience) const {
  const auto end = std::chrono::steady_clock::now() + patience;
  std::vector<std::string> found = leftovers_now();
  while (!found.empty() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(kBetweenPolls);
    found = leftovers_now();
  }
  return found;
}

std::vector<std::string> SshHosts::leftovers_now() const {
  std::vector<std::string> found;
  for (const int port : listening_ports(getpid())) {
    found.push_back("here: port " + std::to_string(port));
  }
  for (int host = 0; host < count(); ++host) {
    if (holders_[static_cast<size_t>(host)] < 0) continue;
    const auto add = [&](const std::string& what) { found.push_back(name_of(host) + ": " + what); };
    for (const pid_t process : processes(host)) add("process " + command_line(process));
    for (const int port : listening_ports(init(host))) {
      if (port != kSshPort) add("port " + std::to_string(port));
    }
    for (const char* folder : {"tmp", "var/tmp", "dev/shm"}) {
      for (const auto& file :
           fs::directory_iterator(process_folder(init(host)) / "root" / folder)) {
        const fs::path there = fs::path("/") / folder / file.path().filename();
        if (std::string_view(MLX_TREE "/").starts_with(there.string() + "/")) continue;
        add("file " + file.path().filename().string() + " in " + folder);
      }
    }
  }
  return found;
}

}  // namespace mlx::test
