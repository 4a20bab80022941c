#include "mlx/core/io/lowering.h"

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/io/export_table.h"

namespace mlx::core::io {

std::string own_name(const Op& op) { return concat("collective::", op.name); }

Id Lowering::add(std::string_view name, State state, std::vector<Id> inputs, Type type) {
  return add_all(name, std::move(state), std::move(inputs), {&type, 1})[0];
}

std::vector<Id> Lowering::add_all(std::string_view name, State state, std::vector<Id> inputs,
                                  std::span<const Type> types) {
  ExportedStep step{.name = std::string(name),
                    .state = std::move(state),
                    .device = device_,
                    .inputs = std::move(inputs),
                    .outputs = {},
                    .types = {types.begin(), types.end()}};
  for (const Type& type : types) {
    step.outputs.push_back(ids_.next());
    types_.emplace(step.outputs.back(), type);
  }
  std::vector<Id> outputs = step.outputs;
  entries.emplace_back(std::move(step));
  return outputs;
}

Id Lowering::add_input(const Type& type) {
  const Id id = ids_.next();
  types_.emplace(id, type);
  entries.emplace_back(ExportedInput{id});
  return id;
}

Id Lowering::constant(const array& value) {
  const Id id = ids_.of_constant(value);
  if (types_.emplace(id, Type{value.shape(), value.dtype()}).second) {
    entries.emplace_back(ExportedConstant{id, value});
  }
  return id;
}

Id Lowering::scalar(double value, Dtype dtype) { return constant(array(value, dtype)); }

Id Lowering::cast(Id x, Dtype to) {
  return dtype(x) == to ? x : add("AsType", {to}, {x}, {shape(x), to});
}

Id Lowering::reshape(Id x, const Shape& to) {
  return shape(x) == to ? x : add("Reshape", {shape_state(to)}, {x}, {to, dtype(x)});
}

Id Lowering::broadcast(Id x, const Shape& to) {
  return shape(x) == to ? x : add("Broadcast", {shape_state(to)}, {x}, {to, dtype(x)});
}

// Where sizes follow the inputs, an entry names all that the size depends on.
std::vector<Id> Lowering::broadcast_together(const std::vector<Id>& inputs, const Shape& to) {
  bool alike = true;
  for (const Id x : inputs) {
    alike &= shape(x) == to;
  }
  std::vector<Id> out;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (alike || !shapeless_) {
      out.push_back(broadcast(inputs[i], to));
      continue;
    }
    std::vector<Id> operands{inputs[i]};
    for (size_t k = 0; k < inputs.size(); ++k) {
      if (k != i) operands.push_back(inputs[k]);
    }
    out.push_back(add("Broadcast", {shape_state(to)}, std::move(operands), {to, dtype(inputs[i])}));
  }
  return out;
}

Id Lowering::squeeze(Id x, const std::vector<int>& axes) {
  if (axes.empty()) {
    return x;
  }
  Shape kept;
  size_t next = 0;
  for (size_t i = 0; i < shape(x).size(); ++i) {
    if (next < axes.size() && axes[next] == static_cast<int>(i)) {
      ++next;
    } else {
      kept.push_back(shape(x)[i]);
    }
  }
  return add("Squeeze", {axes}, {x}, {std::move(kept), dtype(x)});
}

std::vector<Id> Lowering::add_as(Formula formula, const Op& op, const Attrs& attrs, State state,
                                 const std::vector<Id>& inputs, std::span<const Type> types) {
  return add_noted(op, std::move(state), inputs, types, [&] {
    Arrays stand_ins;
    for (const Id x : inputs) {
      stand_ins.push_back(make_array(shape(x), dtype(x)));
    }
    const auto fun = [&](const Arrays& in) { return formula(in, attrs, to_stream(device_)); };
    return add_recording(
        detail::record(fun, stand_ins, {.shapeless = shapeless_, .simplify = true}), inputs);
  });
}

std::vector<Id> Lowering::add_noted(const Op& op, State state, const std::vector<Id>& inputs,
                                    std::span<const Type> types,
                                    const std::function<std::vector<Id>()>& body) {
  const size_t note = entries.size();
  const Id begin = ids_.last();
  entries.emplace_back(ExportedNote{
      .id = ids_.next(),
      .step =
          {.name = {}, .state = {}, .device = device_, .inputs = {}, .outputs = {}, .types = {}},
      .covers = 0});
  std::vector<Id> outputs = body();
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto seen = outputs.begin() + static_cast<ptrdiff_t>(i);
    if (outputs[i] <= begin || std::find(outputs.begin(), seen, outputs[i]) != seen) {
      // The note gives the array another name, so it has to be another.
      outputs[i] = add("AsType", {dtype(outputs[i])}, {outputs[i]}, types[i]);
    }
  }
  for (size_t i = outputs.size(); i < types.size(); ++i) {
    outputs.push_back(ids_.next());
    types_.emplace(outputs.back(), types[i]);
  }
  auto& named = std::get<ExportedNote>(entries[note]);
  named.covers = entries.size() - note - 1;
  named.step = {.name = own_name(op),
                .state = std::move(state),
                .device = device_,
                .inputs = inputs,
                .outputs = outputs,
                .types = {types.begin(), types.end()}};
  return outputs;
}

std::vector<Id> Lowering::add_recording(const detail::Recording& recording,
                                        const std::vector<Id>& inputs) {
  std::vector<Id> slots = inputs;
  for (const array& x : recording.constants) {
    slots.push_back(constant(x));
  }
  auto operand = recording.operands.begin();
  auto type = recording.results.begin();
  for (const detail::Recording::Step& step : recording.steps) {
    const WriteRow* row = step.op->row != nullptr ? nullptr : find_writer(*step.op);
    require(step.op->row != nullptr || row != nullptr, "[export_function] ", step.op->name,
            " cannot be stored in a file.");
    std::vector<Id> in;
    for (uint32_t i = 0; i < step.operands; ++i) {
      in.push_back(slots[*operand++]);
    }
    device_ = step.stream.device;
    const WriteArgs args{*step.op, step.attrs, in, {type, type + step.results}};
    const std::vector<Id> results =
        row == nullptr ? write_elementwise(*this, args) : row->write(*this, args);
    slots.insert(slots.end(), results.begin(), results.end());
    type += step.results;
  }
  std::vector<Id> outputs;
  for (const detail::Recording::Slot slot : recording.outputs) {
    outputs.push_back(slots[slot]);
  }
  return outputs;
}

ExportedFunction lower(const detail::Recording& recording, std::vector<std::string> keywords,
                       Ids& ids, bool shapeless) {
  Lowering to(ids, shapeless);
  ExportedFunction out;
  out.keywords = std::move(keywords);
  out.types = recording.inputs;
  for (const Type& type : recording.inputs) {
    out.inputs.push_back(to.add_input(type));
  }
  out.outputs = to.add_recording(recording, out.inputs);
  out.entries = std::move(to.entries);
  return out;
}

}  // namespace mlx::core::io
