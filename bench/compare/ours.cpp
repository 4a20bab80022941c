// Our side of the comparison: runs one case and prints the median time.
//
// Usage: bench_compare CASE REPEATS    prints "CASE MILLISECONDS"
//        bench_compare --list          prints the names of the cases

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "mlx/core/fast.h"
#include "mlx/core/ops.h"
#include "mlx/core/random.h"
#include "mlx/core/transforms.h"
#include "yardsticks.h"

namespace mx = mlx::core;

namespace {

using Run = std::function<void()>;
/// Prepares the inputs and returns what is timed.
using Case = std::function<Run()>;

constexpr int kStream = 1 << 24;  // 16M elements

mx::array random(mx::Shape shape, mx::Dtype dtype = mx::float32) {
  mx::array x = mx::astype(mx::random::normal(shape, mx::float32, 0.0f, 1.0f), dtype);
  mx::eval(x);
  return x;
}

Run scalar_adds() {
  mx::array start(0.0f);
  mx::array one(1.0f);
  return [start, one] {
    mx::array x = start;
    for (int i = 0; i < 10'000; ++i) {
      x = x + one;
    }
    mx::eval(x);
  };
}

Run unary(mx::Shape shape, const std::function<mx::array(const mx::array&)>& f) {
  const mx::array x = random(std::move(shape));
  return [x, f] { mx::eval(f(x)); };
}

Run add_large() {
  const mx::array a = random({kStream});
  const mx::array b = random({kStream});
  return [a, b] { mx::eval(a + b); };
}

mx::array gelu(const mx::array& x) {
  return x * (mx::array(1.0f) + mx::erf(x / mx::array(1.4142135623730951f))) / mx::array(2.0f);
}

Run attention(int heads, int length, int depth) {
  const mx::Shape shape{1, heads, length, depth};
  const mx::array q = random(shape), k = random(shape), v = random(shape);
  return [=] { mx::eval(mx::fast::scaled_dot_product_attention(q, k, v, 0.125f, "causal")); };
}

Run norm(bool centered) {
  const mx::array x = random({8, 1000, 4096}), weight = random({4096}), bias = random({4096});
  return [=] {
    mx::eval(centered ? mx::fast::layer_norm(x, weight, bias, 1e-5f)
                      : mx::fast::rms_norm(x, weight, 1e-5f));
  };
}

Run matmul(int n, mx::Dtype dtype) {
  const mx::array a = random({n, n}, dtype);
  const mx::array b = random({n, n}, dtype);
  return [a, b] { mx::eval(mx::matmul(a, b)); };
}

// Rows of x times a packed matrix of 4096 x 4096, in groups of 64.
Run quantized_matmul(int bits, int rows) {
  const auto packed = mx::quantize(random({4096, 4096}), 64, bits);
  mx::eval(packed);
  const mx::array x = random({rows, 4096});
  return [packed, x, bits] {
    mx::eval(mx::quantized_matmul(x, packed[0], packed[1], packed[2], true, 64, bits));
  };
}

// Reads as many bytes as quantized_matmul(4, 1) does.
Run read_packed() {
  const size_t count = (10 << 20) / sizeof(float);
  const mx::array a = random({static_cast<int>(count)});
  return [a, count] {
    volatile float sum = bench::stream_sum(a.data<float>(), count);
    static_cast<void>(sum);
  };
}

using Arrays = std::vector<mx::array>;

// loss of a 784-1024-1024-10 classifier; p = {x, y, w1, b1, w2, b2, w3, b3}
mx::array mlp_loss(const Arrays& p) {
  mx::array h = mx::maximum(mx::addmm(p[3], p[0], p[2]), mx::array(0.0f));
  h = mx::maximum(mx::addmm(p[5], h, p[4]), mx::array(0.0f));
  const mx::array logits = mx::addmm(p[7], h, p[6]);
  const mx::array picked =
      mx::squeeze(mx::take_along_axis(logits, mx::expand_dims(p[1], -1), -1), -1);
  return mx::mean(mx::logsumexp(logits, -1) - picked);
}

Run mlp_step() {
  auto params = std::make_shared<Arrays>(
      Arrays{random({256, 784}), mx::astype(mx::random::randint(0, 10, {256}), mx::uint32),
             random({784, 1024}) * mx::array(0.03f), random({1024}),
             random({1024, 1024}) * mx::array(0.03f), random({1024}),
             random({1024, 10}) * mx::array(0.03f), random({10})});
  mx::eval(*params);
  auto step = mx::value_and_grad(std::function<mx::array(const Arrays&)>(mlp_loss),
                                 std::vector<int>{2, 3, 4, 5, 6, 7});
  return [params, step] {
    auto [loss, grads] = step(*params);
    Arrays outputs{loss};
    for (size_t i = 0; i < grads.size(); ++i) {
      mx::array& p = (*params)[i + 2];
      p = p - mx::array(0.01f) * grads[i];
      outputs.push_back(p);
    }
    mx::eval(outputs);
  };
}

Run yardstick(const std::function<void(const mx::array&, const mx::array&, mx::array&)>& f) {
  const mx::array a = random({kStream});
  const mx::array b = random({kStream});
  auto c = std::make_shared<mx::array>(random({kStream}));
  return [a, b, c, f] { f(a, b, *c); };
}

Run blas(int n) {
  const mx::array a = random({n, n});
  const mx::array b = random({n, n});
  auto c = std::make_shared<mx::array>(random({n, n}));
  return
      [a, b, c, n] { bench::blas_matmul(a.data<float>(), b.data<float>(), c->data<float>(), n); };
}

const std::map<std::string, Case> kCases = {
    {"scalar_adds", scalar_adds},
    {"add", add_large},
    {"exp", [] { return unary({kStream}, [](const mx::array& x) { return mx::exp(x); }); }},
    {"gelu",
     [] {
       return unary({8, 1000, 4096}, gelu);
     }},
    {"sum", [] { return unary({kStream}, [](const mx::array& x) { return mx::sum(x); }); }},
    {"softmax",
     [] {
       return unary({4096, 4096}, [](const mx::array& x) { return mx::softmax(x, -1); });
     }},
    {"rms_norm", [] { return norm(false); }},
    {"layer_norm", [] { return norm(true); }},
    {"attention_512", [] { return attention(16, 512, 64); }},
    {"attention_2048", [] { return attention(32, 2048, 128); }},
    {"matmul_1024", [] { return matmul(1024, mx::float32); }},
    {"matmul_2048", [] { return matmul(2048, mx::float32); }},
    {"matmul_1024_bf16", [] { return matmul(1024, mx::bfloat16); }},
    {"matmul_2048_bf16", [] { return matmul(2048, mx::bfloat16); }},
    {"mlp_step", mlp_step},
    {"qmm_4bit_1", [] { return quantized_matmul(4, 1); }},
    {"qmm_4bit_8", [] { return quantized_matmul(4, 8); }},
    {"qmm_4bit_32", [] { return quantized_matmul(4, 32); }},
    {"qmm_4bit_512", [] { return quantized_matmul(4, 512); }},
    {"qmm_8bit_1", [] { return quantized_matmul(8, 1); }},
    {"qmm_8bit_8", [] { return quantized_matmul(8, 8); }},
    {"qmm_8bit_32", [] { return quantized_matmul(8, 32); }},
    {"qmm_8bit_512", [] { return quantized_matmul(8, 512); }},
    {"yard_read_packed", read_packed},
    {"yard_add",
     [] {
       return yardstick([](const auto& a, const auto& b, auto& c) {
         bench::stream_add(a.template data<float>(), b.template data<float>(),
                           c.template data<float>(), kStream);
       });
     }},
    {"yard_add_nt",
     [] {
       return yardstick([](const auto& a, const auto& b, auto& c) {
         bench::stream_add_nontemporal(a.template data<float>(), b.template data<float>(),
                                       c.template data<float>(), kStream);
       });
     }},
    {"yard_copy",
     [] {
       return yardstick([](const auto& a, const auto&, auto& c) {
         bench::stream_copy(a.template data<float>(), c.template data<float>(), kStream);
       });
     }},
    {"yard_sum",
     [] {
       return yardstick([](const auto& a, const auto&, auto& c) {
         c.template data<float>()[0] = bench::stream_sum(a.template data<float>(), kStream);
       });
     }},
    {"yard_blas_1024", [] { return blas(1024); }},
    {"yard_blas_2048", [] { return blas(2048); }},
};

double median_ms(const Run& run, int repeats) {
  run();
  run();
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    times.push_back(took.count());
  }
  std::nth_element(times.begin(), times.begin() + repeats / 2, times.end());
  return times[static_cast<size_t>(repeats / 2)];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--list") {
    for (const auto& [name, make] : kCases) {
      std::printf("%s\n", name.c_str());
    }
    return 0;
  }
  if (argc != 3 || !kCases.contains(argv[1]) || std::atoi(argv[2]) < 1) {
    std::fprintf(stderr, "usage: bench_compare CASE REPEATS | --list\n");
    return 2;
  }
  std::printf("%s %.6f\n", argv[1], median_ms(kCases.at(argv[1])(), std::atoi(argv[2])));
  return 0;
}
