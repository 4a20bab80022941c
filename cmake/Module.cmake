# mlx_module(<folder> PUBLIC <headers> PRIVATE <sources> LINK <targets> LINK_PRIVATE <targets>)
#
# One top-level folder is one static library mlx::<folder>. Its include root
# holds nothing but mlx/<folder>, a link to the source folder, so a folder can
# include only itself and what it links: a wrong include does not compile.
# Headers listed as PUBLIC are the folder's interface: they are installed, and
# the target all_verify_interface_header_sets compiles each of them alone.
function(mlx_module folder)
  cmake_parse_arguments(ARG "" "" "PUBLIC;PRIVATE;LINK;LINK_PRIVATE" ${ARGN})
  set(root ${PROJECT_BINARY_DIR}/include/${folder})
  file(MAKE_DIRECTORY ${root}/mlx)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${folder} ${root}/mlx/${folder} SYMBOLIC)

  add_library(mlx_${folder} STATIC)
  add_library(mlx::${folder} ALIAS mlx_${folder})
  list(TRANSFORM ARG_PUBLIC PREPEND ${root}/mlx/${folder}/)
  target_sources(mlx_${folder}
    PUBLIC FILE_SET HEADERS BASE_DIRS ${root} FILES ${ARG_PUBLIC}
    PRIVATE ${ARG_PRIVATE})
  target_include_directories(mlx_${folder} PUBLIC $<BUILD_INTERFACE:${root}>)
  target_link_libraries(mlx_${folder} PUBLIC ${ARG_LINK} PRIVATE ${ARG_LINK_PRIVATE})
  mlx_warnings(mlx_${folder})
  set_target_properties(mlx_${folder} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
endfunction()

# The warnings that our own code is free of.
function(mlx_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -fno-math-errno
    $<$<BOOL:${MLX_WERROR}>:-Werror>)
endfunction()
