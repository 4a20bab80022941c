// The adapter between MLX's subclassed primitives and ops as data.

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/graph/op.h"
#include "mlx/core/primitives.h"

namespace mlx::core {

void Primitive::eval_gpu(const std::vector<array>&, std::vector<array>&) {
  throw std::runtime_error(concat("[", std::string_view(name()), "] Has no GPU implementation."));
}

std::vector<array> Primitive::jvp(const std::vector<array>&, const std::vector<array>&,
                                  const std::vector<int>&) {
  throw_invalid("[", std::string_view(name()), "] Has no jvp.");
}

std::vector<array> Primitive::vjp(const std::vector<array>&, const std::vector<array>&,
                                  const std::vector<int>&, const std::vector<array>&) {
  throw_invalid("[", std::string_view(name()), "] Has no vjp.");
}

std::pair<std::vector<array>, std::vector<int>> Primitive::vmap(const std::vector<array>&,
                                                                const std::vector<int>&) {
  throw_invalid("[vmap] ", std::string_view(name()), " cannot be mapped: it has no rule for it.");
}

bool Primitive::is_equivalent(const Primitive& other) const { return this == &other; }

namespace {

struct UserCall {
  std::shared_ptr<Primitive> primitive;
  std::vector<Type> types;
  bool operator==(const UserCall& other) const { return primitive == other.primitive; }
};

template <typename T>
std::vector<T> to_vector(std::span<const T> values) {
  return {values.begin(), values.end()};
}

std::vector<Type> infer_user(Inputs, const Attrs& attrs) { return attrs.get<UserCall>().types; }

Arrays vjp_user(const VjpArgs& args) {
  return args.attrs.get<UserCall>().primitive->vjp(
      to_vector(args.inputs), to_vector(args.cotangents), to_vector(args.argnums),
      to_vector(args.outputs));
}

Arrays jvp_user(const JvpArgs& args) {
  return args.attrs.get<UserCall>().primitive->jvp(to_vector(args.inputs), to_vector(args.tangents),
                                                   to_vector(args.argnums));
}

Mapped vmap_user(const VmapArgs& args) {
  auto [outputs, axes] =
      args.attrs.get<UserCall>().primitive->vmap(to_vector(args.inputs), to_vector(args.axes));
  return {std::move(outputs), std::move(axes)};
}

void run_user(const KernelArgs& args) {
  std::vector<array> inputs(args.inputs.begin(), args.inputs.end());
  std::vector<array> outputs(args.outputs.begin(), args.outputs.end());
  Primitive& primitive = *args.attrs.get<UserCall>().primitive;
  if (args.stream.device == Device::gpu) {
    primitive.eval_gpu(inputs, outputs);
  } else {
    primitive.eval_cpu(inputs, outputs);
  }
}

constexpr Op kUserPrimitive{.name = "Primitive",
                            .infer_all = infer_user,
                            .vjp = vjp_user,
                            .jvp = jvp_user,
                            .vmap = vmap_user,
                            .run = run_user,
                            .holds_sizes = kAlways};

class OpView final : public Primitive {
 public:
  explicit OpView(const Node& node) : Primitive(node.stream), op_(node.op), attrs_(node.attrs) {}
  void eval_cpu(const std::vector<array>&, std::vector<array>&) override {
    throw std::runtime_error(concat("[", op_->name, "] A library operation is run by eval only."));
  }
  const char* name() const override { return op_->name.data(); }
  bool is_equivalent(const Primitive& other) const override {
    const auto* view = dynamic_cast<const OpView*>(&other);
    return view != nullptr && view->op_ == op_ && view->attrs_ == attrs_;
  }

 private:
  const Op* op_;
  Attrs attrs_;
};

}  // namespace

namespace detail {

std::shared_ptr<Primitive> view_of(const Node& node) {
  if (node.op == &kUserPrimitive) {
    return node.attrs.get<UserCall>().primitive;
  }
  return std::make_shared<OpView>(node);
}

std::vector<array> apply_primitive(const std::shared_ptr<Primitive>& primitive,
                                   std::vector<Shape> shapes, const std::vector<Dtype>& dtypes,
                                   const std::vector<array>& inputs) {
  require(shapes.size() == dtypes.size(), "[array] Got ", shapes.size(), " shapes and ",
          dtypes.size(), " dtypes, expected as many of one as of the other.");
  UserCall call{primitive, {}};
  for (size_t i = 0; i < shapes.size(); ++i) {
    call.types.push_back({std::move(shapes[i]), dtypes[i]});
  }
  const Stream stream = primitive->stream();
  return make_nodes(kUserPrimitive, inputs, Attrs(std::move(call)), stream);
}

}  // namespace detail
}  // namespace mlx::core
