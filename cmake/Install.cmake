# What `cmake --install` puts in place: headers, libraries, programs, and a
# package, so that another project says
#
#   find_package(MLX CONFIG REQUIRED)
#   target_link_libraries(program PRIVATE mlx)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(libraries base core bootstrap verbs distributed nn optim)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/MLX)
foreach(library IN LISTS libraries)
  set_target_properties(mlx_${library} PROPERTIES EXPORT_NAME ${library})
  target_include_directories(mlx_${library} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  get_target_property(header_sets mlx_${library} HEADER_SETS)
  set(headers "")
  if(header_sets)
    set(headers FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  endif()
  install(TARGETS mlx_${library} EXPORT MLXTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} ${headers})
endforeach()

set_target_properties(mlx_all PROPERTIES EXPORT_NAME mlx)
install(TARGETS mlx_all EXPORT MLXTargets)
install(DIRECTORY ${PROJECT_BINARY_DIR}/include/forward/mlx DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT MLXTargets NAMESPACE mlx:: DESTINATION ${package})
install(FILES ${PROJECT_SOURCE_DIR}/cmake/MLXConfig.cmake DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/MLXConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/MLXConfigVersion.cmake DESTINATION ${package})

install(TARGETS mlx-launch mlx-distributed-config mlx-flight mlx-bench-collectives
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
