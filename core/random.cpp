// Keys, and bits from keys.

#include "mlx/core/random.h"

#include <chrono>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/formula.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/random_ops.h"
#include "mlx/core/threefry.h"

namespace mlx::core {

namespace {

Type infer_bits(Inputs in, const Attrs& attrs) {
  const auto& a = attrs.get<RandomBitsAttrs>();
  Shape shape = in[0].shape();
  shape.pop_back();
  shape.insert(shape.end(), a.shape.begin(), a.shape.end());
  return {std::move(shape), a.width == 4 ? uint32 : a.width == 2 ? uint16 : uint8};
}

Mapped vmap_bits(const VmapArgs& args) { return map_in_front(kRandomBits, args, args.attrs); }

}  // namespace

constinit const Op kRandomBits{.name = "RandomBits",
                               .infer = infer_bits,
                               .vjp = vjp_zeros,
                               .vmap = vmap_bits,
                               .holds_sizes = kAlways};

}  // namespace mlx::core

namespace mlx::core::random {
namespace {

uint64_t seed_of_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace

KeySequence::KeySequence(uint64_t seed) : key_(random::key(seed)) {}

void KeySequence::seed(uint64_t seed) { key_ = random::key(seed); }

// As split() does, but without a graph, which would grow with each number drawn.
array KeySequence::next() {
  const auto* key = key_.data<uint32_t>();
  uint32_t rest[2] = {0, 1}, out[2] = {2, 3};
  for (int i : {0, 1}) {
    threefry(key[0], key[1], rest[i], out[i]);
  }
  key_ = array({rest[0], rest[1]}, Shape{2}, uint32);
  return array({out[0], out[1]}, Shape{2}, uint32);
}

KeySequence& KeySequence::default_() {
  thread_local KeySequence sequence(seed_of_now());
  return sequence;
}

array key(uint64_t seed) {
  return array({static_cast<uint32_t>(seed >> 32), static_cast<uint32_t>(seed)}, Shape{2}, uint32);
}

void seed(uint64_t seed) { KeySequence::default_().seed(seed); }

std::pair<array, array> split(const array& key, StreamOrDevice s) {
  const array keys = random::split(key, 2, s);
  const auto row = [&](ShapeElem i) {
    return reshape(slice(keys, Shape{i, 0}, Shape{i + 1, 2}, s), Shape{2}, s);
  };
  return {row(0), row(1)};
}

array split(const array& key, int num, StreamOrDevice s) {
  require(num >= 0, "[split] Number of keys: got ", num, ".");
  return bits(Shape{num, 2}, 4, key, s);
}

array bits(const Shape& shape, int width, const std::optional<array>& key, StreamOrDevice s) {
  require(width == 4 || width == 2 || width == 1, "[bits] Width: got ", width,
          ", expected 4, 2 or 1 bytes.");
  const array k = key ? *key : KeySequence::default_().next();
  require(k.dtype() == uint32, "[bits] Dtype of the key: got ", k.dtype(), ", expected uint32.");
  require(k.shape() == Shape{2}, "[bits] Shape of the key: got ", k.shape(), ", expected (2).");
  element_count(shape);
  return make_node(kRandomBits, {k}, Attrs(RandomBitsAttrs{shape, width}), to_stream(s));
}

array bits(const Shape& shape, const std::optional<array>& key, StreamOrDevice s) {
  return bits(shape, 4, key, s);
}

}  // namespace mlx::core::random
