#pragma once

// MLX's extension interface: a user's operation as a subclass. The library's
// own operations are data (graph/op.h); for them primitive() gives a thin view
// that knows the name.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/stream.h"

namespace mlx::core {

class Primitive {
 public:
  explicit Primitive(Stream stream) : stream_(stream) {}
  virtual ~Primitive() = default;

  const Device& device() const { return stream_.device; }
  const Stream& stream() const { return stream_; }

  /// Computes the outputs: gives each its data. The inputs are evaluated.
  virtual void eval_cpu(const std::vector<array>& inputs, std::vector<array>& outputs) = 0;
  virtual void eval_gpu(const std::vector<array>& inputs, std::vector<array>& outputs);

  /// The tangents of the outputs. Errors: std::invalid_argument unless overridden.
  virtual std::vector<array> jvp(const std::vector<array>& primals,
                                 const std::vector<array>& tangents,
                                 const std::vector<int>& argnums);

  /// The cotangents of the inputs in `argnums`. Errors: std::invalid_argument unless overridden.
  virtual std::vector<array> vjp(const std::vector<array>& primals,
                                 const std::vector<array>& cotangents,
                                 const std::vector<int>& argnums,
                                 const std::vector<array>& outputs);

  /// The outputs over all of the mapped axis, and where it is in each. `axes`
  /// says where it is in the inputs; -1: the input is not mapped.
  /// Errors: std::invalid_argument unless overridden.
  virtual std::pair<std::vector<array>, std::vector<int>> vmap(const std::vector<array>& inputs,
                                                               const std::vector<int>& axes);

  virtual const char* name() const = 0;

  /// Whether `other` computes the same from the same inputs.
  virtual bool is_equivalent(const Primitive& other) const;

 private:
  Stream stream_;
};

namespace detail {
/// The view on a library op behind array::primitive().
std::shared_ptr<Primitive> view_of(const Node& node);
/// Outputs that a user's primitive computes.
std::vector<array> apply_primitive(const std::shared_ptr<Primitive>& primitive,
                                   std::vector<Shape> shapes, const std::vector<Dtype>& dtypes,
                                   const std::vector<array>& inputs);
}  // namespace detail

}  // namespace mlx::core
