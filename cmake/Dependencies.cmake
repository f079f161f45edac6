# What the library and the programs are built on. scripts/setup.sh names the Debian packages.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
if(RWKV_MINIMAL)
  find_package(ZLIB REQUIRED)
  set(RWKV_LIBRARY_TARGETS ZLIB::ZLIB)
  return() # to the file that includes this one
endif()
find_package(PkgConfig REQUIRED)

# What the library links with: a name here, what pkg-config calls it, the Debian package.
set(RWKV_LIBRARY_MODULES
  "ZLIB zlib zlib1g-dev"
  "OPENBLAS openblas libopenblas-dev"
  "CJSON libcjson libcjson-dev"
  "PCRE2 libpcre2-8>=10.30 libpcre2-dev" # cuts words
  "UTF8PROC libutf8proc>=2.1 libutf8proc-dev") # form C
set(RWKV_LIBRARY_TARGETS)
set(RWKV_PC_REQUIRES)      # for rwkv.pc
set(RWKV_STATIC_MODULES)   # for rwkv-config.cmake
set(RWKV_DEV_PACKAGES)     # for librwkv-dev
foreach(module IN LISTS RWKV_LIBRARY_MODULES)
  separate_arguments(module UNIX_COMMAND "${module}")
  list(GET module 0 prefix)
  list(GET module 1 name)
  list(GET module 2 package)
  pkg_check_modules(${prefix} REQUIRED IMPORTED_TARGET ${name})
  list(APPEND RWKV_LIBRARY_TARGETS PkgConfig::${prefix})
  string(REGEX REPLACE ">=.*" "" plain_name ${name})
  string(APPEND RWKV_PC_REQUIRES " ${plain_name}")
  string(APPEND RWKV_DEV_PACKAGES ", ${package}")
  string(APPEND RWKV_STATIC_MODULES "  pkg_check_modules(${prefix} REQUIRED IMPORTED_TARGET ${name})\n")
endforeach()

option(RWKV_LIBEDIT "Edit lines in rwkv-run --chat with libedit, where it is there" ON)
if(RWKV_LIBEDIT)
  pkg_check_modules(LIBEDIT IMPORTED_TARGET libedit>=3.1) # optional
endif()
pkg_check_modules(LIBCRYPTO REQUIRED IMPORTED_TARGET libcrypto) # SHA-256, programs only
if(RWKV_MPI)
  find_package(MPI REQUIRED COMPONENTS C) # several processes, perplexity and embed only
endif()
