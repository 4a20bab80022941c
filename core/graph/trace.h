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

/// While one exists on a thread, the graph that is traced will be repeated on
/// other shapes: what would read a size as a number becomes a node instead.
class ShapelessScope {
 public:
  explicit ShapelessScope(bool shapeless) : outer_(active_) { active_ = outer_ || shapeless; }
  ShapelessScope(const ShapelessScope&) = delete;
  ShapelessScope& operator=(const ShapelessScope&) = delete;
  ~ShapelessScope() { active_ = outer_; }

  static bool active() { return active_; }

 private:
  static thread_local bool active_;
  bool outer_;
};

}  // namespace mlx::core
