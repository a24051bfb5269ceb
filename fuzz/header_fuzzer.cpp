#include <string>

#include <nlohmann/json.hpp>

#include "fuzzing.h"
#include "wire/header.h"
#include "wire/json.h"
#include "wire/json_repair.h"

using namespace nextgen_kernels;

namespace {

void check_field(const nlohmann::json& object, const char* name, std::string_view scanned) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_string()) {
    require(scanned.empty());
  } else {
    require(member->get_ref<const std::string&>() == scanned);
  }
}

}  // namespace

// A header that is scanned has the fields that an independent parser finds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text(data, size);
  const auto header = scan_header(text);
  if (header && !is_valid_json(text)) require(repair_json(text).verdict == JsonVerdict::repaired);
  const auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (!header || parsed.is_discarded() || !is_valid_json(text)) return 0;
  require(parsed.is_object());
  check_field(parsed, "msg_id", header->msg_id);
  check_field(parsed, "msg_type", header->msg_type);
  check_field(parsed, "session", header->session);
  check_field(parsed, "username", header->username);
  check_field(parsed, "subshell_id", header->subshell_id);
  return 0;
}
