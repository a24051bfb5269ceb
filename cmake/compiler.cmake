# The compiler and the flags every target of this project is built with.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "nextgen-kernels cannot be built with GCC ${CMAKE_CXX_COMPILER_VERSION}: it destroys temporaries twice in "
    "co_await expressions (a capturing lambda or an aggregate as an argument), which corrupts memory.\n"
    "Use clang 19 or later: apt install clang-19, then configure with -DCMAKE_CXX_COMPILER=clang++-19 "
    "(the presets and `make` do this).")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR
    "nextgen-kernels needs clang 19 or later, this is clang ${CMAKE_CXX_COMPILER_VERSION}.\n"
    "Install clang-19 and configure with -DCMAKE_CXX_COMPILER=clang++-19.")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

option(NK_WARNINGS_AS_ERRORS "Fail on a compiler warning" OFF)
option(NK_BUILD_FUZZERS "Build the libFuzzer targets in fuzz/" OFF)
option(NK_BUILD_BENCHMARKS "Build benchmarks/" OFF)
set(NK_SANITIZERS "" CACHE STRING "Value for -fsanitize=, e.g. address,undefined")
include(CTest)

add_library(nk_options INTERFACE)
target_compile_options(nk_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  $<$<BOOL:${NK_WARNINGS_AS_ERRORS}>:-Werror>)
target_include_directories(nk_options INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
if(NK_SANITIZERS)
  target_compile_options(nk_options INTERFACE -fsanitize=${NK_SANITIZERS} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(nk_options INTERFACE -fsanitize=${NK_SANITIZERS})
endif()
if(NK_BUILD_FUZZERS)
  target_compile_options(nk_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  find_program(NK_LLD NAMES ld.lld-19 ld.lld)
  if(NK_LLD)
    target_link_options(nk_options INTERFACE --ld-path=${NK_LLD})
  endif()
endif()
find_program(NK_CCACHE ccache)
if(NK_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${NK_CCACHE})
endif()
