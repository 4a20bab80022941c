#include "mlx/core/cpu/fft_plan.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <mutex>
#include <numbers>
#include <unordered_map>

#include "mlx/core/cpu/fft_rows.h"
#include "mlx/core/cpu/instruction_set.h"

namespace mlx::core::cpu {
namespace {

constexpr int kLargestPrime = 31;

// exp(-2 pi i k / n), from the first eighth of the circle, where it is most exact.
std::complex<double> root(int64_t k, int64_t n) {
  k %= n;
  const int64_t eighth = 8 * k / n;
  const int64_t quarter = (eighth + 1) / 2;  // the nearest axis
  const double angle = 2 * std::numbers::pi *
                       (static_cast<double>(4 * k - quarter * n) / (4 * static_cast<double>(n)));
  const double c = std::cos(angle), s = -std::sin(angle);
  switch (quarter % 4) {
    case 0:
      return {c, s};
    case 1:
      return {s, -c};
    case 2:
      return {-c, -s};
    default:
      return {-s, c};
  }
}

void append(std::vector<float>& to, std::complex<double> x) {
  to.push_back(static_cast<float>(x.real()));
  to.push_back(static_cast<float>(x.imag()));
}

// Radices whose product is n, or none when a prime factor is too large.
std::vector<int> radices_of(int64_t n) {
  std::vector<int> out;
  for (const int radix : {8, 4, 2, 3, 5}) {
    for (; n % radix == 0; n /= radix) out.push_back(radix);
  }
  for (int prime = 7; prime <= kLargestPrime; prime += 2) {
    for (; n % prime == 0; n /= prime) out.push_back(prime);
  }
  if (n > 1) out.clear();
  return out;
}

bool has_butterfly(int radix) { return radix <= 5 || radix == 8; }

int64_t next_power(int64_t n) {
  int64_t power = 1;
  while (power < n) power *= 2;
  return power;
}

// The divisor that is nearest to the square root.
int64_t middle_divisor(int64_t n) {
  auto divisor = static_cast<int64_t>(std::sqrt(static_cast<double>(n)));
  while (n % divisor != 0) --divisor;
  return divisor;
}

}  // namespace

const FftLoops& fft_loops() {
  static const FftLoops& loops = MLX_CHOOSE_LOOPS(kFftLoops);
  return loops;
}

FftPlanPtr FftPlan::of(int64_t n) {
  constexpr size_t kMost = 64;
  static std::mutex mutex;
  static std::unordered_map<int64_t, FftPlanPtr> plans;
  {
    const std::lock_guard lock(mutex);
    if (const auto at = plans.find(n); at != plans.end()) return at->second;
  }
  auto plan = std::make_shared<const FftPlan>(n);  // which may ask for others
  const std::lock_guard lock(mutex);
  if (plans.size() >= kMost) plans.clear();
  return plans.try_emplace(n, std::move(plan)).first->second;
}

FftPlan::FftPlan(int64_t n) : n_(n) {
  const std::vector<int> radices = radices_of(n);
  if (n > 1 && radices.empty()) {
    make_chirp();
    return;
  }
  if (n <= kLongestFftLanes) make_passes(radices);
  if (n >= kShortestFftSplit) make_split();
}

void FftPlan::make_passes(const std::vector<int>& radices) {
  int64_t left = n_, stride = 1;
  for (const int radix : radices) {
    const int64_t count = left / radix;
    auto& table = twiddles_.emplace_back();
    for (int k = 0; k < radix && !has_butterfly(radix); ++k) append(table, root(k, radix));
    for (int64_t p = 0; p < count; ++p) {
      for (int k = 1; k < radix; ++k) append(table, root(p * k, left));
    }
    passes_.push_back({radix, count, stride, table.data()});
    left = count;
    stride *= radix;
  }
}

void FftPlan::make_split() {
  const int64_t first = middle_divisor(n_);
  if (first < kFftLanes) return;
  split_ = std::make_unique<Split>();
  split_->n = n_;
  split_->first = of(first);
  split_->second = of(n_ / first);
  for (int64_t k = 0; k < first; ++k) {
    for (int64_t l = 0; l < kFftLanes; ++l) {
      split_->rotations.push_back(static_cast<float>(root(k * l, n_).real()));
    }
    for (int64_t l = 0; l < kFftLanes; ++l) {
      split_->rotations.push_back(static_cast<float>(root(k * l, n_).imag()));
    }
  }
  split_->fine_count = next_power(first);
  const auto fill = [&](std::vector<double>& table, int64_t count, int64_t step) {
    for (int64_t i = 0; i < count; ++i) {
      const auto x = root(i * step, n_);
      table.insert(table.end(), {x.real(), x.imag()});
    }
  };
  fill(split_->fine, split_->fine_count, 1);
  fill(split_->coarse, n_ / split_->fine_count + 1, split_->fine_count);
}

void FftPlan::Split::factors(float* out, int64_t column) const {
  int64_t at = 0;
  for (int64_t k = 0; k < first->length(); ++k) {
    const double* a = &coarse[static_cast<size_t>(2 * (at / fine_count))];
    const double* b = &fine[static_cast<size_t>(2 * (at % fine_count))];
    out[2 * k] = static_cast<float>(a[0] * b[0] - a[1] * b[1]);
    out[2 * k + 1] = static_cast<float>(a[0] * b[1] + a[1] * b[0]);
    at += column;
    if (at >= n) at -= n;
  }
}

void FftPlan::make_chirp() {
  const int64_t power = next_power(2 * n_ - 1);
  chirp_ = std::make_unique<Chirp>();
  chirp_->power = of(power);
  std::vector<float> filter(static_cast<size_t>(2 * power));
  int64_t square = 0;  // i * i modulo 2 n
  for (int64_t i = 0; i < n_; square = (square + 2 * i + 1) % (2 * n_), ++i) {
    const auto x = root(square, 2 * n_);
    append(chirp_->chirp, x);
    for (const int64_t at : {i, (power - i) % power}) {
      filter[static_cast<size_t>(2 * at)] =
          static_cast<float>(x.real() / static_cast<double>(power));
      filter[static_cast<size_t>(2 * at + 1)] =
          static_cast<float>(-x.imag() / static_cast<double>(power));
    }
  }
  chirp_->filter.resize(filter.size());
  fft_of_one(*chirp_->power, chirp_->filter.data(), filter.data(), {.from_step = 1, .to_step = 1});
}

bool FftPlan::has_lanes() const {
  return chirp_ ? chirp_->power->has_lanes() : n_ <= kLongestFftLanes;
}

int64_t FftPlan::buffer_elements() const { return chirp_ ? chirp_->power->length() : n_; }

float* FftPlan::run(float* x, float* other) const {
  const FftLoops& loops = fft_loops();
  if (chirp_) {
    const int64_t power = chirp_->power->length();
    loops.multiply(x, x, n_, chirp_->chirp.data());
    std::fill(x + n_ * kFftElement, x + power * kFftElement, 0.0f);
    float* y = chirp_->power->run(x, other);
    float* z = y == x ? other : x;
    loops.multiply(y, y, power, chirp_->filter.data());
    loops.swap_parts(y, power);
    float* back = chirp_->power->run(y, z);
    loops.swap_parts(back, n_);
    loops.multiply(back, back, n_, chirp_->chirp.data());
    return back;
  }
  for (const FftPass& pass : passes_) {
    loops.pass(other, x, pass);
    std::swap(x, other);
  }
  return x;
}

}  // namespace mlx::core::cpu
