# Installs headers of src/ as nextgen_kernels/FOLDER/NAME.h: what they include by "FOLDER/NAME.h" is named like that, too.
# Included by the install script with NK_SOURCES, NK_HEADERS and NK_DESTINATION.
foreach(header IN LISTS NK_HEADERS)
  file(READ ${NK_SOURCES}/${header} text)
  string(REGEX REPLACE "#include \"([a-z_]+/[a-z_]+\\.h)\"" "#include <nextgen_kernels/\\1>" text "${text}")
  set(target ${NK_DESTINATION}/${header})
  message(STATUS "Installing: $ENV{DESTDIR}${target}")
  file(WRITE $ENV{DESTDIR}${target} "${text}")
  list(APPEND CMAKE_INSTALL_MANIFEST_FILES ${target})
endforeach()
