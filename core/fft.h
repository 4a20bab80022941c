#pragma once

// Discrete Fourier transforms (Cooley and Tukey 1965; lengths with large prime
// factors after Bluestein 1970), of any length along any axes.
//
// A forward transform is y[k] = sum over j of x[j] exp(-2 pi i j k / n); the
// inverse has the other sign. `norm` says where the factor 1 / n is.
//
// What all have in common:
// Shapes: as the input; an axis with a size n in the call, or the last one of a
//         real transform, takes that size (cut off, or filled up with zeros).
// Dtypes: complex64 results; the r transforms take real input, those with ir
//         give float32. All other dtypes are converted. Computed in 32 bits.
// Errors: std::out_of_range for an axis that is not there; std::invalid_argument
//         for an axis twice, a size that is not positive, or sizes and axes of different number.
// Grad:   all are linear, with their adjoints as derivatives.
// An empty list of axes returns the input.

#include <string>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core::fft {

/// Which transform is scaled: by 1 / n the inverse (Backward) or the forward
/// one (Forward), or both by 1 / sqrt(n).
enum class FFTNorm { Backward, Ortho, Forward };

/// Along several axes; all of them without a list. `n`: sizes along `axes`.
array fftn(const array& a, const Shape& n, const std::vector<int>& axes,
           FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array fftn(const array& a, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward,
           StreamOrDevice s = {});
array fftn(const array& a, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

array ifftn(const array& a, const Shape& n, const std::vector<int>& axes,
            FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array ifftn(const array& a, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward,
            StreamOrDevice s = {});
array ifftn(const array& a, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

/// Along one axis.
array fft(const array& a, int n, int axis, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array fft(const array& a, int axis = -1, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

array ifft(const array& a, int n, int axis, FFTNorm norm = FFTNorm::Backward,
           StreamOrDevice s = {});
array ifft(const array& a, int axis = -1, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

/// Along two axes.
array fft2(const array& a, const Shape& n, const std::vector<int>& axes,
           FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array fft2(const array& a, const std::vector<int>& axes = {-2, -1},
           FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

array ifft2(const array& a, const Shape& n, const std::vector<int>& axes,
            FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array ifft2(const array& a, const std::vector<int>& axes = {-2, -1},
            FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

/// Of real input: the last of the axes gives n / 2 + 1 elements, which
/// determine the others (y[n - k] is the conjugate of y[k]). Of complex input the real part counts.
array rfftn(const array& a, const Shape& n, const std::vector<int>& axes,
            FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array rfftn(const array& a, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward,
            StreamOrDevice s = {});
array rfftn(const array& a, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

/// The inverse of rfftn. `n` are the sizes of the result; without them the
/// last axis, of size m, gives 2 * (m - 1) elements.
array irfftn(const array& a, const Shape& n, const std::vector<int>& axes,
             FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array irfftn(const array& a, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward,
             StreamOrDevice s = {});
array irfftn(const array& a, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

array rfft(const array& a, int n, int axis, FFTNorm norm = FFTNorm::Backward,
           StreamOrDevice s = {});
array rfft(const array& a, int axis = -1, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

array irfft(const array& a, int n, int axis, FFTNorm norm = FFTNorm::Backward,
            StreamOrDevice s = {});
array irfft(const array& a, int axis = -1, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

array rfft2(const array& a, const Shape& n, const std::vector<int>& axes,
            FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array rfft2(const array& a, const std::vector<int>& axes = {-2, -1},
            FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

array irfft2(const array& a, const Shape& n, const std::vector<int>& axes,
             FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array irfft2(const array& a, const std::vector<int>& axes = {-2, -1},
             FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

/// The frequencies of the n elements of a transform whose samples are `d` apart:
/// float32 [n], [0, 1, ..., -2, -1] / (n d). rfftfreq: of rfft, [n / 2 + 1].
/// Errors: std::invalid_argument unless n > 0 and d is not 0.
array fftfreq(int n, double d = 1.0, StreamOrDevice s = {});
array rfftfreq(int n, double d = 1.0, StreamOrDevice s = {});

/// Rotates the axes (all without a list) by half their size, so that frequency
/// 0 is in the middle; ifftshift is the reverse. Any dtype.
array fftshift(const array& a, StreamOrDevice s = {});
array fftshift(const array& a, const std::vector<int>& axes, StreamOrDevice s = {});
array ifftshift(const array& a, StreamOrDevice s = {});
array ifftshift(const array& a, const std::vector<int>& axes, StreamOrDevice s = {});

}  // namespace mlx::core::fft
