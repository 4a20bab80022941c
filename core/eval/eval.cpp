// Evaluation, from top to bottom: collect, fuse, place, run.

#include <algorithm>
#include <memory>
#include <mutex>

#include "mlx/core/base/error.h"
#include "mlx/core/eval/scheduler.h"
#include "mlx/core/eval/tape.h"
#include "mlx/core/eval/task.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

enum class Mode { synchronous, asynchronous };

class Evaluation {
 public:
  Evaluation(Tape& tape, Mode mode) : tape_(tape), mode_(mode) {}

  void run() {
    for (size_t i = 0; i < tape_.order.size(); ++i) {
      const TapeEntry& entry = tape_.entries[tape_.order[i]];
      if (is_member_only(entry, tape_.order[i])) {
        continue;
      }
      StreamWorker& worker = worker_of(entry.node->stream);
      if (mode_ == Mode::synchronous && worker.kind == StreamKind::thread_default) {
        run_here(tape_.order[i]);
      } else {
        run_on(worker, i);
      }
    }
  }

 private:
  // Part of a group that runs at the place of another entry. The node may be
  // gone when that place has passed.
  bool is_member_only(const TapeEntry& entry, uint32_t index) const {
    return entry.group >= 0 && tape_.groups[static_cast<size_t>(entry.group)].root != index;
  }

  StreamWorker& worker_of(const Stream& stream) {
    if (worker_ == nullptr || worker_->stream != stream) {
      worker_ = &Scheduler::get().worker(stream);
    }
    return *worker_;
  }

  void run_here(uint32_t index) {
    task_.take(tape_, index);
    task_.reserve_turn();
    const std::exception_ptr error = task_.run();
    task_.clear();
    task_.done = Event();
    if (error) {
      std::rethrow_exception(error);
    }
  }

  void run_on(StreamWorker& worker, size_t position) {
    const bool is_ordered = tape_.entries[tape_.order[position]].node->op->ordered;
    const bool wait_anyway = mode_ == Mode::synchronous && is_ordered && next_needs(position);
    auto task = std::make_shared<Task>();
    task->take(tape_, tape_.order[position]);
    task->done = Event(task->stream);
    for (array& out : task->outputs) {
      out.attach_event(task->done);
      out.set_status(array::evaluated);
    }
    std::function<void()> work = [task, &worker] {
      if (std::exception_ptr error = task->run()) {
        worker.record_error(error);
      }
      task->clear();
    };
    // A collective that everything else waits for runs here when its stream is
    // idle: no hand-over between threads on the path of a small all_sum.
    if (queue_in_turn(*task, worker, work, wait_anyway)) {
      worker.run_claimed(work);
    }
  }

  // Queues the work, or claims the stream for the calling thread. That and
  // reserving the turn are one step, whatever other threads evaluate: a task
  // then waits only for tasks that were queued before it.
  static bool queue_in_turn(Task& task, StreamWorker& worker, std::function<void()>& work,
                            bool prefer_here) {
    static std::mutex one_step;
    std::unique_lock lock(one_step, std::defer_lock);
    if (task.op->turns != nullptr) {
      lock.lock();
      task.reserve_turn();
    }
    if (prefer_here && worker.claim_if_idle()) {
      return true;
    }
    worker.enqueue(std::move(work));
    return false;
  }

  // Whether nothing can run beside the entry: it is the last, or the next one reads it.
  bool next_needs(size_t position) {
    const Node* node = tape_.entries[tape_.order[position]].node;
    for (size_t i = position + 1; i < tape_.order.size(); ++i) {
      const TapeEntry& next = tape_.entries[tape_.order[i]];
      if (is_member_only(next, tape_.order[i])) {
        continue;
      }
      return reads(next, node);
    }
    return true;
  }

  bool reads(const TapeEntry& entry, const Node* node) const {
    const auto has_input = [&](const Node* consumer) {
      return std::any_of(consumer->inputs.begin(), consumer->inputs.end(),
                         [&](const array& in) { return representative(in.node()) == node; });
    };
    if (entry.group < 0) {
      return has_input(entry.node);
    }
    const auto& members = tape_.groups[static_cast<size_t>(entry.group)].members;
    return has_input(entry.node) || std::any_of(members.begin(), members.end(), [&](uint32_t m) {
             return has_input(tape_.entries[m].node);
           });
  }

  Tape& tape_;
  const Mode mode_;
  StreamWorker* worker_ = nullptr;
  Task task_;  // reused, so that its vectors keep their memory
};

void evaluate(const std::vector<array>& outputs, Mode mode) {
  Tape tape = collect(outputs);
  if (tape.order.empty()) {
    return;
  }
  save_memory(tape);
  fuse(tape);
  Evaluation(tape, mode).run();
}

}  // namespace

void eval(std::vector<array> outputs) {
  evaluate(outputs, Mode::synchronous);
  for (array& out : outputs) {
    out.wait();
  }
}

void async_eval(std::vector<array> outputs) { evaluate(outputs, Mode::asynchronous); }

}  // namespace mlx::core
