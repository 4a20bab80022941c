// Replaying: nodes from a recording.

#include "mlx/core/base/error.h"
#include "mlx/core/graph/build.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/transform/record.h"

namespace mlx::core::detail {
namespace {

// Whether the inputs have the recorded shapes. Throws if they have not and must.
bool check_shapes(const Recording& recording, const Arrays& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Shape& recorded = recording.inputs[i].shape;
    if (inputs[i].shape() == recorded) continue;
    if (recording.holds_sizes != nullptr) {
      throw_invalid("[compile] ", recording.holds_sizes->name,
                    " holds sizes of the call that was traced, so the function cannot be "
                    "shapeless: got shape ",
                    inputs[i].shape(), " for input ", i, ", expected ", recorded,
                    ". Use operations that follow the shape, such as flatten, or compile without "
                    "shapeless.");
    }
    return false;
  }
  return true;
}

}  // namespace

Arrays replay(const Recording& recording, const Arrays& inputs, std::optional<Stream> stream) {
  const bool same_shapes = check_shapes(recording, inputs);
  Arrays values;
  values.reserve(inputs.size() + recording.constants.size() + recording.results.size());
  values.insert(values.end(), inputs.begin(), inputs.end());
  values.insert(values.end(), recording.constants.begin(), recording.constants.end());

  auto operand = recording.operands.begin();
  auto type = recording.results.begin();
  for (const Recording::Step& step : recording.steps) {
    const Stream on = stream.value_or(step.stream);
    Arrays operands;
    operands.reserve(step.operands);
    for (uint32_t i = 0; i < step.operands; ++i) {
      operands.push_back(values[*operand++]);
    }
    if (!same_shapes) {
      const Arrays results = make_nodes(*step.op, std::move(operands), step.attrs, on);
      values.insert(values.end(), results.begin(), results.end());
    } else if (step.results == 1) {
      values.push_back(build_node(*step.op, *type++, std::move(operands), step.attrs, on));
    } else {
      Arrays results;
      for (uint32_t i = 0; i < step.results; ++i) {
        results.push_back(build_node(*step.op, *type++, operands, step.attrs, on));
      }
      link_siblings(results);
      values.insert(values.end(), results.begin(), results.end());
    }
  }

  Arrays outputs;
  outputs.reserve(recording.outputs.size());
  for (const Recording::Slot slot : recording.outputs) {
    outputs.push_back(values[slot]);
  }
  return outputs;
}

}  // namespace mlx::core::detail
