#pragma once

namespace mlx::core {

/// While one exists on a thread, a transform of that thread is tracing:
/// evaluation keeps the graph of arrays that depend on traced inputs, so that
/// the transform can still differentiate it. Outside, the flag has no effect.
class TraceScope {
 public:
  TraceScope() { ++depth; }
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;
  ~TraceScope() { --depth; }

  static bool active() { return depth > 0; }

 private:
  static thread_local int depth;
};

}  // namespace mlx::core
