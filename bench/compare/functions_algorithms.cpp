// Transforms of data, random numbers, factorizations, and what the evaluator
// does with many small operations.

#include <functional>

#include "functions.h"
#include "mlx/core/compile.h"
#include "mlx/core/fft.h"
#include "mlx/core/linalg.h"
#include "mlx/core/ops.h"
#include "mlx/core/random.h"
#include "mlx/core/transforms.h"

namespace mlx::bench {
namespace {

using namespace core;

template <typename F>
Arrays both(F&& pair) {
  return {pair.first, pair.second};
}

Arrays small_steps(const array& x, int steps) {
  array y = x;
  for (int i = 0; i < steps; i += 2) y = (y + x) * array(0.5f);
  return {y};
}

// Compiled by their first call, which is not measured.
Arrays compiled_10(const Arrays& in) {
  static const auto f = compile([](const Arrays& a) { return small_steps(a[0], 10); });
  return f(in);
}

Arrays compiled_100(const Arrays& in) {
  static const auto f = compile([](const Arrays& a) { return small_steps(a[0], 100); });
  return f(in);
}

// The loss of a 784-1024-1024-10 classifier; p = {x, y, w1, b1, w2, b2, w3, b3}.
array mlp_loss(const Arrays& p) {
  array h = maximum(addmm(p[3], p[0], p[2]), array(0.0f));
  h = maximum(addmm(p[5], h, p[4]), array(0.0f));
  const array logits = addmm(p[7], h, p[6]);
  const array picked = squeeze(take_along_axis(logits, expand_dims(p[1], -1), -1), -1);
  return mean(logsumexp(logits, -1) - picked);
}

Arrays mlp_step(const Arrays& params) {
  static const auto step = value_and_grad(std::function<array(const Arrays&)>(mlp_loss),
                                          std::vector<int>{2, 3, 4, 5, 6, 7});
  const auto [loss, grads] = step(params);
  Arrays outputs{loss};
  for (size_t i = 0; i < grads.size(); ++i) {
    outputs.push_back(params[i + 2] - array(0.01f) * grads[i]);
  }
  return outputs;
}

}  // namespace

Functions algorithm_functions() {
  return {
      {"fft", [](const Arrays& in) { return Arrays{fft::fft(in[0])}; }},
      {"rfft", [](const Arrays& in) { return Arrays{fft::rfft(in[0])}; }},
      {"fft2", [](const Arrays& in) { return Arrays{fft::fft2(in[0])}; }},
      {"normal", [](const Arrays& in) { return Arrays{random::normal(in[0].shape())}; }},
      {"uniform", [](const Arrays& in) { return Arrays{random::uniform(in[0].shape())}; }},
      {"randint",
       [](const Arrays& in) {
         return Arrays{random::randint(array(0), array(1000), in[0].shape())};
       }},
      {"bernoulli",
       [](const Arrays& in) { return Arrays{random::bernoulli(0.5f, in[0].shape())}; }},
      {"categorical", [](const Arrays& in) { return Arrays{random::categorical(in[0])}; }},
      {"permutation", [](const Arrays& in) { return Arrays{random::permutation(in[0])}; }},
      {"eigh", [](const Arrays& in) { return both(linalg::eigh(in[0])); }},
      {"svd", [](const Arrays& in) { return linalg::svd(in[0]); }},
      {"qr", [](const Arrays& in) { return both(linalg::qr(in[0])); }},
      {"inv", [](const Arrays& in) { return Arrays{linalg::inv(in[0])}; }},
      {"solve", [](const Arrays& in) { return Arrays{linalg::solve(in[0], in[1])}; }},
      {"cholesky",
       [](const Arrays& in) {
         const array a = matmul(in[0], transpose(in[0])) +
                         array(512.0f) * eye(static_cast<int>(in[0].shape(0)));
         return Arrays{linalg::cholesky(a)};
       }},
      {"compiled_10", compiled_10},
      {"compiled_100", compiled_100},
      {"mlp_step", mlp_step},
  };
}

}  // namespace mlx::bench
