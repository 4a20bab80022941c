// compile: a function with the recordings of its calls.

#include "mlx/core/compile.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "mlx/core/base/environment.h"
#include "mlx/core/base/error.h"
#include "mlx/core/graph/trace.h"
#include "mlx/core/transform/record.h"
#include "mlx/core/transform/tracer.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

// Enough for the buckets of padded batches; bounds the memory where shapes never repeat.
constexpr size_t kMaxRecordings = 64;

std::atomic<CompileMode>& current_mode() {
  static std::atomic<CompileMode> mode{Environment::get().disable_compile ? CompileMode::disabled
                                                                          : CompileMode::enabled};
  return mode;
}

// Sizes 0 and 1 decide what broadcasts, and with it which operations a graph has.
bool is_alike(ShapeElem a, ShapeElem b) { return a == b || (a > 1 && b > 1); }

bool is_alike(const Shape& a, const Shape& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](ShapeElem m, ShapeElem n) { return is_alike(m, n); });
}

class Compiled {
 public:
  Compiled(ArraysFn fun, bool shapeless) : fun_(std::move(fun)), shapeless_(shapeless) {}

  Arrays operator()(const Arrays& inputs) {
    const CompileMode mode = current_mode().load(std::memory_order_relaxed);
    if (mode == CompileMode::disabled || TraceScope::active()) {
      return fun_(inputs);
    }
    const Stream stream = default_stream(default_device());
    std::shared_ptr<const detail::Recording> recording = find(inputs, stream);
    if (recording == nullptr) {
      // Not under the lock: the function may call itself, or take its time.
      recording = std::make_shared<const detail::Recording>(detail::record(
          fun_, inputs, {.shapeless = shapeless_, .simplify = mode != CompileMode::no_simplify}));
      keep(recording, stream);
    }
    return detail::replay(*recording, inputs);
  }

 private:
  struct Entry {
    Stream stream;
    std::shared_ptr<const detail::Recording> recording;
  };

  std::shared_ptr<const detail::Recording> find(const Arrays& inputs, Stream stream) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.stream == stream && serves(*entry.recording, inputs);
    });
    if (found == entries_.end()) {
      return nullptr;
    }
    std::rotate(entries_.begin(), found, found + 1);
    return entries_.front().recording;
  }

  void keep(const std::shared_ptr<const detail::Recording>& recording, Stream stream) {
    Entry dropped{stream, nullptr};  // its arrays go when the lock has gone
    const std::lock_guard lock(mutex_);
    if (entries_.size() == kMaxRecordings) {
      dropped = std::move(entries_.back());
      entries_.pop_back();
    }
    entries_.insert(entries_.begin(), Entry{stream, recording});
  }

  bool serves(const detail::Recording& recording, const Arrays& inputs) const {
    return std::equal(
        inputs.begin(), inputs.end(), recording.inputs.begin(), recording.inputs.end(),
        [&](const array& in, const Type& type) {
          return in.dtype() == type.dtype &&
                 (shapeless_ ? is_alike(in.shape(), type.shape) : in.shape() == type.shape);
        });
  }

  const ArraysFn fun_;
  const bool shapeless_;
  std::mutex mutex_;
  /// The last used first.
  std::vector<Entry> entries_;
};

ArraysFn as_function(std::shared_ptr<Compiled> compiled) {
  return [compiled = std::move(compiled)](const Arrays& inputs) { return (*compiled)(inputs); };
}

}  // namespace

ArraysFn compile(ArraysFn fun, bool shapeless) {
  require(fun != nullptr, "[compile] The function is empty.");
  return as_function(std::make_shared<Compiled>(std::move(fun), shapeless));
}

ArraysFn compile(Arrays (*fun)(const Arrays&), bool shapeless) {
  require(fun != nullptr, "[compile] The function is null.");
  struct Registry {
    std::mutex mutex;
    std::map<std::pair<Arrays (*)(const Arrays&), bool>, std::shared_ptr<Compiled>> functions;
  };
  // Never destroyed: its constants would outlive the allocator.
  static auto& registry = *new Registry;
  const std::lock_guard lock(registry.mutex);
  std::shared_ptr<Compiled>& compiled = registry.functions[{fun, shapeless}];
  if (compiled == nullptr) {
    compiled = std::make_shared<Compiled>(fun, shapeless);
  }
  return as_function(compiled);
}

void disable_compile() { set_compile_mode(CompileMode::disabled); }

void enable_compile() { set_compile_mode(CompileMode::enabled); }

void set_compile_mode(CompileMode mode) { current_mode().store(mode, std::memory_order_relaxed); }

}  // namespace mlx::core
