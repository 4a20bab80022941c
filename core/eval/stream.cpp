// The calling thread's devices and streams.

#include "mlx/core/stream.h"

#include <unistd.h>

#include <fstream>
#include <optional>
#include <thread>
#include <tuple>

#include "mlx/core/base/error.h"
#include "mlx/core/device.h"
#include "mlx/core/eval/scheduler.h"
#include "mlx/core/utils.h"

namespace mlx::core {
namespace {

struct ThreadState {
  Device device{Device::cpu};
  std::optional<Stream> cpu_default;
  std::unordered_map<int, Stream> thread_local_streams;
};

ThreadState& thread_state() {
  thread_local ThreadState state;
  return state;
}

void require_available(const Device& d, std::string_view op) {
  if (!is_available(d)) {
    throw_invalid("[", op, "] Device ", d == Device::gpu ? "gpu" : "cpu", ":", d.index,
                  " is not available.");
  }
}

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

}  // namespace

bool Device::operator<(const Device& rhs) const {
  return std::tie(type, index) < std::tie(rhs.type, rhs.index);
}

bool operator==(const Device& device, Device::DeviceType type) { return device.type == type; }

bool is_available(const Device& d) { return d.index >= 0 && d.index < device_count(d.type); }

int device_count(Device::DeviceType type) { return type == Device::cpu ? 1 : 0; }

const Device& default_device() { return thread_state().device; }

void set_default_device(const Device& d) {
  require_available(d, "set_default_device");
  thread_state().device = d;
}

const std::unordered_map<std::string, std::variant<std::string, size_t>>& device_info(
    const Device& d) {
  require_available(d, "device_info");
  static const std::unordered_map<std::string, std::variant<std::string, size_t>> info {
    {"device_name", cpu_model()},
#if defined(__x86_64__)
        {"architecture", std::string("x86_64")},
#elif defined(__aarch64__)
        {"architecture", std::string("aarch64")},
#else
        {"architecture", std::string("unknown")},
#endif
        {"memory_size",
         static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE))},
    {
      "logical_cores", static_cast<size_t>(std::thread::hardware_concurrency())
    }
  };
  return info;
}

bool Stream::operator<(const Stream& rhs) const {
  return std::tie(device, index) < std::tie(rhs.device, rhs.index);
}

Stream default_stream(Device d) {
  require_available(d, "default_stream");
  ThreadState& state = thread_state();
  if (!state.cpu_default) {
    state.cpu_default = Scheduler::get().add_stream(d, StreamKind::thread_default);
  }
  return *state.cpu_default;
}

void set_default_stream(Stream s) {
  Scheduler::get().check_usable(s, "set_default_stream");
  thread_state().cpu_default = s;
}

Stream new_stream(Device d) {
  require_available(d, "new_stream");
  return Scheduler::get().add_stream(d, StreamKind::thread_owned);
}

Stream new_thread_unsafe_stream(Device d) {
  require_available(d, "new_thread_unsafe_stream");
  return Scheduler::get().add_stream(d, StreamKind::shared);
}

ThreadLocalStream new_thread_local_stream(Device d) {
  require_available(d, "new_thread_local_stream");
  // The name takes an index of its own, so that no two names are the same.
  return ThreadLocalStream(Scheduler::get().add_stream(d, StreamKind::shared).index, d);
}

Stream stream_from_thread_local_stream(ThreadLocalStream tls) {
  auto& streams = thread_state().thread_local_streams;
  auto found = streams.find(tls.index);
  if (found == streams.end()) {
    found = streams.emplace(tls.index, new_stream(tls.device)).first;
  }
  return found->second;
}

std::vector<Stream> get_streams() { return Scheduler::get().streams(); }

void synchronize() { synchronize(default_stream(default_device())); }

void synchronize(Stream s) { Scheduler::get().worker(s).synchronize(); }

void synchronize(ThreadLocalStream s) { synchronize(stream_from_thread_local_stream(s)); }

void clear_streams() {
  Scheduler::get().drop_streams_of_this_thread();
  thread_state().cpu_default.reset();
  thread_state().thread_local_streams.clear();
}

Stream to_stream(StreamOrDevice s) { return to_stream(std::move(s), default_device()); }

Stream to_stream(StreamOrDevice s, Device default_) {
  if (std::holds_alternative<std::monostate>(s)) {
    return default_stream(default_);
  }
  if (const auto* device = std::get_if<Device>(&s)) {
    return default_stream(*device);
  }
  if (const auto* type = std::get_if<Device::DeviceType>(&s)) {
    return default_stream(Device(*type));
  }
  if (const auto* name = std::get_if<ThreadLocalStream>(&s)) {
    return stream_from_thread_local_stream(*name);
  }
  const Stream stream = std::get<Stream>(s);
  Scheduler::get().check_usable(stream, "to_stream");
  return stream;
}

StreamContext::StreamContext(StreamOrDevice s)
    : old_device_(default_device()), old_stream_(default_stream(default_device())) {
  const Stream stream = to_stream(std::move(s));
  set_default_device(stream.device);
  set_default_stream(stream);
}

StreamContext::~StreamContext() {
  set_default_device(old_device_);
  set_default_stream(old_stream_);
}

}  // namespace mlx::core
