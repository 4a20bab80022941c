#pragma once

// Streams by name or device, printing, limits of the dtypes, small shape rules.

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/base/error.h"
#include "mlx/core/device.h"
#include "mlx/core/stream.h"

namespace mlx::core {

/// Where an operation runs. Nothing: the default stream of the default device.
using StreamOrDevice =
    std::variant<std::monostate, Stream, ThreadLocalStream, Device, Device::DeviceType>;

Stream to_stream(StreamOrDevice s);  ///< Errors: std::invalid_argument if it is not there
/// The same, with the device to use when nothing is given.
Stream to_stream(StreamOrDevice s, Device default_);

/// Sets the calling thread's default device and stream for a scope.
struct StreamContext {
  explicit StreamContext(StreamOrDevice s);
  StreamContext(const StreamContext&) = delete;
  StreamContext& operator=(const StreamContext&) = delete;
  ~StreamContext();

 private:
  Device old_device_;
  Stream old_stream_;
};

struct PrintOptions {  ///< for floating-point elements
  /// Decimals; negative: six significant digits.
  int precision{-1};
};

/// How array elements print.
struct PrintFormatter {
  void print(std::ostream& os, bool val);
  void print(std::ostream& os, int16_t val);
  void print(std::ostream& os, uint16_t val);
  void print(std::ostream& os, int32_t val);
  void print(std::ostream& os, uint32_t val);
  void print(std::ostream& os, int64_t val);
  void print(std::ostream& os, uint64_t val);
  void print(std::ostream& os, float16_t val);
  void print(std::ostream& os, bfloat16_t val);
  void print(std::ostream& os, float val);
  void print(std::ostream& os, double val);
  void print(std::ostream& os, complex64_t val);

  /// True rather than true, as Python writes it.
  bool capitalize_bool{false};
  PrintOptions format_options;
};

void set_printoptions(PrintOptions options);  ///< from now on, in every thread
PrintFormatter& get_global_formatter();       ///< what std::ostream << array uses

/// Whether this is the thread that loaded the library.
bool is_main_thread();

/// Limits of a floating-point (or complex) dtype.
/// Errors: std::invalid_argument for other dtypes.
struct finfo {
  explicit finfo(Dtype dtype);
  Dtype dtype;
  int bits;
  double min;
  double max;
  double eps;
  double smallest_normal;
};

/// Limits of an integer dtype. Errors: std::invalid_argument for other dtypes.
struct iinfo {
  explicit iinfo(Dtype dtype);
  Dtype dtype;
  int64_t min;
  uint64_t max;
};

/// The dtype that the arrays promote to.
Dtype result_type(const array& a, const array& b);
Dtype result_type(const array& a, const array& b, const array& c);
Dtype result_type(const std::vector<array>& arrays);

/// Errors: std::invalid_argument if the shapes do not broadcast. A pair of
/// sizes with a 1 gives the other, so 0 wins over 1.
Shape broadcast_shapes(const Shape& s1, const Shape& s2);

/// For messages: (2,3).
void append(std::string& out, const Shape& shape);

namespace detail {
[[noreturn]] void throw_size_overflow(std::string_view op);
}

/// A size as ShapeElem. Errors: std::overflow_error if it does not fit.
template <typename T>
ShapeElem safe_cast(T dim, std::string_view op = "") {
  if constexpr (std::is_floating_point_v<T>) {
    if (!(dim >= -0x1p63 && dim < 0x1p63)) {
      detail::throw_size_overflow(op);
    }
  } else if constexpr (std::is_unsigned_v<T> && sizeof(T) == 8) {
    if (dim > static_cast<T>(INT64_MAX)) {
      detail::throw_size_overflow(op);
    }
  }
  return static_cast<ShapeElem>(dim);
}

/// A non-negative axis. Errors: std::invalid_argument if it is out of range;
/// the message begins with `msg_prefix`, such as "[softmax] ".
int normalize_axis_index(int axis, int ndim, const std::string& msg_prefix = "");

std::ostream& operator<<(std::ostream& os, const Device& d);
std::ostream& operator<<(std::ostream& os, const Stream& s);
std::ostream& operator<<(std::ostream& os, const Dtype& d);
std::ostream& operator<<(std::ostream& os, const Dtype::Kind& k);
/// Evaluates the array and prints its elements.
std::ostream& operator<<(std::ostream& os, array a);
std::ostream& operator<<(std::ostream& os, const complex64_t& v);
std::ostream& operator<<(std::ostream& os, const float16_t& v);
std::ostream& operator<<(std::ostream& os, const bfloat16_t& v);

template <typename T>
inline constexpr bool is_vector_v = false;
template <typename T, typename Allocator>
inline constexpr bool is_vector_v<std::vector<T, Allocator>> = true;
template <typename T, size_t kInline>
inline constexpr bool is_vector_v<SmallVector<T, kInline>> = true;

namespace detail {
void print_list(std::ostream& os, size_t count, const void* values,
                void (*print)(std::ostream& os, const void* values, size_t i));
}  // namespace detail

/// Shapes and other vectors as (2,3).
template <typename Vec, typename = std::enable_if_t<is_vector_v<Vec>>>
std::ostream& operator<<(std::ostream& os, const Vec& v) {
  detail::print_list(os, v.size(), &v, [](std::ostream& out, const void* values, size_t i) {
    out << (*static_cast<const Vec*>(values))[i];
  });
  return os;
}

bool is_power_of_2(int n);   ///< false below 1
int next_power_of_2(int n);  ///< the least one that is not less than n

/// The settings that MLX takes from the environment. Those of devices and
/// schedulers that this library does not have are read for programs that ask;
/// they change nothing here.
namespace env {

/// The variable's value, or the default if it is not set (or not a number).
int get_var(const char* name, int default_value);
std::string get_var(const char* name, const char* default_value);

int bfs_max_width();
int max_ops_per_buffer(int default_value);
int max_mb_per_buffer(int default_value);
int residency_set_max_pct();
bool residency_debug();
bool metal_fast_synch();
bool enable_tf32();
int nccl_timeout(int default_value);
const std::string& metal_gpu_arch();

}  // namespace env

}  // namespace mlx::core
