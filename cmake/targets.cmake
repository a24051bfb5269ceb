# nk_library(NAME SOURCES a.cpp ... [PUBLIC target ...] [PRIVATE target ...])
# A static library of one source folder.
function(nk_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC nk_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# nk_test(NAME SOURCES a_test.cpp ... LIBRARIES target ...)
# A GoogleTest program; every test of it is a ctest test.
function(nk_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 120)
endfunction()
