#include "mlx/optim/schedules.h"

#include <numbers>
#include <utility>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/elementwise.h"

namespace mlx::optim {

using core::require;

namespace {

/// The step as a float32, at most `limit`.
array limited(const array& step, int64_t limit) {
  return core::minimum(core::astype(step, core::float32), array(static_cast<float>(limit)));
}

}  // namespace

Schedule exponential_decay(float init, float decay_rate) {
  return [=](const array& step) {
    return init * core::power(array(decay_rate), core::astype(step, core::float32));
  };
}

Schedule step_decay(float init, float decay_rate, int64_t step_size) {
  require(step_size > 0, "[step_decay] step_size must be positive: got ", step_size, ".");
  return [=](const array& step) {
    const array count = core::floor_divide(step, array(step_size, core::uint64));
    return init * core::power(array(decay_rate), core::astype(count, core::float32));
  };
}

Schedule cosine_decay(float init, int64_t decay_steps, float end) {
  require(decay_steps > 0, "[cosine_decay] decay_steps must be positive: got ", decay_steps, ".");
  const auto turn = static_cast<float>(std::numbers::pi / static_cast<double>(decay_steps));
  return [=](const array& step) {
    const array share = 0.5f * (1.0f + core::cos(turn * limited(step, decay_steps)));
    return end + share * (init - end);
  };
}

Schedule linear_schedule(float init, float end, int64_t steps) {
  require(steps > 0, "[linear_schedule] steps must be positive: got ", steps, ".");
  const float slope = (end - init) / static_cast<float>(steps);
  return [=](const array& step) { return limited(step, steps) * slope + init; };
}

Schedule join_schedules(std::vector<Schedule> schedules, std::vector<int64_t> boundaries) {
  require(!schedules.empty(), "[join_schedules] There is no schedule.");
  require(boundaries.size() + 1 == schedules.size(),
          "[join_schedules] Wrong number of boundaries: got ", boundaries.size(), " for ",
          schedules.size(), " schedules.");
  return [schedules = std::move(schedules), boundaries = std::move(boundaries)](const array& step) {
    array rate = schedules[0](step);
    const array now = core::astype(step, core::int64);
    for (size_t i = 0; i < boundaries.size(); ++i) {
      const array start(boundaries[i], core::int64);
      rate = core::where(now < start, rate, schedules[i + 1](now - start));
    }
    return rate;
  };
}

}  // namespace mlx::optim
