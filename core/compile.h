#pragma once

// Compiling functions: trace once, then repeat the graph without the function.

#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "mlx/core/array.h"

namespace mlx::core {

/// What compile does. Element-wise operations are fused by evaluation, compiled
/// or not, so `no_fuse` is the same as `enabled` (MLX_DISABLE_FUSION=1 turns
/// fusion off).
enum class CompileMode { disabled, no_simplify, no_fuse, enabled };

/// `fun` without the cost of building its graph anew at each call.
///
/// The first call runs `fun` on placeholders and keeps its graph, with equal
/// operations merged; later calls repeat that graph on their inputs. `fun` runs
/// again for other dtypes, shapes or numbers of inputs and on another default
/// stream; the graphs of the last 64 such combinations are kept. Therefore `fun`
/// should be pure:
/// - Its other effects happen at tracing only; arrays that it stores elsewhere
///   are placeholders without a value. Return them instead.
/// - Arrays that it captures are constants: state that changes, such as
///   parameters or random keys, comes as input and goes as output.
/// - The keys of random functions that take none are constants as well.
///
/// Collectives keep their number and order. Inside another transform (grad,
/// vmap, compile) the function is called as it is, so that the outer one sees
/// all of it.
///
/// `shapeless`: one graph serves all shapes of the same rank in which the same
/// sizes are 0 and 1. Only sizes that operations compute themselves follow, not
/// numbers that `fun` reads from shape().
///
/// A function pointer or lambda without captures is traced once however often
/// it is passed to compile; the graphs of other functions live as long as the
/// returned function and its copies. Any thread may call it, given that the
/// arrays that `fun` captures have been evaluated.
///
/// Errors (compile): std::invalid_argument if `fun` is empty.
/// Errors (call): std::invalid_argument if `fun` evaluates a placeholder,
///         captures an array that is also an input, or is shapeless and has an
///         operation that holds sizes (reshape to numbers, slices, gradients of
///         sums) when the shapes change; what `fun` throws.
/// Grad: as `fun`.
std::function<std::vector<array>(const std::vector<array>&)> compile(
    std::function<std::vector<array>(const std::vector<array>&)> fun, bool shapeless = false);
std::function<std::vector<array>(const std::vector<array>&)> compile(
    std::vector<array> (*fun)(const std::vector<array>&), bool shapeless = false);
template <typename F,
          typename = std::enable_if_t<std::is_convertible_v<F, decltype(+std::declval<F>())>>>
std::function<std::vector<array>(const std::vector<array>&)> compile(F&& f,
                                                                     bool shapeless = false) {
  using Pointer = std::vector<array> (*)(const std::vector<array>&);
  if constexpr (std::is_convertible_v<F, Pointer>) {
    return compile(static_cast<Pointer>(f), shapeless);
  } else {
    return compile(std::function<std::vector<array>(const std::vector<array>&)>(f), shapeless);
  }
}

/// From now on, in every thread, compiled functions are called as they are: to
/// look at values while debugging. MLX_DISABLE_COMPILE=1 starts the program so.
void disable_compile();
/// Undoes disable_compile, also MLX_DISABLE_COMPILE.
void enable_compile();
/// `no_simplify`: functions that are traced from now on keep equal operations apart.
void set_compile_mode(CompileMode mode);

}  // namespace mlx::core
