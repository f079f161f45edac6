# cmake --install: programs, library, headers, pkg-config file, documents.

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
configure_file(cmake/rwkv.pc.in rwkv.pc @ONLY)

install(TARGETS rwkv rwkv_static
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_BINARY_DIR}/rwkv.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")
