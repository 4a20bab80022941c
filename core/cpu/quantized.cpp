// Quantization, its reverse, and e4m3.

#include "mlx/core/cpu/quantized.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/fp8.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/quantized_matrix.h"
#include "mlx/core/graph/node.h"

namespace mlx::core::cpu {
namespace {

// Elements that are worth a thread, and elements that fit the cache.
constexpr int64_t kPackingGrain = 1 << 14;
constexpr int64_t kCachedElements = 1 << 11;

constexpr int kMaxGroup = 128;

/// One group of floats becomes codes and a scale.
struct Group {
  uint8_t codes[kMaxGroup];
  uint8_t scale_code;  ///< of all modes but affine
  float scale, bias;
};

// Without a global scale one that changes nothing.
float global_scale(std::span<const array> inputs, size_t index) {
  return inputs.size() > index ? inputs[index].data<float>()[0] : kGlobalScaleRange;
}

class Quantizer {
 public:
  /// `dtype`: that of the matrix, in which quotients are rounded.
  Quantizer(const QuantFormat& format, Dtype dtype, float global_scale)
      : format_(format),
        dtype_(dtype),
        global_factor_(global_scale / kGlobalScaleRange),
        inverse_global_(kGlobalScaleRange / global_scale) {}

  void operator()(Group& out, const float* x) const {
    switch (format_.mode) {
      case QuantMode::affine:
        return quantized_loops().quantize_affine(out.codes, &out.scale, &out.bias, x, format_.group,
                                                 format_.bits);
      case QuantMode::nvfp4:
        out.scale_code = to_e4m3(magnitude(x, 6) * inverse_global_);
        out.scale = from_e4m3(out.scale_code);
        return encode(out, x);
      default:
        out.scale_code = nearest_power(magnitude(x, format_.bits == 4 ? 6 : 448));
        out.scale = from_e8m0(out.scale_code);
        return encode(out, x);
    }
  }

