#pragma once

// Tracers: what a transform gives to the user's function instead of its primals.

#include "mlx/core/graph/op.h"

namespace mlx::core::detail {

/// The identity that a tracer is made by, so that an outer transform can
/// differentiate through an inner one's primals.
extern const Op kTracer;

/// A new node with the value of `x` and the tracer flag. It shares x's data at
/// once if x is evaluated.
array make_tracer(const array& x);
Arrays make_tracers(Inputs xs);

/// The stream that computes `x`; the default one for data.
Stream stream_of(const array& x);

/// Called when a transform has ended. Outputs that the user's function
/// evaluated kept their graph for the transform; the outermost one lets go of it.
void release_graphs(Arrays& outputs);

}  // namespace mlx::core::detail
