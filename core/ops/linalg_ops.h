#pragma once

// The ops behind linalg.h. Matrices are the last two axes.

#include "mlx/core/graph/op.h"

namespace mlx::core {

/// For one that can be without vectors.
struct VectorsAttrs {
  bool vectors;
  bool operator==(const VectorsAttrs&) const = default;
};

struct TriangleAttrs {
  bool upper;
  bool operator==(const TriangleAttrs&) const = default;
};

struct EighAttrs {
  bool upper;
  bool vectors;
  bool operator==(const EighAttrs&) const = default;
};

extern const Op kSvd;   ///< VectorsAttrs: U, S, Vt, or S
extern const Op kQr;    ///< Q, R
extern const Op kEig;   ///< VectorsAttrs: values, vectors
extern const Op kEigh;  ///< EighAttrs: values, vectors
extern const Op kInverse;
extern const Op kTriangularInverse;  ///< TriangleAttrs
extern const Op kCholesky;           ///< TriangleAttrs
extern const Op kPseudoInverse;
/// L and U in one matrix, the rows exchanged (uint32), and the row numbers
/// (uint32): row i of the factors is row numbers[i] of the input.
extern const Op kLu;
extern const Op kSolve;            ///< a, b [..., n, k]
extern const Op kSolveTriangular;  ///< TriangleAttrs: a, b [..., n, k]
extern const Op kDeterminant;

}  // namespace mlx::core
