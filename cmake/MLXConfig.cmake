# find_package(MLX CONFIG): the targets mlx::mlx (everything) and mlx (the same,
# as MLX calls it), mlx::core, mlx::distributed, mlx::nn, mlx::optim.
include(CMakeFindDependencyMacro)
set(BLA_VENDOR OpenBLAS)
find_dependency(BLAS)
find_dependency(nlohmann_json)
find_dependency(OpenMP COMPONENTS CXX)
find_dependency(OpenSSL COMPONENTS Crypto)
find_dependency(spdlog)
find_dependency(Threads)
find_dependency(ZLIB)
include(${CMAKE_CURRENT_LIST_DIR}/MLXTargets.cmake)

if(NOT TARGET mlx)
  add_library(mlx INTERFACE IMPORTED)
  set_target_properties(mlx PROPERTIES INTERFACE_LINK_LIBRARIES mlx::mlx)
endif()
set(MLX_LIBRARIES mlx::mlx)
get_target_property(MLX_INCLUDE_DIRS mlx::core INTERFACE_INCLUDE_DIRECTORIES)
