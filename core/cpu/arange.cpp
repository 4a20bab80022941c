#include "mlx/core/cpu/arange.h"

#include "mlx/core/base/error.h"
#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/ops/creation_ops.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kArangeGrain = 1 << 16;

// Each value from its index: no error adds up along the way. Integers are
// computed as integers, floats in double.
template <typename T, typename Wide>
void fill(array& out, double start, double step) {
  T* values = out.data<T>();
  const Wide first = static_cast<Wide>(start);
  const Wide by = static_cast<Wide>(step);
  parallel_for(static_cast<int64_t>(out.size()), kArangeGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if constexpr (std::is_integral_v<T> || std::is_same_v<T, double>) {
        values[i] = static_cast<T>(first + static_cast<Wide>(i) * by);
      } else {
        values[i] = T(static_cast<float>(first + static_cast<Wide>(i) * by));
      }
    }
  });
}

}  // namespace

void arange(const KernelArgs& args) {
  const auto& [start, step, count, dtype] = args.attrs.get<ArangeAttrs>();
  array& out = args.outputs[0];
  allocate(out);
  switch (dtype.val()) {
    case Dtype::Val::uint8:
      return fill<uint8_t, int64_t>(out, start, step);
    case Dtype::Val::uint16:
      return fill<uint16_t, int64_t>(out, start, step);
    case Dtype::Val::uint32:
      return fill<uint32_t, int64_t>(out, start, step);
    case Dtype::Val::uint64:
      return fill<uint64_t, int64_t>(out, start, step);
    case Dtype::Val::int8:
      return fill<int8_t, int64_t>(out, start, step);
    case Dtype::Val::int16:
      return fill<int16_t, int64_t>(out, start, step);
    case Dtype::Val::int32:
      return fill<int32_t, int64_t>(out, start, step);
    case Dtype::Val::int64:
      return fill<int64_t, int64_t>(out, start, step);
    case Dtype::Val::float16:
      return fill<float16_t, double>(out, start, step);
    case Dtype::Val::bfloat16:
      return fill<bfloat16_t, double>(out, start, step);
    case Dtype::Val::float32:
      return fill<float, double>(out, start, step);
    case Dtype::Val::float64:
      return fill<double, double>(out, start, step);
    case Dtype::Val::complex64:
      return fill<complex64_t, double>(out, start, step);
    case Dtype::Val::bool_:
      break;
  }
  throw_invalid("[arange] Dtype: got ", dtype, ", expected a number.");
}

}  // namespace mlx::core::cpu
