#pragma once

// Schedules: functions from the number of steps taken to the learning rate.

#include <cstdint>
#include <functional>
#include <vector>

#include "mlx/core/array.h"

namespace mlx::optim {

using core::array;

/// step (uint64 scalar, 0 at first) -> learning rate (float32 scalar)
using Schedule = std::function<array(const array&)>;

/// init * decay_rate ^ step
Schedule exponential_decay(float init, float decay_rate);
/// init * decay_rate ^ floor(step / step_size)
/// Errors: std::invalid_argument unless step_size > 0.
Schedule step_decay(float init, float decay_rate, int64_t step_size);
/// From init to end over decay_steps, along half a cosine; then end.
/// Errors: std::invalid_argument unless decay_steps > 0.
Schedule cosine_decay(float init, int64_t decay_steps, float end = 0);
/// From init to end over `steps`, along a line; then end.
/// Errors: std::invalid_argument unless steps > 0.
Schedule linear_schedule(float init, float end, int64_t steps);
/// schedules[i] from step boundaries[i - 1] on, where its own step 0 is.
/// Errors: std::invalid_argument if there is no schedule, or not one boundary less.
Schedule join_schedules(std::vector<Schedule> schedules, std::vector<int64_t> boundaries);

}  // namespace mlx::optim
