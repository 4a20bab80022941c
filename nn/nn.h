#pragma once

// Everything public in nn/.

#include "mlx/nn/activations.h"
#include "mlx/nn/init.h"
#include "mlx/nn/layers/activations.h"
#include "mlx/nn/layers/conv.h"
#include "mlx/nn/layers/dropout.h"
#include "mlx/nn/layers/embedding.h"
#include "mlx/nn/layers/linear.h"
#include "mlx/nn/layers/norm.h"
#include "mlx/nn/layers/pool.h"
#include "mlx/nn/layers/sequential.h"
#include "mlx/nn/losses.h"
#include "mlx/nn/module.h"
#include "mlx/nn/parallel/average_gradients.h"
#include "mlx/nn/value_and_grad.h"
