#include <array>
#include <string>

#include "fuzzing.h"
#include "journal/message_filter.h"

using namespace nextgen_kernels;

// What a list includes, the same list excludes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto message = [] {
    const std::array<std::string_view, 4> parts = {R"({"msg_id":"1","msg_type":"stream"})", "{}", "{}", "{}"};
    return Message::make(Channel::iopub, parts, {}).value();
  }();
  const auto text = as_text(data, size);
  const auto include = MessageFilter::parse(text, std::nullopt);
  const auto exclude = MessageFilter::parse(std::nullopt, text);
  require(include.has_value() == exclude.has_value());
  if (include) require((*include)->selects(*message) != (*exclude)->selects(*message));
  require(!MessageFilter::parse(text, text));
  return 0;
}
