// An operation of one's own, written against MLX's interface: a * x + y.

#include <cstdio>
#include <memory>
#include <vector>

#include "mlx/distributed/distributed.h"
#include "mlx/distributed/ops.h"
#include "mlx/mlx.h"
#include "mlx/primitives.h"
#include "mlx/utils.h"

namespace mx = mlx::core;

namespace {

class Axpby : public mx::Primitive {
 public:
  Axpby(mx::Stream stream, float a) : mx::Primitive(stream), a_(a) {}

  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    mx::array& out = outputs[0];
    out.set_data(mx::allocator::malloc(out.nbytes()));
    for (size_t i = 0; i < out.size(); ++i) {
      out.data<float>()[i] = a_ * inputs[0].data<float>()[i] + inputs[1].data<float>()[i];
    }
  }

  std::vector<mx::array> vjp(const std::vector<mx::array>&,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>&) override {
    std::vector<mx::array> vjps;
    for (int argnum : argnums) {
      vjps.push_back(argnum == 0 ? mx::multiply(cotangents[0], mx::array(a_), stream())
                                 : cotangents[0]);
    }
    return vjps;
  }

  const char* name() const override { return "Axpby"; }

  bool is_equivalent(const mx::Primitive& other) const override {
    return a_ == static_cast<const Axpby&>(other).a_;
  }

 private:
  float a_;
};

mx::array axpby(const mx::array& x, const mx::array& y, float a, mx::StreamOrDevice s = {}) {
  return mx::array(x.shape(), mx::float32, std::make_shared<Axpby>(mx::to_stream(s), a),
                   {mx::contiguous(x), mx::contiguous(y)});
}

}  // namespace

int main() {
  mx::array x({1.0f, 2.0f, 3.0f});
  mx::array y = mx::ones({3});
  auto loss = [](const std::vector<mx::array>& in) {
    return mx::sum(mx::square(axpby(in[0], in[1], 2.0f)));
  };
  auto [value, gradients] = mx::value_and_grad(loss, std::vector<int>{0, 1})({x, y});
  mx::eval(gradients);
  bool right = value.item<float>() == 83.0f &&
               mx::array_equal(gradients[0], mx::array({12.0f, 20.0f, 28.0f})).item<bool>() &&
               mx::array_equal(gradients[1], mx::array({6.0f, 10.0f, 14.0f})).item<bool>();

  mx::distributed::Group world = mx::distributed::init();
  mx::array sum = mx::distributed::all_sum(x, world);
  mx::eval(sum);
  right = right && sum.data<float>()[0] == static_cast<float>(world.size());
  std::printf("rank %d of %d, loss %g\n", world.rank(), world.size(), value.item<float>());
  return right ? 0 : 1;
}
