#include "mlx/core/cpu/instruction_set.h"

namespace mlx::core::cpu {
namespace {

InstructionSet detect() {
#if defined(__x86_64__)
  // Every processor with AVX2 and FMA has F16C.
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return InstructionSet::avx512;
  }
  if (avx2) {
    return InstructionSet::avx2;
  }
#endif
  return InstructionSet::base;
}

}  // namespace

InstructionSet instruction_set() {
  static const InstructionSet set = detect();
  return set;
}

}  // namespace mlx::core::cpu