  /// The elements that the codes stand for.
  void decode(float* out, const Group& group) const {
    if (format_.bits == 8) {
      for (int i = 0; i < format_.group; ++i) out[i] = from_e4m3(group.codes[i]) * group.scale;
    } else {
      static constexpr float kValues[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
      const float scale = group.scale * global_factor_;
      for (int i = 0; i < format_.group; ++i) {
        const float value = kValues[group.codes[i] & 7] * scale;
        out[i] = (group.codes[i] & 8) != 0 ? -value : value;
      }
    }
  }

 private:
  // The largest magnitude in units of the largest code.
  float magnitude(const float* x, float largest_code) const {
    float quotient = quantized_loops().largest(x, format_.group) / largest_code;
    round_to(dtype_, &quotient, 1);
    return quotient;
  }

  // e8m0 of the nearest power of two, by logarithm; 1 for 0.
  static uint8_t nearest_power(float x) {
    const float exponent = x > 0 ? std::rint(std::log2(x)) : 0.0f;
    return static_cast<uint8_t>(std::clamp(exponent + 127, 0.0f, 254.0f));
  }

  void encode(Group& out, const float* x) const {
    float quotients[kMaxGroup];
    const float scale = out.scale;
    // A scale of 0 leaves nothing.
    for (int i = 0; i < format_.group; ++i) quotients[i] = scale == 0 ? 0 : x[i] / scale;
    round_to(dtype_, quotients, format_.group);
    for (int i = 0; i < format_.group; ++i) quotients[i] *= inverse_global_;
    const auto encode =
        format_.bits == 4 ? quantized_loops().encode_e2m1 : quantized_loops().encode_e4m3;
    encode(out.codes, quotients, format_.group);
  }

  QuantFormat format_;
  Dtype dtype_;
  float global_factor_, inverse_global_;
};

// `count` codes as consecutive bits, least significant first.
void pack(std::byte* out, const uint8_t* codes, int bits, int count) {
  for (int i = 0; i < count; i += 8, out += bits) {
    uint64_t eight = 0;
    for (int k = 0; k < 8; ++k) eight |= static_cast<uint64_t>(codes[i + k]) << (k * bits);
    std::memcpy(out, &eight, static_cast<size_t>(bits));
  }
}

// A matrix of floating-point numbers, read in float32.
struct Floats {
  explicit Floats(const array& x)
      : values(x.dtype() == float64 ? row_contiguous(x, float32) : row_contiguous(x)) {}
  void read(float* out, int64_t first, int64_t count) const {
    const auto size = static_cast<int64_t>(values.itemsize());
    widen_from(values.dtype(), out, values.data<std::byte>() + first * size, count);
  }
  array values;
};

// Calls body(group, first element, its floats) for all groups of the array.
template <typename Body>
void for_each_group(const array& w, int64_t group, const Body& body) {
  const Floats x(w);
  const auto groups = static_cast<int64_t>(w.size()) / group;
  parallel_for(groups, kPackingGrain / group, [&](int64_t begin, int64_t end) {
    float values[kMaxGroup];
    for (int64_t g = begin; g < end; ++g) {
      x.read(values, g * group, group);
      body(g, values);
    }
  });
}

}  // namespace

void quantize(const KernelArgs& args) {
  const QuantFormat& format = args.attrs.get<QuantAttrs>().format;
  const array& w = args.inputs[0];
  for (array& out : args.outputs) allocate(out);
  const Quantizer quantizer(format, w.dtype(), global_scale(args.inputs, 1));
  auto* packed = args.outputs[0].data<std::byte>();
  auto* scales = args.outputs[1].data<std::byte>();
  auto* biases = format.has_biases() ? args.outputs[2].data<std::byte>() : nullptr;
  const int64_t size = w.dtype().size();
  for_each_group(w, format.group, [&](int64_t g, const float* x) {
    Group group;
    quantizer(group, x);
    pack(packed + g * format.group * format.bits / 8, group.codes, format.bits, format.group);
    if (format.has_biases()) {
      narrow_to(w.dtype(), scales + g * size, &group.scale, 1);
      narrow_to(w.dtype(), biases + g * size, &group.bias, 1);
    } else {
      scales[g] = static_cast<std::byte>(group.scale_code);
    }
  });
}

void quantize_round_trip(const KernelArgs& args) {
  const QuantFormat& format = args.attrs.get<QuantAttrs>().format;
  array& out = args.outputs[0];
  allocate(out);
  const Quantizer quantizer(format, args.inputs[0].dtype(), global_scale(args.inputs, 1));
  for_each_group(args.inputs[0], format.group, [&](int64_t g, const float* x) {
    Group group;
    quantizer(group, x);
    quantizer.decode(out.data<float>() + g * format.group, group);
  });
}

void dequantize(const KernelArgs& args) {
  const auto& [format, dtype] = args.attrs.get<DequantAttrs>();
  const QuantizedMatrix matrix(format, args.inputs);
  array result = dtype == float64 ? make_array(args.outputs[0].shape(), float32) : args.outputs[0];
  allocate(result);
  const Dtype scaled = format.has_biases() ? args.inputs[1].dtype() : float32;
  const Dtype shifted = format.has_biases() ? result_type(args.inputs[1], args.inputs[2]) : float32;
  const size_t global = format.has_biases() ? 3 : 2;
  const float factor = global_scale(args.inputs, global) / kGlobalScaleRange;
  const int64_t group = format.group,
                chunks = (matrix.columns() + kCachedElements - 1) / kCachedElements;
  const QuantizedLoops& loops = quantized_loops();
  parallel_for(matrix.rows() * chunks, kPackingGrain / kCachedElements,
               [&](int64_t begin, int64_t end) {
                 float values[kCachedElements], parameters[kCachedElements / 16];
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t row = i / chunks, first = i % chunks * kCachedElements;
                   const int64_t count = std::min(kCachedElements, matrix.columns() - first),
                                 groups = count / group;
                   matrix.codes(values, row, first, count);
                   matrix.scales(parameters, row, first / group, groups);
                   for (int64_t g = 0; factor != 1 && g < groups; ++g) parameters[g] *= factor;
                   loops.scale_groups(values, parameters, nullptr, groups, group);
                   round_to(scaled, values, count);
                   if (matrix.has_biases()) {
                     matrix.biases(parameters, row, first / group, groups);
                     loops.add_groups(values, parameters, groups, group);
                     round_to(shifted, values, count);
                   }
                   const int64_t at = row * matrix.columns() + first;
                   narrow_to(result.dtype(), result.data<std::byte>() + at * result.dtype().size(),
                             values, count);
                 }
               });
  if (dtype == float64) args.outputs[0].copy_shared_buffer(row_contiguous(result, float64));
}

void to_fp8(const KernelArgs& args) {
  array& out = args.outputs[0];
  allocate(out);
  const Floats x(args.inputs[0]);
  parallel_for(static_cast<int64_t>(out.size()), kPackingGrain, [&](int64_t begin, int64_t end) {
    float values[kCachedElements];
    for (int64_t i = begin; i < end; i += kCachedElements) {
      const int64_t count = std::min(kCachedElements, end - i);
      x.read(values, i, count);
      quantized_loops().encode_e4m3(out.data<uint8_t>() + i, values, count);
    }
  });
}

void from_fp8(const KernelArgs& args) {
  array& out = args.outputs[0];
  allocate(out);
  const array codes = row_contiguous(args.inputs[0]);
  const Dtype dtype = out.dtype();
  parallel_for(static_cast<int64_t>(out.size()), kPackingGrain, [&](int64_t begin, int64_t end) {
    float values[kCachedElements];
    for (int64_t i = begin; i < end; i += kCachedElements) {
      const int64_t count = std::min(kCachedElements, end - i);
      for (int64_t k = 0; k < count; ++k) values[k] = from_e4m3(codes.data<uint8_t>()[i + k]);
      if (dtype == float64) {
        std::copy_n(values, count, out.data<double>() + i);
      } else {
        narrow_to(dtype, out.data<std::byte>() + i * dtype.size(), values, count);
      }
    }
  });
}

}  // namespace mlx::core::cpu
