#include "mlx/core/fft.h"

#include <cmath>
#include <string_view>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/axes.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/fft_ops.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/resized.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

Type infer_fft(Inputs in, const Attrs& a) {
  const auto& attrs = a.get<FftAttrs>();
  Shape shape = in[0].shape();
  ShapeElem& last = shape[static_cast<size_t>(attrs.axes.back())];
  if (attrs.kind == FftKind::from_real) last = last / 2 + 1;
  if (attrs.kind == FftKind::to_real) last = attrs.last;
  return {std::move(shape), attrs.kind == FftKind::to_real ? float32 : complex64};
}

// Elements 0 < k < n / 2 of a half spectrum stand for themselves and for n - k.
array times_where_doubled(const array& x, int axis, ShapeElem n, float factor, Stream s) {
  std::vector<float> factors(static_cast<size_t>(n / 2 + 1), factor);
  factors.front() = 1;
  if (n % 2 == 0) factors.back() = 1;
  Shape shape(x.ndim(), 1);
  shape[static_cast<size_t>(axis)] = n / 2 + 1;
  return multiply(x, array(factors.begin(), shape), s);
}

// The adjoint: the transform in the other direction, with the same scale.
Arrays vjp_fft(const VjpArgs& args) {
  FftAttrs attrs = args.attrs.get<FftAttrs>();
  const array& g = args.cotangents[0];
  const int axis = attrs.axes.back();
  const ShapeElem n = attrs.kind == FftKind::to_real ? g.shape(axis) : args.inputs[0].shape(axis);
  attrs.inverse = !attrs.inverse;
  switch (attrs.kind) {
    case FftKind::complex:
      return {make_node(kFft, {g}, Attrs(attrs), args.stream)};
    case FftKind::from_real: {
      attrs.kind = FftKind::to_real;
      attrs.last = n;
      const array half = times_where_doubled(g, axis, n, 0.5f, args.stream);
      return {make_node(kFft, {half}, Attrs(attrs), args.stream)};
    }
    default: {
      attrs.kind = FftKind::from_real;
      attrs.last = 0;
      const array half = make_node(kFft, {g}, Attrs(attrs), args.stream);
      return {times_where_doubled(half, axis, n, 2.0f, args.stream)};
    }
  }
}

Arrays jvp_fft(const JvpArgs& args) {
  return {make_node(kFft, {args.tangents[0]}, args.attrs, args.stream)};
}

Mapped vmap_fft(const VmapArgs& args) {
  FftAttrs attrs = args.attrs.get<FftAttrs>();
  attrs.axes = behind_mapped(std::move(attrs.axes));
  return map_in_front(kFft, args, Attrs(attrs));
}

// The scale of an inverse transform depends on the size.
bool holds_sizes(const Attrs& a) {
  const auto& attrs = a.get<FftAttrs>();
  return attrs.scale != 1 || attrs.kind == FftKind::to_real;
}

}  // namespace

constinit const Op kFft{.name = "FFT",
                        .infer = infer_fft,
                        .vjp = vjp_fft,
                        .jvp = jvp_fft,
                        .vmap = vmap_fft,
                        .holds_sizes = holds_sizes};

