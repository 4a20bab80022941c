#include "mlx/launch/config/probe.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "mlx/launch/config/files.h"
#include "mlx/launch/config/wire.h"

namespace mlx::launch::config {
namespace {

using core::distributed::after;
using nlohmann::json;

constexpr std::chrono::minutes kPatience{10};
constexpr size_t kReachesAtOnce = 16;

// Requests, read by a thread of their own: whatever the probe is doing, it ends
// at once when nobody can ask any more.
class Requests {
 public:
  void start() {
    std::thread([this] { read(); }).detach();
  }

  // Ends the process when nothing comes.
  std::string next() {
    std::unique_lock lock(mutex_);
    if (!some_.wait_for(lock, kPatience, [&] { return !lines_.empty(); })) _exit(1);
    std::string line = std::move(lines_.front());
    lines_.pop_front();
    return line;
  }

 private:
  void read() {
    std::string line;
    for (int c; (c = std::getchar()) != EOF;) {
      if (c != '\n') {
        if (line.size() == kLongestLine) _exit(1);
        line += static_cast<char>(c);
        continue;
      }
      const std::lock_guard lock(mutex_);
      lines_.push_back(std::exchange(line, {}));
      some_.notify_one();
    }
    _exit(0);
  }

  std::mutex mutex_;
  std::condition_variable some_;
  std::deque<std::string> lines_;
};

class Probe {
 public:
  json answer(const json& request) {
    const auto what = request.at("do").get<std::string>();
    if (what == "clock") return clock();
    if (what == "open") return open(request);
    if (what == "reach") return reach_all(request);
    if (what == "ways") return ways(request);
    if (what == "measure") return measure_one(request);
    if (what == "run") return run(request);
    throw std::runtime_error("unknown request \"" + what + "\"");
  }

 private:
  static json clock() {
    using std::chrono::nanoseconds;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return {{"now", std::chrono::duration_cast<nanoseconds>(now).count()}};
  }

  json open(const json& request) {
    secret_ = Secret(request.at("secret").get<std::string>());
    host_ = request.at("host").get<int>();
    server_.emplace(secret_, host_);
    std::vector<OpenPort> out;
    for (const auto port : request.at("ports").get<std::vector<uint16_t>>()) {
      OpenPort& made = out.emplace_back(OpenPort{.wanted = port, .port = 0, .error = {}});
      made.port = server_->listen(port, made.error);
      if (made.port != 0) made.error.clear();
    }
    return {{"ports", out}};
  }

  json reach_all(const json& request) {
    const auto targets = request.at("targets").get<std::vector<Target>>();
    const Milliseconds limit(request.at("limit_ms").get<int>());
    std::vector<Reach> reaches(targets.size());
    std::atomic<size_t> next = 0;
    std::vector<std::thread> threads(std::min(targets.size(), kReachesAtOnce));
    for (std::thread& thread : threads) {
      thread = std::thread([&] {
        for (size_t i; (i = next++) < targets.size();) {
          reaches[i] = reach({&secret_, host_}, targets[i], after(limit));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return {{"reaches", reaches}};
  }

  static json ways(const json& request) {
    std::vector<NextHop> out;
    for (const auto& ip : request.at("addresses").get<std::vector<std::string>>()) {
      out.push_back(way_to(ip));
    }
    return {{"ways", out}};
  }

  json measure_one(const json& request) {
    const Milliseconds duration(request.at("for_ms").get<int>());
    return {{"measurement", measure({&secret_, host_}, request.at("target").get<Target>(),
                                    std::min(duration, kLongestFlow))}};
  }

  // A command of --auto-setup. What it prints beyond the first part is of no use.
  static json run(const json& request) {
    constexpr size_t kMostOutput = 4096;
    const std::string command = request.at("command").get<std::string>();
    FILE* pipe = popen(("exec 2>&1 </dev/null; " + command).c_str(), "re");
    if (!pipe) throw std::runtime_error("no shell can be started");
    std::string output;
    for (int c; (c = std::getc(pipe)) != EOF;) {
      if (output.size() < kMostOutput) output += static_cast<char>(c);
    }
    const int status = pclose(pipe);
    return {{"code", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)},
            {"output", trimmed(output)}};
  }

  Secret secret_;
  int host_ = -1;
  std::optional<TrafficServer> server_;
};

void say(const json& document) {
  const std::string line = to_line(document);
  const bool said = std::fwrite(line.data(), 1, line.size(), stdout) == line.size();
  if (!said || std::fflush(stdout) != 0) _exit(1);
}

}  // namespace

void run_probe() {
  std::signal(SIGPIPE, SIG_IGN);
  say({{"facts", inspect()}});
  Requests requests;
  requests.start();
  Probe probe;
  while (true) {
    const std::string line = requests.next();
    try {
      json request;
      if (from_line(line, request)) say(probe.answer(request));
    } catch (const std::exception& error) {
      say({{"error", error.what()}});
    }
  }
}

}  // namespace mlx::launch::config
