# What the library and the programs are built on. scripts/setup.sh names the Debian packages.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(OPENBLAS REQUIRED IMPORTED_TARGET openblas)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8>=10.30)  # cuts words
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc>=2.1) # form C
pkg_check_modules(LIBCRYPTO REQUIRED IMPORTED_TARGET libcrypto) # SHA-256, programs only
