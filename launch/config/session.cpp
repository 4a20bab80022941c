#include "mlx/launch/config/session.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <vector>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/time_limit.h"
#include "mlx/launch/config/files.h"
#include "mlx/launch/config/wire.h"
#include "mlx/launch/error.h"
#include "mlx/launch/process.h"

namespace mlx::launch::config {
namespace {

using core::concat;
using core::distributed::Clock;
using std::chrono::milliseconds;

constexpr milliseconds kEndLimit{1'000};  // until a probe without input is killed
constexpr std::chrono::seconds kCommandLimit{60};
constexpr size_t kMostNoise = size_t{1} << 20;
constexpr size_t kMostErrors = size_t{64} << 10;

// Process groups of sessions: what a signal to us must end.
std::mutex groups_mutex;
std::set<pid_t>& groups() {
  static std::set<pid_t> all;
  return all;
}

// The last lines that say something, joined.
std::string gist_of(const std::string& said) {
  std::vector<std::string> lines;
  for (const std::string& line : lines_of(said)) {
    const std::string text = trimmed(line);
    const bool ornament = text.find_first_not_of("@ ") == std::string::npos;
    if (!ornament) lines.push_back(text);
  }
  std::string out;
  const size_t from = lines.size() > 3 ? lines.size() - 3 : 0;
  for (size_t i = from; i < lines.size(); ++i) out += (i > from ? " / " : "") + lines[i];
  return out;
}

std::string ssh_trouble(const Host& host, const std::string& said) {
  const auto says = [&](const char* words) { return said.find(words) != std::string::npos; };
  const std::string words = gist_of(said);
  if (says("REMOTE HOST IDENTIFICATION HAS CHANGED")) {
    return concat("its host key is not the one that is known: ", words,
                  ". Find out why; if the host was set up anew: ssh-keygen -R ", host.name);
  }
  if (says("Host key verification failed")) {
    return concat("its host key is not known: ", words, ". Connect once by hand: ssh ", host.name);
  }
  if (says("Permission denied")) {
    return concat("ssh is not let in: ", words,
                  ". A key without a password, or an agent, is needed: ssh-copy-id ", host.name);
  }
  return words.empty() ? "ssh failed without a word" : concat("ssh failed: ", words);
}

// A shell that does not find the program.
constexpr int kNoProgram = 127;
constexpr int kSshFailed = 255;

}  // namespace

std::string explain_end(const Host& host, int status, const std::string& said) {
  const std::string words = gist_of(said);
  if (WIFSIGNALED(status)) return concat("the probe was killed by signal ", WTERMSIG(status));
  const int code = WEXITSTATUS(status);
  if (code == kNoProgram) {
    return "mlx-distributed-config is not installed there, neither where it is here nor in PATH";
  }
  if (code == kSshFailed && !host.is_here()) return ssh_trouble(host, said);
  return concat("the probe ended with code ", code, words.empty() ? "" : concat(": ", words));
}

std::vector<std::string> session_command(const Host& host, const RemoteShell& shell,
                                         const std::string& our_program) {
  if (host.is_here()) return {our_program, "--probe"};
  return ssh_command(shell, host, run_same_program(our_program, {"--probe"}));
}

struct Session::State {
  Host host;
  Process process;
  std::string unread;  // bytes of its standard output
  std::string said;    // its standard error
  size_t noise = 0;    // bytes of lines that are not the probe's
  bool ended = false;  // waited for
  int status = 0;

