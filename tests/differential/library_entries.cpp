// The namespaces linalg, fft, random and fast.

#include <cmath>

#include "call.h"
#include "mlx/core/fast.h"
#include "mlx/core/fft.h"
#include "mlx/core/linalg.h"
#include "mlx/core/random.h"

namespace differential {

using namespace mlx::core;  // NOLINT

namespace {

fft::FFTNorm fft_norm(const Call& c) {
  const std::string norm = c.text("norm", "backward");
  return norm == "ortho"     ? fft::FFTNorm::Ortho
         : norm == "forward" ? fft::FFTNorm::Forward
                             : fft::FFTNorm::Backward;
}

#define FFT(name)                                                   \
  Entry {                                                           \
    "fft." #name, [](const Call& c) -> Results {                    \
      const int axis = c.integer("axis", -1);                       \
      if (!c.has("n")) return {fft::name(c[0], axis, fft_norm(c))}; \
      return {fft::name(c[0], c.integer("n"), axis, fft_norm(c))};  \
    }                                                               \
  }
#define FFTN(name)                                                                             \
  Entry {                                                                                      \
    "fft." #name, [](const Call& c) -> Results {                                               \
      if (c.has("s")) return {fft::name(c[0], c.shape("s"), c.integers("axes"), fft_norm(c))}; \
      if (c.has("axes")) return {fft::name(c[0], c.integers("axes"), fft_norm(c))};            \
      return {fft::name(c[0], fft_norm(c))};                                                   \
    }                                                                                          \
  }
/// The axes are always given: their default is one of the caller's.
#define FFT2(name)                                                                             \
  Entry {                                                                                      \
    "fft." #name, [](const Call& c) -> Results {                                               \
      if (c.has("s")) return {fft::name(c[0], c.shape("s"), c.integers("axes"), fft_norm(c))}; \
      return {fft::name(c[0], c.integers("axes"), fft_norm(c))};                               \
    }                                                                                          \
  }
#define FFTSHIFT(name)                              \
  Entry {                                           \
    "fft." #name, [](const Call& c) -> Results {    \
      if (!c.has("axes")) return {fft::name(c[0])}; \
      return {fft::name(c[0], c.integers("axes"))}; \
    }                                               \
  }

Results do_norm(const Call& c) {
  const auto axes = c.maybe_integers("axis");
  const bool keepdims = c.flag("keepdims");
  if (c.text("ord_kind") == "text") {
    return {linalg::norm(c[0], c.text("ord"), axes, keepdims)};
  }
  if (c.text("ord_kind") == "infinite") {
    return {linalg::norm(c[0], c.number("ord") * HUGE_VAL, axes, keepdims)};
  }
  if (c.has("ord")) {
    return {linalg::norm(c[0], c.number("ord"), axes, keepdims)};
  }
  return {linalg::norm(c[0], axes, keepdims)};
}

Results two(std::pair<array, array> results) { return {results.first, results.second}; }

Results do_rope(const Call& c) {
  const int dims = c.integer("dims");
  const bool traditional = c.flag("traditional");
  const auto base = c.maybe_number("base");
  const auto scale = static_cast<float>(c.number("scale"));
  const auto freqs = c.maybe("freqs");
  if (const auto offset = c.maybe("offsets")) {
    return {fast::rope(c[0], dims, traditional, base, scale, *offset, freqs)};
  }
  return {fast::rope(c[0], dims, traditional, base, scale, c.integer("offset"), freqs)};
}

Results do_categorical(const Call& c) {
  const int axis = c.integer("axis", -1);
  if (c.has("shape")) return {random::categorical(c[0], axis, c.shape("shape"), c.maybe("key"))};
  if (c.has("num_samples")) {
    return {random::categorical(c[0], axis, c.integer("num_samples"), c.maybe("key"))};
  }
  return {random::categorical(c[0], axis, c.maybe("key"))};
}

#define NAMED(name, ...)                                         \
  Entry {                                                        \
    name, [](const Call& c) -> Results { return {__VA_ARGS__}; } \
  }
#define NAMED_LIST(name, ...)                                  \
  Entry {                                                      \
    name, [](const Call& c) -> Results { return __VA_ARGS__; } \
  }

