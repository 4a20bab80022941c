#include "mlx/core/eval/task.h"

#include "mlx/core/eval/devices.h"
#include "mlx/core/eval/program.h"
#include "mlx/core/eval/timeline.h"
#include "mlx/core/graph/trace.h"

namespace mlx::core {
namespace {

bool keeps_graph(const Node* node) { return node->tracer && TraceScope::active(); }

array handle(Node* node) {
  Node::retain(node);
  return array(node);
}

// "subtract+square+sum": the operations that run as one, in their order.
std::string label_of(const Tape& tape, const TapeEntry& entry) {
  std::string label;
  if (entry.group >= 0) {
    const auto& members = tape.groups[static_cast<size_t>(entry.group)].members;
    for (auto m = members.rbegin(); m != members.rend(); ++m) {
      const Node* node = tape.entries[*m].node;
      if (node == entry.node) continue;
      label += node->op->name;
      label += '+';
    }
  }
  return label += entry.node->op->name;
}

// "float32[2,3]"
std::string type_of(const array& a) {
  std::string text = concat(a.dtype(), "[");
  const char* separator = "";
  for (const auto size : a.shape()) {
    text += concat(separator, size);
    separator = ",";
  }
  return text + "]";
}

std::string types_of(const std::vector<array>& arrays) {
  std::string text;
  for (const array& a : arrays) text += (text.empty() ? "" : " ") + type_of(a);
  return text;
}

}  // namespace

void Task::take(Tape& tape, uint32_t index) {
  const TapeEntry& entry = tape.entries[index];
  Node* node = entry.node;
  op = node->op;
  attrs = node->attrs;
  stream = node->stream;
  turn = 0;
  has_program = false;
  if (timeline::on()) label = label_of(tape, entry);
  if (entry.group >= 0) {
    const FusedGroup& group = tape.groups[static_cast<size_t>(entry.group)];
    shape = *group.shape;
    if (!group.members.empty()) {
      write_program(tape, group, program, inputs, outputs);
      has_program = true;
    }
  }
  if (outputs.empty()) {
    const array first = handle(node);
    outputs = first.outputs();
  }
  if (!has_program) {
    if (keeps_graph(node)) {
      inputs = node->inputs;
    } else {
      inputs = std::move(node->inputs);
    }
  }
  // The task's own handles are the last to the inputs now, so that a kernel
  // can write over an input that nobody else holds.
  for (array& out : outputs) {
    if (!keeps_graph(out.node())) {
      out.detach();
    }
  }
}

void Task::clear() {
  inputs.clear();
  outputs.clear();
  attrs = Attrs();
}

std::exception_ptr Task::run() noexcept {
  try {
    for (array& in : inputs) {
      in.wait();
    }
    if (label.empty()) {
      compute();
    } else {
      compute_on_timeline();
    }
  } catch (...) {
    fail(std::current_exception());
    return std::current_exception();
  }
  if (done.valid()) {
    // First, so that who waits finds nothing held by this thread: a program may
    // end now, and a group ends with its last owner.
    clear();
    done.signal();
  } else {
    for (array& out : outputs) {
      out.set_status(array::available);
    }
  }
  return nullptr;
}

void Task::compute() {
  const KernelArgs args{.inputs = inputs,
                        .outputs = outputs,
                        .attrs = attrs,
                        .program = has_program ? &program : nullptr,
                        .shape = &shape,
                        .stream = stream,
                        .turn = turn};
  kernel_for(*op, stream.device)(args);
}

void Task::compute_on_timeline() {
  const timeline::StreamScope scope(stream.index);
  std::string arguments;
  timeline::append_member(arguments, "inputs", types_of(inputs));
  timeline::append_member(arguments, "outputs", types_of(outputs));
  size_t bytes = 0;
  for (const array& a : inputs) bytes += a.nbytes();
  for (const array& a : outputs) bytes += a.nbytes();
  timeline::append_member(arguments, "bytes", static_cast<int64_t>(bytes));
  const std::string_view category = op->ordered ? "communication" : "computation";
  const int64_t begin = timeline::now();
  try {
    compute();
  } catch (const std::exception& error) {
    timeline::append_member(arguments, "error", error.what());
    timeline::record({label, category, begin, arguments});
    timeline::flush();
    throw;
  }
  timeline::record({label, category, begin, arguments});
}

void Task::fail(const std::exception_ptr& error) noexcept {
  if (turn != 0) {
    op->turns->forgo(attrs, turn);
  }
  const bool attached = done.valid();
  if (!attached) {
    done = Event(stream);
  }
  Error stored{error};
  done.set_error(stored);
  if (!attached) {
    for (array& out : outputs) {
      out.attach_event(done);
      out.set_status(array::evaluated);
    }
  }
  done.signal();
}

}  // namespace mlx::core