  bool take_line(std::string& line);
  bool read_some(Clock::time_point deadline);
  bool append(Descriptor& from, std::string& to, size_t most);
  void wait_for_end(Clock::time_point deadline);
  [[noreturn]] void throw_ended();
};

Session::Session(const Host& host, const RemoteShell& shell) : state_(std::make_unique<State>()) {
  state_->host = host;
  const auto words =
      session_command(host, shell, std::filesystem::read_symlink("/proc/self/exe").string());
  try {
    const char* path = std::getenv("PATH");
    const Program program = find_program(words, "", path ? path : "");
    const std::lock_guard lock(groups_mutex);  // a signal now comes before it starts, or ends it
    state_->process = start_process(program, inherited_environment(), "");
    groups().insert(state_->process.pid);
  } catch (const LaunchError& error) {
    throw HostLost(error.what());
  }
  set_nonblocking(state_->process.output);
  set_nonblocking(state_->process.errors);
}

Session::~Session() {
  State& s = *state_;
  end_input();
  s.wait_for_end(Clock::now() + kEndLimit);
  const std::lock_guard lock(groups_mutex);
  groups().erase(s.process.pid);
  kill(-s.process.pid, SIGKILL);
  if (!s.ended) waitpid(s.process.pid, nullptr, 0);
}

void Session::end_input() { state_->process.input.close(); }

nlohmann::json Session::receive(Clock::time_point deadline) {
  State& s = *state_;
  while (true) {
    for (std::string line; s.take_line(line);) {
      nlohmann::json document;
      try {
        if (from_line(line, document)) return document;
      } catch (const nlohmann::json::exception&) {
        throw HostLost("the probe there says what is not JSON");
      }
      s.noise += line.size();
    }
    if (s.noise + s.unread.size() > std::max(kMostNoise, kLongestLine)) {
      throw HostLost("its login shell prints without end");
    }
    if (!s.read_some(deadline)) {
      throw HostLost(s.said.empty() ? "it does not answer in time"
                                    : concat("it does not answer in time; ", gist_of(s.said)));
    }
  }
}

nlohmann::json Session::ask(const nlohmann::json& request, milliseconds limit) {
  const std::string line = to_line(request);
  // Requests are small and the probe reads at once: this blocks only when all is lost.
  for (size_t at = 0; at < line.size();) {
    const ssize_t n = write(state_->process.input.fd(), line.data() + at, line.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;  // what follows tells why
    at += static_cast<size_t>(n);
  }
  nlohmann::json answer = receive(Clock::now() + limit);
  if (answer.contains("error")) {
    throw HostLost(
        concat("its probe cannot answer, another version? ", answer["error"].get<std::string>()));
  }
  return answer;
}

std::string run_there(const Host& host, const RemoteShell& shell, const std::string& command) {
  try {
    Session session(host, shell);
    session.receive(Clock::now() + kCommandLimit + std::chrono::seconds(shell.connect_seconds));
    const nlohmann::json answer = session.ask({{"do", "run"}, {"command", command}}, kCommandLimit);
    const int code = answer.at("code").get<int>();
    if (code == 0) return {};
    return concat("code ", code, ": ", answer.at("output").get<std::string>());
  } catch (const HostLost& lost) {
    return lost.what();
  } catch (const nlohmann::json::exception& error) {
    return error.what();
  }
}

bool Session::State::take_line(std::string& line) {
  const size_t end = unread.find('\n');
  if (end == std::string::npos) return false;
  line = unread.substr(0, end);
  unread.erase(0, end + 1);
  return true;
}

// False past the deadline. Errors: HostLost when it has ended.
bool Session::State::read_some(Clock::time_point deadline) {
  pollfd ready[] = {{process.output.fd(), POLLIN, 0}, {process.errors.fd(), POLLIN, 0}};
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  if (left <= 0) return false;
  poll(ready, 2, static_cast<int>(left));
  if (ready[1].revents && !append(process.errors, said, kMostErrors)) process.errors.close();
  if (ready[0].revents && !append(process.output, unread, std::string::npos)) throw_ended();
  return true;
}

// False at the end. Of more than `most` bytes the last are kept.
bool Session::State::append(Descriptor& from, std::string& to, size_t most) {
  char buffer[16384];
  const ssize_t n = read(from.fd(), buffer, sizeof buffer);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  to.append(buffer, static_cast<size_t>(n));
  if (to.size() > most) to.erase(0, to.size() - most);
  return n > 0;
}

void Session::State::wait_for_end(Clock::time_point deadline) {
  constexpr milliseconds kInterval{2};
  while (!ended && (ended = waitpid(process.pid, &status, WNOHANG) != 0) == false) {
    if (Clock::now() > deadline) return;
    std::this_thread::sleep_for(kInterval);
  }
}

void Session::State::throw_ended() {
  process.input.close();
  wait_for_end(Clock::now() + kEndLimit);
  while (process.errors && append(process.errors, said, kMostErrors)) {
    pollfd more{process.errors.fd(), POLLIN, 0};
    if (poll(&more, 1, 0) <= 0) break;
  }
  if (!ended) throw HostLost("the probe there has closed its output");
  throw HostLost(explain_end(host, status, said));
}

void end_sessions_by_signals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&set, s);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread([set] {
    int number = 0;
    sigwait(&set, &number);
    const std::lock_guard lock(groups_mutex);
    for (const pid_t group : groups()) kill(-group, SIGKILL);
    for (const pid_t group : groups()) waitpid(group, nullptr, 0);
    _exit(128 + number);
  }).detach();
}

}  // namespace mlx::launch::config
