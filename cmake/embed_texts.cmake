# Writes a C++ source that holds text files: cmake -DOUTPUT=… -DDIRECTORY=… -DFILES="a;b" -DHEADER=… -DFUNCTION=… -P embed_texts.cmake
# FUNCTION, declared in HEADER, returns the text of a file by its name, or nothing.
set(entries "")
foreach(file IN LISTS FILES)
  file(READ ${DIRECTORY}/${file} text)
  string(APPEND entries "    {\"${file}\", R\"~~~(${text})~~~\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Made by cmake/embed_texts.cmake.
#include \"${HEADER}\"

#include <algorithm>
#include <array>
#include <utility>

namespace nextgen_kernels {
namespace {

constexpr auto texts = std::to_array<std::pair<std::string_view, std::string_view>>({
${entries}});

}  // namespace

std::string_view ${FUNCTION}(std::string_view name) {
  const auto* const text = std::ranges::find(texts, name, &std::pair<std::string_view, std::string_view>::first);
  return text == texts.end() ? std::string_view() : text->second;
}

}  // namespace nextgen_kernels
")
