# Writes a C++ source that holds the files of web/: cmake -DOUTPUT=… -DDIRECTORY=… -DFILES="a;b" -P embed_files.cmake
set(arrays "")
set(entries "")
foreach(file IN LISTS FILES)
  file(READ ${DIRECTORY}/${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(MAKE_C_IDENTIFIER ${file} name)
  get_filename_component(extension ${file} LAST_EXT)
  if(extension STREQUAL ".html")
    set(type "text/html; charset=utf-8")
  elseif(extension STREQUAL ".css")
    set(type "text/css; charset=utf-8")
  elseif(extension STREQUAL ".js")
    set(type "text/javascript; charset=utf-8")
  elseif(extension STREQUAL ".svg")
    set(type "image/svg+xml")
  else()
    message(FATAL_ERROR "embed_files.cmake: no content type is known for ${file}")
  endif()
  string(APPEND arrays "constexpr char ${name}[] = {${bytes}'\\0'};\n")
  string(APPEND entries "    {\"${file}\", \"${type}\", {${name}, sizeof(${name}) - 1}},\n")
endforeach()
file(WRITE ${OUTPUT} "// Made from web/ by cmake/embed_files.cmake.
#include \"server/web_assets.h\"

#include <algorithm>
#include <array>

namespace nextgen_kernels {
namespace {

${arrays}
constexpr auto assets = std::to_array<WebAsset>({
${entries}});

}  // namespace

const WebAsset* find_web_asset(std::string_view name) {
  const auto asset = std::ranges::find(assets, name, &WebAsset::name);
  return asset == assets.end() ? nullptr : &*asset;
}

}  // namespace nextgen_kernels
")
