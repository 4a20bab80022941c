# mlx::mlx: everything, under MLX's own include names.
#
# Programs written against MLX include <mlx/array.h> or <mlx/mlx.h>; ours live
# in mlx/core/. One-line forwarders in the build tree bridge the two.
function(mlx_forwarders)
  set(root ${PROJECT_BINARY_DIR}/include/forward)
  set(everything "")
  foreach(name IN LISTS ARGN)
    if(EXISTS ${PROJECT_SOURCE_DIR}/core/${name}.h)
      file(CONFIGURE OUTPUT ${root}/mlx/${name}.h CONTENT "#pragma once\n#include \"mlx/core/${name}.h\"\n")
      string(APPEND everything "#include \"mlx/core/${name}.h\"\n")
    endif()
  endforeach()
  foreach(header IN ITEMS distributed/distributed.h distributed/ops.h nn/nn.h optim/optim.h)
    if(EXISTS ${PROJECT_SOURCE_DIR}/${header})
      string(APPEND everything "#include \"mlx/${header}\"\n")
    endif()
  endforeach()
  file(CONFIGURE OUTPUT ${root}/mlx/mlx.h CONTENT "#pragma once\n${everything}")

  add_library(mlx_all INTERFACE)
  add_library(mlx::mlx ALIAS mlx_all)
  target_include_directories(mlx_all INTERFACE $<BUILD_INTERFACE:${root}>)
endfunction()
