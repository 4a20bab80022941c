#pragma once

namespace mlx::core::cpu {

/// What this machine's processor can do, of what kernels are compiled for.
enum class InstructionSet { base, avx2, avx512 };

InstructionSet instruction_set();

/// The table for this machine, of those that mlx_instruction_sets() compiled.
#if defined(__x86_64__)
#define MLX_CHOOSE_LOOPS(prefix)                                                                  \
  (::mlx::core::cpu::instruction_set() == ::mlx::core::cpu::InstructionSet::avx512                \
       ? prefix##Avx512                                                                           \
   : ::mlx::core::cpu::instruction_set() == ::mlx::core::cpu::InstructionSet::avx2 ? prefix##Avx2 \
                                                                                   : prefix##Base)
#else
#define MLX_CHOOSE_LOOPS(prefix) (prefix##Base)
#endif

}  // namespace mlx::core::cpu
