#pragma once

// The inner loops of norms, rotary embedding and attention, each over one row,
// compiled once per instruction set. Real is float or double.

#include <cstdint>

namespace mlx::core::cpu {

/// One row of a norm; weight and bias may be null.
template <typename Real>
struct NormRow {
  int64_t count;
  Real eps;
  bool centered;
  const Real* weight;
  const Real* bias;
};

template <typename Real>
struct FastLoops {
  /// May be in place.
  void (*norm)(Real* out, const Real* in, const NormRow<Real>& row);
  /// dx of the cotangent g; adds to dweight and dbias where they are not null. Out of place.
  void (*norm_grad)(Real* dx, const Real* x, const Real* g, Real* dweight, Real* dbias,
                    const NormRow<Real>& row);

  /// Turns `pairs` pairs by angles; elements i and i + pairs, or neighbours.
  void (*rotate)(Real* out, const Real* in, const Real* cosine, const Real* sine, int64_t pairs);
  void (*rotate_neighbours)(Real* out, const Real* in, const Real* cosine, const Real* sine,
                            int64_t pairs);

  /// Scores to exponentials relative to the maximum so far, whose sum grows: returns what
  /// that maximum's change multiplies earlier results by.
  Real (*exponentials)(Real* scores, int64_t count, Real* maximum, Real* sum);
  /// Scores to exp(score - maximum) * scale.
  void (*probabilities)(Real* scores, int64_t count, Real maximum, Real scale);
  /// grad = probability * (grad - mean)
  void (*softmax_grad)(Real* grad, const Real* probability, Real mean, int64_t count);
  /// out = in * factor; may be in place.
  void (*scale)(Real* out, const Real* in, Real factor, int64_t count);
  Real (*dot)(const Real* a, const Real* b, int64_t count);
};

struct AllFastLoops {
  FastLoops<float> f32;
  FastLoops<double> f64;
};

extern const AllFastLoops kFastLoopsBase;
#if defined(__x86_64__)
extern const AllFastLoops kFastLoopsAvx2;
extern const AllFastLoops kFastLoopsAvx512;
#endif

/// The loops for this machine.
const AllFastLoops& fast_loops();

}  // namespace mlx::core::cpu
