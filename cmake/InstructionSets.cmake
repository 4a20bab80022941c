# mlx_instruction_sets(<target> <source> <macro> <prefix>)
#
# Compiles one kernel file once per instruction set, each time with <macro>
# defined as the name of the table it defines: <prefix>Base, and on x86-64 also
# <prefix>Avx2 and <prefix>Avx512. The choice is made at run time.
function(mlx_instruction_sets target source macro prefix)
  # Vectors do not leave their file, so nobody minds how they are passed (psabi).
  # No -ffast-math: infinities and NaN count. Nobody reads errno or traps,
  # integers wrap, and a result does not depend on the machine's FMA.
  set(options -O3 -Wno-psabi -fno-math-errno -fno-trapping-math -ffp-contract=off -fwrapv)
  set(sets Base)
  set(flags_Base "")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set(sets Base Avx2 Avx512)
    set(flags_Base -march=x86-64-v2)
    set(flags_Avx2 -march=x86-64-v3)
    set(flags_Avx512 -march=x86-64-v4 -mprefer-vector-width=512)
  endif()
  foreach(set IN LISTS sets)
    set(name ${target}_${prefix}${set})
    add_library(${name} OBJECT ${source})
    set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
    target_compile_definitions(${name} PRIVATE ${macro}=${prefix}${set})
    target_include_directories(${name} PRIVATE $<TARGET_PROPERTY:${target},INTERFACE_INCLUDE_DIRECTORIES>)
    mlx_warnings(${name})
    target_compile_options(${name} PRIVATE ${options} ${flags_${set}})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${name}>)
  endforeach()
endfunction()
