#pragma once

// Everything public in optim/.

#include "mlx/optim/adam.h"
#include "mlx/optim/adaptive.h"
#include "mlx/optim/clip_grad_norm.h"
#include "mlx/optim/optimizer.h"
#include "mlx/optim/schedules.h"
#include "mlx/optim/sgd.h"
