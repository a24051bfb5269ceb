# What cmake --install puts below the prefix: component "sdk" (headers, CMake package, pkg-config file), which needs
# nothing built, component "registry" (the registry as a library, with its headers, for programs that embed it), and
# component "server".
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
configure_file(cmake/sdk/nextgen_kernels_registry.pc.in ${CMAKE_BINARY_DIR}/sdk/nextgen_kernels_registry.pc @ONLY)

install(DIRECTORY include/nextgen_kernels DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk FILES_MATCHING PATTERN "*.h")
install(TARGETS nextgen_kernels_sdk EXPORT nextgen_kernelsTargets COMPONENT sdk)
install(EXPORT nextgen_kernelsTargets NAMESPACE nextgen_kernels:: DESTINATION ${NK_SDK_CMAKE_FOLDER} COMPONENT sdk)
foreach(component sdk registry)  # Each is of use without the other.
  install(FILES ${CMAKE_BINARY_DIR}/sdk/nextgen_kernelsConfig.cmake ${CMAKE_BINARY_DIR}/sdk/nextgen_kernelsConfigVersion.cmake
    DESTINATION ${NK_SDK_CMAKE_FOLDER} COMPONENT ${component})
endforeach()
install(FILES ${CMAKE_BINARY_DIR}/sdk/nextgen_kernels.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT sdk)
install(TARGETS nextgen-kernels RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT server)

# libnextgen_kernels: the registry and what it stands on.
add_library(nextgen_kernels_registry SHARED $<TARGET_OBJECTS:nk_base> $<TARGET_OBJECTS:nk_registry>)
set_target_properties(nextgen_kernels_registry PROPERTIES OUTPUT_NAME nextgen_kernels EXPORT_NAME registry LINKER_LANGUAGE CXX
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
target_include_directories(nextgen_kernels_registry INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(nextgen_kernels_registry INTERFACE cxx_std_23)
target_link_libraries(nextgen_kernels_registry PUBLIC fmt::fmt PRIVATE nk_options spdlog::spdlog)

# Its headers stand in nextgen_kernels/base/ and nextgen_kernels/registry/ and include each other by these names.
set(NK_REGISTRY_HEADERS
  base/error.h base/log.h base/strings.h registry/class_declaration.h registry/class_makers.h registry/class_reference.h
  registry/class_table.h registry/class_traits.h registry/connection_contract.h registry/entry_point.h
  registry/kernel_client_registry.h registry/kernel_provisioner_factory.h registry/mapping.h registry/registry_event.h
  registry/registry_problem.h registry/resolution.h registry/snapshot_cell.h registry/version.h)
install(CODE "
  set(NK_SOURCES \"${CMAKE_SOURCE_DIR}/src\")
  set(NK_HEADERS \"${NK_REGISTRY_HEADERS}\")
  set(NK_DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}/nextgen_kernels\")
  include(\"${CMAKE_SOURCE_DIR}/cmake/install_headers.cmake\")
" COMPONENT registry)
install(TARGETS nextgen_kernels_registry EXPORT nextgen_kernelsRegistryTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  COMPONENT registry NAMELINK_COMPONENT registry)
install(EXPORT nextgen_kernelsRegistryTargets NAMESPACE nextgen_kernels:: DESTINATION ${NK_SDK_CMAKE_FOLDER} COMPONENT registry)
install(FILES ${CMAKE_BINARY_DIR}/sdk/nextgen_kernels_registry.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT registry)