const Entry kLibraryEntries[] = {
    FFT(fft), FFT(ifft), FFT(rfft), FFT(irfft), FFTN(fftn), FFTN(ifftn), FFTN(rfftn), FFTN(irfftn),
    FFT2(fft2), FFT2(ifft2), FFT2(rfft2), FFT2(irfft2), FFTSHIFT(fftshift), FFTSHIFT(ifftshift),
    NAMED("fft.fftfreq", fft::fftfreq(c.integer("n"), c.number("d"))),
    NAMED("fft.rfftfreq", fft::rfftfreq(c.integer("n"), c.number("d"))),
    {"linalg.norm", do_norm},
    NAMED_LIST("linalg.qr", two(linalg::qr(c[0]))),
    NAMED_LIST("linalg.svd", linalg::svd(c[0], c.flag("compute_uv", true), {})),
    NAMED("linalg.inv", linalg::inv(c[0])),
    NAMED("linalg.tri_inv", linalg::tri_inv(c[0], c.flag("upper"))),
    NAMED("linalg.cholesky", linalg::cholesky(c[0], c.flag("upper"))),
    NAMED("linalg.cholesky_inv", linalg::cholesky_inv(c[0], c.flag("upper"))),
    NAMED("linalg.pinv", linalg::pinv(c[0])),
    NAMED_LIST("linalg.lu", linalg::lu(c[0])),
    NAMED_LIST("linalg.lu_factor", two(linalg::lu_factor(c[0]))),
    NAMED("linalg.solve", linalg::solve(c[0], c[1])),
    NAMED("linalg.solve_triangular", linalg::solve_triangular(c[0], c[1], c.flag("upper"))),
    NAMED("linalg.cross", linalg::cross(c[0], c[1], c.integer("axis", -1))),
    NAMED_LIST("linalg.eig", two(linalg::eig(c[0]))),
    NAMED("linalg.eigvals", linalg::eigvals(c[0])),
    NAMED_LIST("linalg.eigh", two(linalg::eigh(c[0], c.text("UPLO", "L")))),
    NAMED("linalg.eigvalsh", linalg::eigvalsh(c[0], c.text("UPLO", "L"))),
    NAMED("linalg.det", linalg::det(c[0])),
    NAMED_LIST("linalg.slogdet", two(linalg::slogdet(c[0]))),
    NAMED("fast.rms_norm",
          fast::rms_norm(c[0], c.maybe("weight"), static_cast<float>(c.number("eps")))),
    NAMED("fast.layer_norm", fast::layer_norm(c[0], c.maybe("weight"), c.maybe("bias"),
                                              static_cast<float>(c.number("eps")))),
    {"fast.rope", do_rope},
    NAMED("fast.scaled_dot_product_attention",
          fast::scaled_dot_product_attention(
              c[0], c[1], c[2], static_cast<float>(c.number("scale")),
              c.is_text("mask") ? c.text("mask") : "",
              c.is_text("mask") ? std::nullopt : c.maybe("mask"), c.maybe("sinks"))),
    NAMED("random.key", random::key(c.seed("seed"))),
    NAMED("random.bits", random::bits(c.shape("shape"), c.integer("width"), c.maybe("key"))),
    NAMED("random.split", random::split(c[0], c.integer("num"))),
    NAMED("random.uniform",
          random::uniform(c[0], c[1], c.shape("shape"), c.dtype("dtype"), c.maybe("key"))),
    NAMED("random.normal", random::normal(c.shape("shape"), c.dtype("dtype"), c.maybe("loc"),
                                          c.maybe("scale"), c.maybe("key"))),
    NAMED("random.randint",
          random::randint(c[0], c[1], c.shape("shape"), c.dtype("dtype"), c.maybe("key"))),
    {"random.bernoulli",
     [](const Call& c) -> Results {
       if (c.has("shape")) return {random::bernoulli(c[0], c.shape("shape"), c.maybe("key"))};
       return {random::bernoulli(c[0], c.maybe("key"))};
     }},
    {"random.truncated_normal",
     [](const Call& c) -> Results {
       if (!c.has("shape")) {
         return {random::truncated_normal(c[0], c[1], c.dtype("dtype"), c.maybe("key"))};
       }
       return {random::truncated_normal(c[0], c[1], c.shape("shape"), c.dtype("dtype"),
                                        c.maybe("key"))};
     }},
    NAMED("random.gumbel", random::gumbel(c.shape("shape"), c.dtype("dtype"), c.maybe("key"))),
    NAMED("random.laplace",
          random::laplace(c.shape("shape"), c.dtype("dtype"), static_cast<float>(c.number("loc", 0)),
                          static_cast<float>(c.number("scale", 1)), c.maybe("key"))),
    {"random.categorical", do_categorical},
    {"random.permutation",
     [](const Call& c) -> Results {
       if (c.has("x")) return {random::permutation(c.integer("x"), c.maybe("key"))};
       return {random::permutation(c[0], c.integer("axis", 0), c.maybe("key"))};
     }},
    NAMED("random.multivariate_normal",
          random::multivariate_normal(c[0], c[1], c.shape("shape"), c.dtype("dtype"), c.maybe("key"))),
};

}  // namespace

std::span<const Entry> library_entries() { return kLibraryEntries; }

}  // namespace differential
