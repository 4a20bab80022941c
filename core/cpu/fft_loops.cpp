// The inner loops of the Fourier transforms. Compiled once per instruction set,
// with MLX_FFT_LOOPS as the name of its table.

#include "mlx/core/cpu/fft_loops.h"

namespace mlx::core::cpu {
namespace {

using Vector = float __attribute__((vector_size(kFftLanes * sizeof(float))));

Vector load_vector(const float* from) {
  Vector v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
void store_vector(float* to, Vector v) { __builtin_memcpy(to, &v, sizeof v); }
Vector all(float x) { return x - Vector{}; }

struct Complex {
  Vector re, im;
};

[[gnu::always_inline]] inline Complex element(const float* x, int64_t i) {
  const float* at = x + i * kFftElement;
  return {load_vector(at), load_vector(at + kFftLanes)};
}
[[gnu::always_inline]] inline void set_element(float* x, int64_t i, Complex v) {
  float* at = x + i * kFftElement;
  store_vector(at, v.re);
  store_vector(at + kFftLanes, v.im);
}

Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
Complex operator*(Complex a, Vector b) { return {a.re * b, a.im * b}; }
Complex operator*(Complex a, Complex b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
Complex scalar(const float* x) { return {all(x[0]), all(x[1])}; }
/// Times -i, the direction of the forward transform.
Complex turned(Complex a) { return {a.im, -a.re}; }

// Butterflies: x becomes its transform.

[[gnu::always_inline]] inline void butterfly2(Complex& a, Complex& b) {
  const Complex sum = a + b;
  b = a - b;
  a = sum;
}

[[gnu::always_inline]] inline void butterfly4(Complex& a, Complex& b, Complex& c, Complex& d) {
  const Complex s = a + c, t = a - c, u = b + d, v = turned(b - d);
  a = s + u;
  b = t + v;
  c = s - u;
  d = t - v;
}

template <int kRadix>
struct Butterfly;

template <>
struct Butterfly<2> {
  static void run(Complex* x) { butterfly2(x[0], x[1]); }
};

template <>
struct Butterfly<3> {
  static void run(Complex* x) {
    const Vector half = all(0.5f), root = all(0.86602540378443864676f);
    const Complex sum = x[1] + x[2], difference = turned((x[1] - x[2]) * root);
    const Complex middle = x[0] - sum * half;
    x[0] = x[0] + sum;
    x[1] = middle + difference;
    x[2] = middle - difference;
  }
};

template <>
struct Butterfly<4> {
  static void run(Complex* x) { butterfly4(x[0], x[1], x[2], x[3]); }
};

template <>
struct Butterfly<5> {
  static void run(Complex* x) {
    const Vector c1 = all(0.30901699437494742410f), c2 = all(-0.80901699437494742410f);
    const Vector s1 = all(0.95105651629515357212f), s2 = all(0.58778525229247312917f);
    const Complex s = x[1] + x[4], t = x[2] + x[3], u = x[1] - x[4], v = x[2] - x[3];
    const Complex p = x[0] + s * c1 + t * c2, q = x[0] + s * c2 + t * c1;
    const Complex i = turned(u * s1 + v * s2), j = turned(u * s2 - v * s1);
    x[0] = x[0] + s + t;
    x[1] = p + i;
    x[2] = q + j;
    x[3] = q - j;
    x[4] = p - i;
  }
};

template <>
struct Butterfly<8> {
  static void run(Complex* x) {
    const Vector root = all(0.70710678118654752440f);
    butterfly4(x[0], x[2], x[4], x[6]);
    butterfly4(x[1], x[3], x[5], x[7]);
    const Complex a = x[3], b = x[7];
    x[3] = Complex{a.re + a.im, a.im - a.re} * root;
    x[5] = turned(x[5]);
    x[7] = Complex{b.im - b.re, -b.re - b.im} * root;
    const Complex y[8] = {x[0] + x[1], x[2] + x[3], x[4] + x[5], x[6] + x[7],
                          x[0] - x[1], x[2] - x[3], x[4] - x[5], x[6] - x[7]};
    for (int k = 0; k < 8; ++k) x[k] = y[k];
  }
};

template <int kRadix, bool kTwiddles>
void pass_of(float* to, const float* from, const FftPass& pass) {
  const int64_t apart = pass.count * pass.stride;
  for (int64_t p = 0; p < pass.count; ++p) {
    Complex w[kRadix];
    for (int k = 1; kTwiddles && k < kRadix; ++k) {
      w[k] = scalar(pass.twiddles + 2 * (p * (kRadix - 1) + k - 1));
    }
    for (int64_t q = 0; q < pass.stride; ++q) {
      Complex x[kRadix];
      for (int k = 0; k < kRadix; ++k) x[k] = element(from, q + p * pass.stride + k * apart);
      Butterfly<kRadix>::run(x);
      for (int k = 0; k < kRadix; ++k) {
        if (kTwiddles && k > 0) x[k] = x[k] * w[k];
        set_element(to, q + (kRadix * p + k) * pass.stride, x[k]);
      }
    }
  }
}

// An odd prime: element k and element radix - k share their products.
constexpr int kLargestRadix = 31;

void pass_of_prime(float* to, const float* from, const FftPass& pass) {
  const int radix = pass.radix, half = radix / 2;
  const int64_t apart = pass.count * pass.stride;
  const float* roots = pass.twiddles;
  const float* twiddles = roots + 2 * radix;
  for (int64_t p = 0; p < pass.count; ++p) {
    for (int64_t q = 0; q < pass.stride; ++q) {
      const auto put = [&](int k, Complex x) {
        if (k > 0) x = x * scalar(twiddles + 2 * (p * (radix - 1) + k - 1));
        set_element(to, q + (radix * p + k) * pass.stride, x);
      };
      const Complex first = element(from, q + p * pass.stride);
      Complex sums[kLargestRadix / 2], differences[kLargestRadix / 2], total = first;
      for (int j = 1; j <= half; ++j) {
        const Complex a = element(from, q + p * pass.stride + j * apart);
        const Complex b = element(from, q + p * pass.stride + (radix - j) * apart);
        sums[j - 1] = a + b;
        differences[j - 1] = a - b;
        total = total + sums[j - 1];
      }
      put(0, total);
      for (int k = 1; k <= half; ++k) {
        Complex even = first, odd{};
        for (int j = 1; j <= half; ++j) {
          const float* root = roots + 2 * (j * k % radix);
          even = even + sums[j - 1] * all(root[0]);
          odd = odd + differences[j - 1] * all(-root[1]);
        }
        put(k, even + turned(odd));
        put(radix - k, even - turned(odd));
      }
    }
  }
}

template <int kRadix>
void choose_pass(float* to, const float* from, const FftPass& pass) {
  (pass.count == 1 ? pass_of<kRadix, false> : pass_of<kRadix, true>)(to, from, pass);
}

void run_pass(float* to, const float* from, const FftPass& pass) {
  switch (pass.radix) {
    case 2:
      return choose_pass<2>(to, from, pass);
    case 3:
      return choose_pass<3>(to, from, pass);
    case 4:
      return choose_pass<4>(to, from, pass);
    case 5:
      return choose_pass<5>(to, from, pass);
    case 8:
      return choose_pass<8>(to, from, pass);
    default:
      return pass_of_prime(to, from, pass);
  }
}

// Between arrays and lanes. Two vectors of neighbours in memory hold the real
// and imaginary parts alternately.

Complex parted(Vector a, Vector b) {
  return {__builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30),
          __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)};
}
Vector lower(Complex x) {
  return __builtin_shufflevector(x.re, x.im, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7,
                                 23);
}
Vector upper(Complex x) {
  return __builtin_shufflevector(x.re, x.im, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30,
                                 15, 31);
}

// Rows become columns: in each step, the rows k and k + 8 are merged lane by
// lane, which turns a bit of the row's number into one of the lane's.
[[gnu::always_inline]] inline void transpose(Vector (&x)[kFftLanes]) {
  for (int step = 0; step < 4; ++step) {
    Vector y[kFftLanes];
    for (int k = 0; k < kFftLanes / 2; ++k) {
      y[2 * k] = lower({x[k], x[k + kFftLanes / 2]});
      y[2 * k + 1] = upper({x[k], x[k + kFftLanes / 2]});
    }
    for (int k = 0; k < kFftLanes; ++k) x[k] = y[k];
  }
}

bool is_full(const FftLayout& layout) { return layout.lanes == kFftLanes; }

void load(float* to, const float* from, int64_t n, const FftLayout& layout, bool swap) {
  const int64_t re = swap ? kFftLanes : 0, im = kFftLanes - re;
  int64_t i = 0;
  if (is_full(layout) && layout.lane == 1) {
    for (; i < n; ++i) {
      const float* at = from + 2 * i * layout.step;
      const Complex x = parted(load_vector(at), load_vector(at + kFftLanes));
      set_element(to, i, swap ? Complex{x.im, x.re} : x);
    }
  } else if (is_full(layout) && layout.step == 1) {
    for (; i + kFftLanes / 2 <= n; i += kFftLanes / 2) {
      Vector x[kFftLanes];
      for (int l = 0; l < kFftLanes; ++l) x[l] = load_vector(from + 2 * (l * layout.lane + i));
      transpose(x);
      for (int k = 0; k < kFftLanes / 2; ++k) {
        float* at = to + (i + k) * kFftElement;
        store_vector(at + re, x[2 * k]);
        store_vector(at + im, x[2 * k + 1]);
      }
    }
  }
  for (; i < n; ++i) {
    float* at = to + i * kFftElement;
    for (int64_t l = 0; l < layout.lanes; ++l) {
      const float* x = from + 2 * (l * layout.lane + i * layout.step);
      at[re + l] = x[0];
      at[im + l] = x[1];
    }
    for (int64_t l = layout.lanes; l < kFftLanes; ++l) at[re + l] = at[im + l] = 0;
  }
}

void store(float* to, const float* from, int64_t n, const FftLayout& layout, bool swap,
           float scale) {
  const int64_t re = swap ? kFftLanes : 0, im = kFftLanes - re;
  const Vector factor = all(scale);
  int64_t i = 0;
  if (is_full(layout) && layout.lane == 1) {
    for (; i < n; ++i) {
      float* at = to + 2 * i * layout.step;
      const float* x = from + i * kFftElement;
      const Complex v = Complex{load_vector(x + re), load_vector(x + im)} * factor;
      store_vector(at, lower(v));
      store_vector(at + kFftLanes, upper(v));
    }
  } else if (is_full(layout) && layout.step == 1) {
    for (; i + kFftLanes / 2 <= n; i += kFftLanes / 2) {
      Vector x[kFftLanes];
      for (int k = 0; k < kFftLanes / 2; ++k) {
        const float* at = from + (i + k) * kFftElement;
        x[2 * k] = load_vector(at + re) * factor;
        x[2 * k + 1] = load_vector(at + im) * factor;
      }
      transpose(x);
      for (int l = 0; l < kFftLanes; ++l) store_vector(to + 2 * (l * layout.lane + i), x[l]);
    }
  }
  for (; i < n; ++i) {
    const float* at = from + i * kFftElement;
    for (int64_t l = 0; l < layout.lanes; ++l) {
      float* x = to + 2 * (l * layout.lane + i * layout.step);
      x[0] = at[re + l] * scale;
      x[1] = at[im + l] * scale;
    }
  }
}

void load_real(float* to, const float* from, int64_t n, const FftLayout& layout, int part) {
  to += part * kFftLanes;
  int64_t i = 0;
  if (is_full(layout) && layout.lane == 1) {
    for (; i < n; ++i) store_vector(to + i * kFftElement, load_vector(from + i * layout.step));
  } else if (is_full(layout) && layout.step == 1) {
    for (; i + kFftLanes <= n; i += kFftLanes) {
      Vector x[kFftLanes];
      for (int l = 0; l < kFftLanes; ++l) x[l] = load_vector(from + l * layout.lane + i);
      transpose(x);
      for (int k = 0; k < kFftLanes; ++k) store_vector(to + (i + k) * kFftElement, x[k]);
    }
  }
  for (; i < n; ++i) {
    float* at = to + i * kFftElement;
    for (int64_t l = 0; l < layout.lanes; ++l) at[l] = from[l * layout.lane + i * layout.step];
    for (int64_t l = layout.lanes; l < kFftLanes; ++l) at[l] = 0;
  }
}

void store_real(float* to, const float* from, int64_t n, const FftLayout& layout, int part,
                float scale) {
  from += part * kFftLanes;
  const Vector factor = all(scale);
  int64_t i = 0;
  if (is_full(layout) && layout.lane == 1) {
    for (; i < n; ++i) {
      store_vector(to + i * layout.step, load_vector(from + i * kFftElement) * factor);
    }
  } else if (is_full(layout) && layout.step == 1) {
    for (; i + kFftLanes <= n; i += kFftLanes) {
      Vector x[kFftLanes];
      for (int k = 0; k < kFftLanes; ++k) x[k] = load_vector(from + (i + k) * kFftElement) * factor;
      transpose(x);
      for (int l = 0; l < kFftLanes; ++l) store_vector(to + l * layout.lane + i, x[l]);
    }
  }
  for (; i < n; ++i) {
    const float* at = from + i * kFftElement;
    for (int64_t l = 0; l < layout.lanes; ++l)
      to[l * layout.lane + i * layout.step] = at[l] * scale;
  }
}

void swap_parts(float* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const Complex v = element(x, i);
    set_element(x, i, {v.im, v.re});
  }
}

void multiply(float* to, const float* from, int64_t n, const float* factors) {
  for (int64_t i = 0; i < n; ++i) {
    set_element(to, i, element(from, i) * scalar(factors + 2 * i));
  }
}

void twist(float* x, int64_t n, const float* factors, const float* rotations) {
  for (int64_t i = 0; i < n; ++i) {
    set_element(x, i, element(x, i) * (element(rotations, i) * scalar(factors + 2 * i)));
  }
}

void separate(float* a, float* b, const float* both, int64_t n) {
  const Vector half = all(0.5f);
  for (int64_t k = 0; k <= n / 2; ++k) {
    const Complex x = element(both, k), y = element(both, k == 0 ? 0 : n - k);
    set_element(a, k, Complex{x.re + y.re, x.im - y.im} * half);
    set_element(b, k, Complex{x.im + y.im, y.re - x.re} * half);
  }
}

void join_swapped(float* both, const float* a, const float* b, int64_t n) {
  for (int64_t k = 0; k <= n / 2; ++k) {
    Complex x = element(a, k), y = element(b, k);
    if (k == 0 || 2 * k == n) x.im = y.im = Vector{};  // of a real sequence they are 0
    set_element(both, k, {x.im + y.re, x.re - y.im});
    if (k > 0) set_element(both, n - k, {y.re - x.im, x.re + y.im});
  }
}

}  // namespace

constinit const FftLoops MLX_FFT_LOOPS = {run_pass,   load,     store, load_real, store_real,
                                          swap_parts, multiply, twist, separate,  join_swapped};

}  // namespace mlx::core::cpu
