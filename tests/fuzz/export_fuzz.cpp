// A file of functions of any bytes: functions that can be called as their
// signatures say, or an error.

#include <cstdlib>
#include <cstring>

#include "mlx/core/export.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/transforms.h"
#include "mlx/core/utils.h"

namespace {

using namespace mlx::core;

class Bytes final : public io::Reader {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  std::string label() const override { return "fuzz"; }
  size_t size() const override { return size_; }
  void read(char* data, size_t count, size_t offset) override {
    if (count > size_ || offset > size_ - count) std::abort();
    if (count > 0) std::memcpy(data, data_ + offset, count);
  }

 private:
  const uint8_t* const data_;
  const size_t size_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const ImportedFunction imported = import_function(std::make_shared<Bytes>(data, size));
    imported(Args{});
    imported({array(1.0f)}, {{"x", array(2)}});
  } catch (const std::runtime_error&) {
  } catch (const std::invalid_argument&) {
  }
  return 0;
}

// The library but for streams, evaluation and kernels, which would take minutes
// to compile. Reading evaluates constants only, which bring their kernel.
namespace mlx::core {

void eval(std::vector<array> arrays) {
  for (array& x : arrays) {
    const Node& node = *x.node();
    if (node.op == nullptr || x.status() == array::available) continue;
    Arrays outputs = x.outputs();
    node.op->run({{}, outputs, node.attrs, nullptr, nullptr, node.stream});
    x.set_status(array::available);
    x.detach();
  }
}

const char* version() { return "fuzz"; }
const Device& default_device() {
  static const Device device(Device::cpu);
  return device;
}
Stream default_stream(Device device) { return Stream(0, device); }
Stream to_stream(StreamOrDevice) { return default_stream(default_device()); }
bool operator==(const Device& device, Device::DeviceType type) { return device.type == type; }
StreamContext::StreamContext(StreamOrDevice)
    : old_device_(default_device()), old_stream_(default_stream(old_device_)) {}
StreamContext::~StreamContext() = default;
void Event::wait() {}
bool Event::is_signaled() const { return true; }

// Not the caching allocator: the address sanitizer knows these blocks' bounds.
namespace allocator {
Allocator& allocator() { std::abort(); }
Buffer malloc(size_t size) { return Buffer(std::malloc(size)); }
void free(Buffer buffer) { std::free(buffer.ptr()); }
}  // namespace allocator

}  // namespace mlx::core
