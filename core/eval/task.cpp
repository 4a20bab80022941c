#include "mlx/core/eval/task.h"

#include "mlx/core/eval/devices.h"
#include "mlx/core/eval/program.h"
#include "mlx/core/graph/trace.h"

namespace mlx::core {
namespace {

bool keeps_graph(const Node* node) { return node->tracer && TraceScope::active(); }

array handle(Node* node) {
  Node::retain(node);
  return array(node);
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
    compute();
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