namespace fft {
namespace {

/// What is to be done, by which function.
struct Request {
  std::string_view op;
  FftKind kind;
  bool inverse;
};
constexpr Request kFftn{"fftn", FftKind::complex, false};
constexpr Request kIfftn{"ifftn", FftKind::complex, true};
constexpr Request kRfftn{"rfftn", FftKind::from_real, false};
constexpr Request kIrfftn{"irfftn", FftKind::to_real, true};

// The axes in the order given, none twice.
std::vector<int> checked_order(const array& a, std::vector<int> axes, std::string_view op) {
  checked_axes(axes, a, op);
  for (int& axis : axes) axis = checked_axis(axis, a, op);
  return axes;
}

double scale_of(double n, bool inverse, FFTNorm norm) {
  if (norm == FFTNorm::Ortho) return 1 / std::sqrt(n);
  return (norm == FFTNorm::Backward) == inverse ? 1 / n : 1;
}

array real_part(const array& a, Stream s) {
  return astype(a.dtype() == complex64 ? real(a, s) : a, float32, s);
}

// `sizes`: of the transforms along the axes.
array transform(const Request& request, const array& a, const Shape& sizes, std::vector<int> axes,
                FFTNorm norm, StreamOrDevice s) {
  require(sizes.size() == axes.size(), "[", request.op, "] Sizes and axes do not fit: got ",
          sizes.size(), " sizes for ", axes.size(), " axes.");
  axes = checked_order(a, std::move(axes), request.op);
  if (axes.empty()) return a;
  const Stream stream = to_stream(std::move(s));
  const bool from_real = request.kind == FftKind::from_real;
  array x = from_real ? real_part(a, stream) : astype(a, complex64, stream);
  double n = 1;
  for (size_t i = 0; i < axes.size(); ++i) {
    require(sizes[i] > 0, "[", request.op, "] Size of axis ", axes[i], ": got ", sizes[i],
            ", expected at least 1.");
    const bool is_half = request.kind == FftKind::to_real && i + 1 == axes.size();
    x = resized(x, axes[i], is_half ? sizes[i] / 2 + 1 : sizes[i], stream);
    n *= static_cast<double>(sizes[i]);
  }
  const ShapeElem last = request.kind == FftKind::to_real ? sizes.back() : 0;
  return make_node(kFft, {x},
                   Attrs(FftAttrs{request.kind, std::move(axes), request.inverse, last,
                                  scale_of(n, request.inverse, norm)}),
                   stream);
}

array transform(const Request& request, const array& a, const std::vector<int>& axes, FFTNorm norm,
                StreamOrDevice s) {
  Shape sizes;
  for (const int axis : checked_order(a, axes, request.op)) sizes.push_back(a.shape(axis));
  if (request.kind == FftKind::to_real && !sizes.empty()) sizes.back() = 2 * (sizes.back() - 1);
  return transform(request, a, sizes, axes, norm, std::move(s));
}

enum class Shift { forward, back };

array shifted(const array& a, const std::vector<int>& axes, Shift direction, std::string_view op,
              StreamOrDevice s) {
  const std::vector<int> checked = checked_order(a, axes, op);
  if (checked.empty()) return a;
  Shape shifts;
  for (const int axis : checked) {
    const ShapeElem half = a.shape(axis) / 2;
    shifts.push_back(direction == Shift::forward ? half : -half);
  }
  return roll(a, shifts, checked, std::move(s));
}

void check_frequencies(int n, double d, std::string_view op) {
  require(n > 0, "[", op, "] Number of elements: got ", n, ", expected at least 1.");
  require(d != 0, "[", op, "] Distance of the samples: got 0, expected another number.");
}

}  // namespace

array fftn(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm,
           StreamOrDevice s) {
  return transform(kFftn, a, n, axes, norm, std::move(s));
}
array fftn(const array& a, const std::vector<int>& axes, FFTNorm norm, StreamOrDevice s) {
  return transform(kFftn, a, axes, norm, std::move(s));
}
array fftn(const array& a, FFTNorm norm, StreamOrDevice s) {
  return transform(kFftn, a, all_axes(a), norm, std::move(s));
}

array ifftn(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm,
            StreamOrDevice s) {
  return transform(kIfftn, a, n, axes, norm, std::move(s));
}
array ifftn(const array& a, const std::vector<int>& axes, FFTNorm norm, StreamOrDevice s) {
  return transform(kIfftn, a, axes, norm, std::move(s));
}
array ifftn(const array& a, FFTNorm norm, StreamOrDevice s) {
  return transform(kIfftn, a, all_axes(a), norm, std::move(s));
}

array fft(const array& a, int n, int axis, FFTNorm norm, StreamOrDevice s) {
  return transform(kFftn, a, {n}, {axis}, norm, std::move(s));
}
array fft(const array& a, int axis, FFTNorm norm, StreamOrDevice s) {
  return transform(kFftn, a, {axis}, norm, std::move(s));
}

array ifft(const array& a, int n, int axis, FFTNorm norm, StreamOrDevice s) {
  return transform(kIfftn, a, {n}, {axis}, norm, std::move(s));
}
array ifft(const array& a, int axis, FFTNorm norm, StreamOrDevice s) {
  return transform(kIfftn, a, {axis}, norm, std::move(s));
}

array fft2(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm,
           StreamOrDevice s) {
  return transform(kFftn, a, n, axes, norm, std::move(s));
}
array fft2(const array& a, const std::vector<int>& axes, FFTNorm norm, StreamOrDevice s) {
  return transform(kFftn, a, axes, norm, std::move(s));
}

array ifft2(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm,
            StreamOrDevice s) {
  return transform(kIfftn, a, n, axes, norm, std::move(s));
}
array ifft2(const array& a, const std::vector<int>& axes, FFTNorm norm, StreamOrDevice s) {
  return transform(kIfftn, a, axes, norm, std::move(s));
}

array rfftn(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm,
            StreamOrDevice s) {
  return transform(kRfftn, a, n, axes, norm, std::move(s));
}
array rfftn(const array& a, const std::vector<int>& axes, FFTNorm norm, StreamOrDevice s) {
  return transform(kRfftn, a, axes, norm, std::move(s));
}
array rfftn(const array& a, FFTNorm norm, StreamOrDevice s) {
  return transform(kRfftn, a, all_axes(a), norm, std::move(s));
}

array irfftn(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm,
             StreamOrDevice s) {
  return transform(kIrfftn, a, n, axes, norm, std::move(s));
}
array irfftn(const array& a, const std::vector<int>& axes, FFTNorm norm, StreamOrDevice s) {
  return transform(kIrfftn, a, axes, norm, std::move(s));
}
array irfftn(const array& a, FFTNorm norm, StreamOrDevice s) {
  return transform(kIrfftn, a, all_axes(a), norm, std::move(s));
}

array rfft(const array& a, int n, int axis, FFTNorm norm, StreamOrDevice s) {
  return transform(kRfftn, a, {n}, {axis}, norm, std::move(s));
}
array rfft(const array& a, int axis, FFTNorm norm, StreamOrDevice s) {
  return transform(kRfftn, a, {axis}, norm, std::move(s));
}

array irfft(const array& a, int n, int axis, FFTNorm norm, StreamOrDevice s) {
  return transform(kIrfftn, a, {n}, {axis}, norm, std::move(s));
}
array irfft(const array& a, int axis, FFTNorm norm, StreamOrDevice s) {
  return transform(kIrfftn, a, {axis}, norm, std::move(s));
}

array rfft2(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm,
            StreamOrDevice s) {
  return transform(kRfftn, a, n, axes, norm, std::move(s));
}
array rfft2(const array& a, const std::vector<int>& axes, FFTNorm norm, StreamOrDevice s) {
  return transform(kRfftn, a, axes, norm, std::move(s));
}

array irfft2(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm,
             StreamOrDevice s) {
  return transform(kIrfftn, a, n, axes, norm, std::move(s));
}
array irfft2(const array& a, const std::vector<int>& axes, FFTNorm norm, StreamOrDevice s) {
  return transform(kIrfftn, a, axes, norm, std::move(s));
}

array fftfreq(int n, double d, StreamOrDevice s) {
  check_frequencies(n, d, "fftfreq");
  const int positive = (n + 1) / 2;
  const array numbers = arange(0, n, 1, s);
  const array signed_numbers =
      where(less(numbers, array(positive), s), numbers, subtract(numbers, array(n), s), s);
  return multiply(astype(signed_numbers, float32, s), array(static_cast<float>(1 / (n * d))), s);
}

array rfftfreq(int n, double d, StreamOrDevice s) {
  check_frequencies(n, d, "rfftfreq");
  return multiply(astype(arange(0, n / 2 + 1, 1, s), float32, s),
                  array(static_cast<float>(1 / (n * d))), s);
}

array fftshift(const array& a, StreamOrDevice s) {
  return shifted(a, all_axes(a), Shift::forward, "fftshift", std::move(s));
}
array fftshift(const array& a, const std::vector<int>& axes, StreamOrDevice s) {
  return shifted(a, axes, Shift::forward, "fftshift", std::move(s));
}
array ifftshift(const array& a, StreamOrDevice s) {
  return shifted(a, all_axes(a), Shift::back, "ifftshift", std::move(s));
}
array ifftshift(const array& a, const std::vector<int>& axes, StreamOrDevice s) {
  return shifted(a, axes, Shift::back, "ifftshift", std::move(s));
}

}  // namespace fft
}  // namespace mlx::core
