// vmap: the function runs once, on placeholders that lack the mapped axis.
// Then what it built is made again from the whole inputs, each operation by
// its rule.

#include "mlx/core/base/error.h"
#include "mlx/core/graph/build.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/graph/trace.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/transform/path.h"
#include "mlx/core/transform/tracer.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace detail {
namespace {

Shape without_axis(const Shape& shape, int axis) {
  Shape out = shape;
  out.erase(out.begin() + axis);
  return out;
}

// One element of the mapped axis. It has no value and no operation: evaluating it throws.
array mapped_placeholder(const array& x, int axis) {
  array placeholder = make_array(without_axis(x.shape(), axis), x.dtype());
  placeholder.node()->sequence = next_sequence();
  placeholder.set_tracer(true);
  return placeholder;
}

// An array over all of the mapped axis, and where that is; -1 if it does not vary.
struct Whole {
  array value;
  int axis;
};

class MappingPass {
 public:
  MappingPass(Inputs placeholders, Inputs outputs, std::vector<Whole> inputs, ShapeElem size)
      : path_(find_path(placeholders, outputs, Follow::values)),
        size_(size),
        wholes_(std::move(inputs)) {
    wholes_.resize(static_cast<size_t>(path_.slots), Whole{no_array(), -1});
  }

  void run() {
    for (const Step& step : path_.steps) {
      map(step);
    }
  }

  // Output `index` with the mapped axis at `axis`.
  array output(size_t index, const array& out, int axis) const {
    const Stream s = stream_of(out);
    const Slot slot = path_.outputs[index];
    const Whole whole = slot == kNoSlot ? Whole{out, -1} : wholes_[static_cast<size_t>(slot)];
    return whole.axis < 0 ? moveaxis(repeated(whole.value, size_, s), 0, axis, s)
                          : moveaxis(whole.value, whole.axis, axis, s);
  }

 private:
  void map(const Step& step) {
    const std::span<const Slot> slots = path_.inputs_of(step);
    bool any_mapped = false;
    inputs_.clear();
    axes_.clear();
    for (size_t i = 0; i < slots.size(); ++i) {
      const Whole input = slots[i] == kNoSlot ? Whole{step.node->inputs[i], -1}
                                              : wholes_[static_cast<size_t>(slots[i])];
      inputs_.push_back(input.value);
      axes_.push_back(input.axis);
      any_mapped |= input.axis >= 0;
    }
    get_results(step, results_);
    const Mapped mapped = any_mapped ? apply_rule(*step.node) : repeat(*step.node);
    check(*step.node->op, mapped);
    for (size_t i = 0; i < results_.size(); ++i) {
      wholes_[static_cast<size_t>(step.slot) + i] = {mapped.outputs[i], mapped.axes[i]};
    }
  }

  Mapped apply_rule(const Node& node) const {
    const Op& op = *node.op;
    require(op.vmap != nullptr || op.row != nullptr, "[vmap] ", op.name,
            " cannot be mapped: it has no rule for it. Call it outside of the mapped function.");
    if (size_ == 0) {
      return nothing(node);  // so that no rule has to think of it
    }
    const VmapArgs args{
        .inputs = inputs_, .axes = axes_, .attrs = node.attrs, .stream = node.stream};
    return op.vmap != nullptr ? op.vmap(args) : map_elementwise(op, args);
  }

  // The operation once more: its inputs turned out not to vary.
  Mapped repeat(const Node& node) const {
    Arrays outputs = make_nodes(*node.op, inputs_, node.attrs, node.stream);
    return {outputs, std::vector<int>(outputs.size(), -1)};
  }

  Mapped nothing(const Node& node) const {
    Arrays outputs;
    for (const array& result : results_) {
      outputs.push_back(zeros(behind_mapped(0, result.shape()), result.dtype(), node.stream));
    }
    return mapped_in_front(std::move(outputs));
  }

  void check(const Op& op, const Mapped& mapped) const {
    require(mapped.outputs.size() == results_.size() && mapped.axes.size() == results_.size(),
            "[vmap] ", op.name, "'s rule: got ", mapped.outputs.size(), " outputs and ",
            mapped.axes.size(), " axes, expected ", results_.size(), ".");
    for (size_t i = 0; i < results_.size(); ++i) {
      const array& out = mapped.outputs[i];
      const int axis = mapped.axes[i];
      require(axis < static_cast<int>(out.ndim()), "[vmap] ", op.name, "'s rule, axis of output ",
              i, ": got ", axis, " of shape ", out.shape(), ".");
      const bool fits = axis < 0 ? out.shape() == results_[i].shape()
                                 : out.shape(axis) == size_ &&
                                       without_axis(out.shape(), axis) == results_[i].shape();
      require(fits, "[vmap] ", op.name, "'s rule, output ", i, ": got shape ", out.shape(),
              " mapped along axis ", axis, ", expected ", results_[i].shape(), " and an axis of ",
              size_, ".");
    }
  }

