# What cmake --install puts below the prefix: component "sdk" (headers, CMake package, pkg-config file), which needs
# nothing built, and component "server".
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(nextgen_kernels_sdk INTERFACE)
set_target_properties(nextgen_kernels_sdk PROPERTIES EXPORT_NAME sdk)
target_include_directories(nextgen_kernels_sdk INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(nextgen_kernels_sdk INTERFACE cxx_std_20)

set(NK_SDK_CMAKE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/nextgen_kernels)
configure_package_config_file(cmake/sdk/nextgen_kernelsConfig.cmake.in ${CMAKE_BINARY_DIR}/sdk/nextgen_kernelsConfig.cmake
  INSTALL_DESTINATION ${NK_SDK_CMAKE_FOLDER})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/sdk/nextgen_kernelsConfigVersion.cmake
  COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
# Found beside the file itself, so that the tree can be moved.
string(REGEX REPLACE "[^/]+" ".." NK_PC_TO_PREFIX "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
set(PREFIX_OF_PC "\${pcfiledir}/${NK_PC_TO_PREFIX}")
configure_file(cmake/sdk/nextgen_kernels.pc.in ${CMAKE_BINARY_DIR}/sdk/nextgen_kernels.pc @ONLY)

install(DIRECTORY include/nextgen_kernels DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk FILES_MATCHING PATTERN "*.h")
install(TARGETS nextgen_kernels_sdk EXPORT nextgen_kernelsTargets COMPONENT sdk)
install(EXPORT nextgen_kernelsTargets NAMESPACE nextgen_kernels:: DESTINATION ${NK_SDK_CMAKE_FOLDER} COMPONENT sdk)
install(FILES ${CMAKE_BINARY_DIR}/sdk/nextgen_kernelsConfig.cmake ${CMAKE_BINARY_DIR}/sdk/nextgen_kernelsConfigVersion.cmake
  DESTINATION ${NK_SDK_CMAKE_FOLDER} COMPONENT sdk)
install(FILES ${CMAKE_BINARY_DIR}/sdk/nextgen_kernels.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT sdk)
install(TARGETS nextgen-kernels RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT server)
