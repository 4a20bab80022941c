#include "mlx/core/utils.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"

namespace mlx::core {

namespace detail {
void throw_size_overflow(std::string_view op) {
  throw std::overflow_error(concat("[", op, "] Size does not fit 64 bits."));
}
}  // namespace detail

bool is_main_thread() { return syscall(SYS_gettid) == getpid(); }

namespace {
// Limits of a binary floating-point format with that many exponent and fraction bits.
struct Format {
  int bits;
  int exponent_bits;
  int fraction_bits;
};

Format format_of(Dtype dtype) {
  switch (dtype.val()) {
    case Dtype::Val::float16:
      return {16, 5, 10};
    case Dtype::Val::bfloat16:
      return {16, 8, 7};
    case Dtype::Val::float64:
      return {64, 11, 52};
    case Dtype::Val::float32:
    case Dtype::Val::complex64:
      return {32, 8, 23};
    default:
      throw_invalid("[finfo] Dtype: got ", dtype, ", expected a floating-point dtype.");
  }
}
}  // namespace

finfo::finfo(Dtype t) : dtype(t) {
  const Format format = format_of(t);
  const int bias = (1 << (format.exponent_bits - 1)) - 1;
  bits = format.bits;
  eps = std::ldexp(1.0, -format.fraction_bits);
  max = std::ldexp(2.0 - eps, bias);
  min = -max;
  smallest_normal = std::ldexp(1.0, 1 - bias);
}

iinfo::iinfo(Dtype t) : dtype(t) {
  require(issubdtype(t, integer), "[iinfo] Dtype: got ", t, ", expected an integer dtype.");
  const int bits = 8 * t.size();
  if (issubdtype(t, unsignedinteger)) {
    min = 0;
    max = std::numeric_limits<uint64_t>::max() >> (64 - bits);
  } else {
    min = std::numeric_limits<int64_t>::min() >> (64 - bits);
    max = static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) >> (64 - bits);
  }
}

Dtype result_type(const array& a, const array& b) { return promote_types(a.dtype(), b.dtype()); }

Dtype result_type(const array& a, const array& b, const array& c) {
  return promote_types(result_type(a, b), c.dtype());
}

Dtype result_type(const std::vector<array>& arrays) {
  Dtype t = bool_;
  for (const array& a : arrays) {
    t = promote_types(t, a.dtype());
  }
  return t;
}

Shape broadcast_shapes(const Shape& s1, const Shape& s2) {
  const Shape& longer = s1.size() >= s2.size() ? s1 : s2;
  const Shape& shorter = s1.size() >= s2.size() ? s2 : s1;
  Shape out = longer;
  const size_t shift = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    ShapeElem& size = out[i + shift];
    if (size == 1) {
      size = shorter[i];
    } else {
      require(shorter[i] == 1 || shorter[i] == size, "[broadcast_shapes] Shapes ", s1, " and ", s2,
              " cannot be broadcast.");
    }
  }
  return out;
}

int normalize_axis_index(int axis, int ndim, const std::string& msg_prefix) {
  require(axis >= -ndim && axis < ndim, msg_prefix, "Axis ", axis,
          " is out of bounds for an array of ", ndim, " dimensions.");
  return axis < 0 ? axis + ndim : axis;
}

bool is_power_of_2(int n) { return n > 0 && (n & (n - 1)) == 0; }

int next_power_of_2(int n) {
  require(n <= 1 << 30, "[next_power_of_2] No int is a power of 2 and at least ", n, ".");
  int power = 1;
  while (power < n) {
    power *= 2;
  }
  return power;
}

namespace env {

int get_var(const char* name, int default_value) {
  const char* value = std::getenv(name);
  if (value == nullptr) {
    return default_value;
  }
  int number = default_value;
  const std::string_view text(value);
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string get_var(const char* name, const char* default_value) {
  const char* value = std::getenv(name);
  return value == nullptr ? default_value : value;
}

int bfs_max_width() { return get_var("MLX_BFS_MAX_WIDTH", 20); }
int max_ops_per_buffer(int default_value) {
  return get_var("MLX_MAX_OPS_PER_BUFFER", default_value);
}
int max_mb_per_buffer(int default_value) { return get_var("MLX_MAX_MB_PER_BUFFER", default_value); }
int residency_set_max_pct() { return get_var("MLX_RESIDENCY_SET_MAX_PCT", 0); }
bool residency_debug() { return get_var("MLX_RESIDENCY_DEBUG", 0) != 0; }
bool metal_fast_synch() { return get_var("MLX_METAL_FAST_SYNCH", 0) != 0; }
bool enable_tf32() { return get_var("MLX_ENABLE_TF32", 1) != 0; }
int nccl_timeout(int default_value) { return get_var("MLX_NCCL_TIMEOUT", default_value); }
const std::string& metal_gpu_arch() {
  static const std::string arch = get_var("MLX_METAL_GPU_ARCH", "");
  return arch;
}

}  // namespace env
}  // namespace mlx::core