  const Path path_;
  const ShapeElem size_;
  /// By slot.
  std::vector<Whole> wholes_;
  // Of the current step; members so that they keep their memory.
  Arrays inputs_;
  std::vector<int> axes_;
  Arrays results_;
};

// One axis for each array; none given: the first.
std::vector<int> axes_for(const std::vector<int>& axes, size_t count, const char* what) {
  require(axes.empty() || axes.size() == count, "[vmap] Number of axes: got ", axes.size(),
          ", expected one for each of ", count, " ", what, ".");
  return axes.empty() ? std::vector<int>(count, 0) : axes;
}

// The length that all mapped axes have.
ShapeElem common_size(const Arrays& inputs, const std::vector<int>& axes) {
  ShapeElem size = -1;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int axis = axes[i];
    require(axis >= -1 && axis < static_cast<int>(inputs[i].ndim()), "[vmap] Axis of input ", i,
            ": got ", axis, " for shape ", inputs[i].shape(),
            ", expected one of its axes, or -1 if it is not mapped.");
    if (axis >= 0) {
      const ShapeElem here = inputs[i].shape(axis);
      require(size == -1 || size == here, "[vmap] Mapped axes differ in size: got ", size, " and ",
              here, ".");
      size = here;
    }
  }
  require(size != -1, "[vmap] No input is mapped: got -1 for the axes of all ", inputs.size(),
          " inputs.");
  return size;
}

Arrays call_mapped(const ArraysFn& fun, const std::vector<int>& in_axes,
                   const std::vector<int>& out_axes, const Arrays& inputs) {
  const std::vector<int> from = axes_for(in_axes, inputs.size(), "inputs");
  const ShapeElem size = common_size(inputs, from);
  Arrays arguments = inputs;
  Arrays placeholders;
  std::vector<Whole> wholes;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (from[i] >= 0) {
      arguments[i] = mapped_placeholder(inputs[i], from[i]);
      placeholders.push_back(arguments[i]);
      wholes.push_back({inputs[i], from[i]});
    }
  }
  const TraceScope scope;
  const Arrays outputs = fun(arguments);
  const std::vector<int> to = axes_for(out_axes, outputs.size(), "outputs");
  for (size_t i = 0; i < outputs.size(); ++i) {
    require(to[i] >= 0 && to[i] <= static_cast<int>(outputs[i].ndim()), "[vmap] Axis of output ", i,
            ": got ", to[i], " for shape ", outputs[i].shape(), ", expected 0 to ",
            outputs[i].ndim(), ".");
  }
  MappingPass pass(placeholders, outputs, std::move(wholes), size);
  pass.run();
  Arrays mapped;
  for (size_t i = 0; i < outputs.size(); ++i) {
    mapped.push_back(pass.output(i, outputs[i], to[i]));
  }
  return mapped;
}

}  // namespace
}  // namespace detail

ArraysFn vmap(const ArraysFn& fun, const std::vector<int>& in_axes,
              const std::vector<int>& out_axes) {
  return [fun, in_axes, out_axes](const Arrays& inputs) {
    return detail::call_mapped(fun, in_axes, out_axes, inputs);
  };
}

std::function<array(const array&)> vmap(const std::function<array(const array&)>& fun, int in_axis,
                                        int out_axis) {
  const ArraysFn mapped =
      vmap([fun](const Arrays& in) { return Arrays{fun(in[0])}; }, {in_axis}, {out_axis});
  return [mapped](const array& x) { return mapped({x})[0]; };
}

std::function<array(const array&, const array&)> vmap(
    const std::function<array(const array&, const array&)>& fun, int in_axis_a, int in_axis_b,
    int out_axis) {
  const ArraysFn mapped = vmap([fun](const Arrays& in) { return Arrays{fun(in[0], in[1])}; },
                               {in_axis_a, in_axis_b}, {out_axis});
  return [mapped](const array& a, const array& b) { return mapped({a, b})[0]; };
}

}  // namespace mlx::core
