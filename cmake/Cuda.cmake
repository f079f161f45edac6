# NVIDIA GPUs: RWKV_CUDA is ON, OFF, or AUTO, which is ON where nvcc works. The runtime is linked statically, cuBLASLt is
# found when a program first wants it: programs run where there is neither a driver nor a toolkit.
#
# The kernels are compiled by commands of our own, not as CMake's language CUDA, which would link every program as C++ with
# whatever nvcc thinks it needs.
#
# RWKV_CUDA_ARCHITECTURES: machine code for Hopper, and for all others, from the oldest that the toolkit knows, code that
# their driver finishes when a program starts. RWKV_CUDA_ALL=ON makes machine code for every generation up to Hopper, which
# takes longer: for releases.

set(RWKV_CUDA AUTO CACHE STRING "Run models on NVIDIA GPUs: ON, OFF, or AUTO (where nvcc works)")
set_property(CACHE RWKV_CUDA PROPERTY STRINGS AUTO ON OFF)
option(RWKV_CUDA_ALL "Machine code for every generation of GPUs up to Hopper" OFF)
set(RWKV_HAS_CUDA FALSE)

# Compiles a kernel of three lines: does nvcc work, with its host compiler?
function(rwkv_try_nvcc out nvcc)
  set(source ${CMAKE_BINARY_DIR}/CMakeFiles/try_nvcc.cu)
  file(WRITE ${source} "#include <cublasLt.h>\n#include <cuda_fp16.h>\n__global__ void nothing() {}\n")
  execute_process(COMMAND ${nvcc} -std=c++17 -c ${source} -o ${source}.o
    RESULT_VARIABLE code OUTPUT_QUIET ERROR_QUIET)
  if(code EQUAL 0)
    set(${out} TRUE PARENT_SCOPE)
  endif()
endfunction()

# The oldest architecture that this nvcc makes code for: 75.
function(rwkv_oldest_architecture out nvcc)
  execute_process(COMMAND ${nvcc} --list-gpu-arch OUTPUT_VARIABLE list ERROR_QUIET)
  string(REGEX MATCH "compute_([0-9]+)" first "${list}")
  set(${out} ${CMAKE_MATCH_1} PARENT_SCOPE)
endfunction()

if(NOT RWKV_CUDA STREQUAL OFF)
  find_program(RWKV_NVCC nvcc HINTS ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
  mark_as_advanced(RWKV_NVCC)
  if(RWKV_NVCC AND NOT DEFINED CACHE{RWKV_NVCC_WORKS})
    rwkv_try_nvcc(works ${RWKV_NVCC})
    set(RWKV_NVCC_WORKS "${works}" CACHE INTERNAL "")
  endif()
  if(RWKV_NVCC AND RWKV_NVCC_WORKS)
    find_package(CUDAToolkit 12)
    if(CUDAToolkit_FOUND AND TARGET CUDA::cudart_static)
      set(RWKV_HAS_CUDA TRUE)
    endif()
  endif()
  if(NOT RWKV_HAS_CUDA AND NOT RWKV_CUDA STREQUAL AUTO)
    message(FATAL_ERROR "RWKV_CUDA=${RWKV_CUDA}: there is no nvcc of a CUDA Toolkit 12 or newer that works")
  endif()
endif()

if(RWKV_HAS_CUDA)
  rwkv_oldest_architecture(oldest ${RWKV_NVCC})
  if(RWKV_CUDA_ALL)
    set(machine_code ${oldest} 80 86 89 90)
    list(REMOVE_DUPLICATES machine_code)
    set(finished_by_driver 90)
  else()
    set(machine_code 90)
    set(finished_by_driver ${oldest})
  endif()
  set(RWKV_NVCC_FLAGS -std=c++17 -O3 -fmad=false -Werror=all-warnings
    -Xcompiler=-fPIC,-fvisibility=hidden,-fno-exceptions,-fno-threadsafe-statics,-Wall,-Wextra)
  foreach(architecture IN LISTS machine_code)
    list(APPEND RWKV_NVCC_FLAGS -gencode=arch=compute_${architecture},code=sm_${architecture})
  endforeach()
  list(APPEND RWKV_NVCC_FLAGS -gencode=arch=compute_${finished_by_driver},code=compute_${finished_by_driver})
  message(STATUS "CUDA ${CUDAToolkit_VERSION}: machine code for ${machine_code}, PTX for ${finished_by_driver}")
endif()

# rwkv_compile_kernels(out target source...): object files of kernels, which `target` stands for.
function(rwkv_compile_kernels out target)
  set(objects)
  foreach(source IN LISTS ARGN)
    get_filename_component(name ${source} NAME)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
    add_custom_command(OUTPUT ${object}
      COMMAND ${CMAKE_CUDA_COMPILER_LAUNCHER} ${RWKV_NVCC} ${RWKV_NVCC_FLAGS}
        -I${PROJECT_SOURCE_DIR}/include -I${PROJECT_SOURCE_DIR}/lib
        -MD -MF ${object}.d -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d
      COMMENT "Building CUDA object ${name}.o" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  add_custom_target(${target} DEPENDS ${objects})
  set(${out} ${objects} PARENT_SCOPE)
endfunction()
