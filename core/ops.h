#pragma once

// Every operation on arrays, by family.

#include "mlx/core/ops/conv.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/quantized.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/sort.h"
