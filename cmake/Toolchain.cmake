# Compiler settings that hold for every target: caches, linker, sanitizers.

find_program(MLX_CCACHE ccache)
if(MLX_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MLX_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${MLX_CCACHE})
endif()

# mold links a test in a fraction of the time; any linker works.
find_program(MLX_MOLD mold)
if(MLX_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Most of a compilation is parsing headers: files of a target that are compiled
# together parse them once. Names of one target must differ, also in anonymous
# namespaces. OFF compiles less after a change of one file.
option(MLX_GROUP_FILES "Compile files in groups: a full build takes half the time" ON)
set(CMAKE_UNITY_BUILD ${MLX_GROUP_FILES})
set(CMAKE_UNITY_BUILD_BATCH_SIZE 10)

# -O2 compiles fastest for code that is not a kernel; kernel files ask for -O3 themselves.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g")

if(MLX_SANITIZE)
  list(JOIN MLX_SANITIZE "," sanitizers)
  add_compile_options(-fsanitize=${sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${sanitizers})
  if("undefined" IN_LIST MLX_SANITIZE)
    # This check opens a pipe for every class it meets: it takes a lack of
    # descriptors, which is tested, for a wrong object.
    add_compile_options(-fno-sanitize=vptr)
  endif()
endif()

find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
