# Third-party libraries, all from the distribution; docs/dependencies.md says why each is here.

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libargon2 REQUIRED IMPORTED_TARGET libargon2)
find_package(SQLite3 REQUIRED)

# Asio and Beast are compiled once, in src/runtime/asio_impl.cpp.
add_library(nk_asio INTERFACE)
target_link_libraries(nk_asio INTERFACE Boost::headers OpenSSL::SSL Threads::Threads)
target_compile_definitions(nk_asio INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_HAS_STD_INVOKE_RESULT)

if(BUILD_TESTING)
  find_package(GTest REQUIRED)
endif()
if(BUILD_TESTING OR NK_BUILD_BENCHMARKS)
  find_package(CLI11 REQUIRED)
  pkg_check_modules(libzmq REQUIRED IMPORTED_TARGET libzmq)
endif()
if(NK_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
