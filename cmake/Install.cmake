# cmake --install: programs, library, headers, pkg-config file, CMake package, documents.
#
# Components, which are also the Debian packages (Packages.cmake): lib, dev, tools. The programs are
# installed where they are made, in tools/CMakeLists.txt.

# Paths in rwkv.pc are relative to where it lies, so that --prefix may be chosen at install time.
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR} OR IS_ABSOLUTE ${CMAKE_INSTALL_INCLUDEDIR})
  set(RWKV_PC_LIBDIR ${CMAKE_INSTALL_FULL_LIBDIR})
  set(RWKV_PC_INCLUDEDIR ${CMAKE_INSTALL_FULL_INCLUDEDIR})
else()
  file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" up ${up})
  set(RWKV_PC_LIBDIR "\${pcfiledir}/${up}/${CMAKE_INSTALL_LIBDIR}")
  set(RWKV_PC_INCLUDEDIR "\${pcfiledir}/${up}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
set(RWKV_PC_CUDA) # what the static library needs
if(RWKV_HAS_CUDA)
  get_target_property(runtime CUDA::cudart_static IMPORTED_LOCATION)
  set(RWKV_PC_CUDA " ${runtime} -ldl -lrt")
endif()
configure_file(cmake/rwkv.pc.in rwkv.pc @ONLY)

install(TARGETS rwkv EXPORT rwkv-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT lib
  # Bindings load librwkv.so by this name, without headers: it goes with the library.
  NAMELINK_COMPONENT lib)
install(TARGETS rwkv_static EXPORT rwkv-static-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev
  FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_BINARY_DIR}/rwkv.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

# find_package(rwkv): rwkv::rwkv, and rwkv::static for COMPONENTS static.
include(CMakePackageConfigHelpers)
set(RWKV_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/rwkv)
configure_package_config_file(cmake/rwkv-config.cmake.in rwkv-config.cmake
  INSTALL_DESTINATION ${RWKV_CMAKE_DIR})
write_basic_package_version_file(rwkv-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/rwkv-config.cmake ${CMAKE_BINARY_DIR}/rwkv-config-version.cmake
  DESTINATION ${RWKV_CMAKE_DIR} COMPONENT dev)
install(EXPORT rwkv-targets NAMESPACE rwkv:: DESTINATION ${RWKV_CMAKE_DIR} COMPONENT dev)
install(EXPORT rwkv-static-targets NAMESPACE rwkv:: DESTINATION ${RWKV_CMAKE_DIR} COMPONENT dev)

install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT tools)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT tools FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN "*.[ch]")
