#include "wire/header.h"

#include <chrono>
#include <cstring>

#include <fmt/format.h>

#include "base/random.h"
#include "base/timestamp.h"
#include "wire/json.h"
#include "wire/json_repair.h"

namespace nextgen_kernels {
namespace {

/// Fills a header from the members of its JSON object.
class HeaderScan {
 public:
  explicit HeaderScan(std::size_t text_size) : text_size_(text_size) {}

  void operator()(const JsonMember& member) {
    if (member.key == "msg_id") {
      header_.has_msg_id = assign(header_.msg_id, member);
    } else if (member.key == "msg_type") {
      header_.has_msg_type = assign(header_.msg_type, member);
    } else if (member.key == "session") {
      header_.has_session = assign(header_.session, member);
    } else if (member.key == "username") {
      header_.has_username = assign(header_.username, member);
    } else if (member.key == "subshell_id") {
      assign(header_.subshell_id, member);
    } else if (member.key == "version") {
      header_.has_version = member.string.has_value();
    } else if (member.key == "date") {
      header_.has_date = member.string.has_value();
    }
  }

  Header take() {
    header_.storage = std::move(storage_);
    return std::move(header_);
  }

 private:
  bool assign(std::string_view& field, const JsonMember& member) {
    field = {};
    if (!member.string) return false;
    field = member.escaped ? keep(*member.string) : *member.string;
    return true;
  }

  /// Decoded strings together are never longer than the text they come from.
  std::string_view keep(std::string_view decoded) {
    if (!storage_) storage_ = std::make_shared_for_overwrite<char[]>(text_size_);
    char* const to = storage_.get() + used_;
    std::memcpy(to, decoded.data(), decoded.size());
    used_ += decoded.size();
    return {to, decoded.size()};
  }

  Header header_;
  std::size_t text_size_;
  std::shared_ptr<char[]> storage_;
  std::size_t used_ = 0;
};

/// Scans a repaired text; the views that point into it are moved to storage that lives with the header.
Result<Header> scan_repaired(const std::string& text) {
  HeaderScan scan(text.size());
  auto visited = for_each_member(text, [&scan](JsonMember member) {
    member.escaped = true;
    scan(member);
  });
  if (!visited) return std::unexpected(std::move(visited.error()));
  return scan.take();
}

}  // namespace

Result<Header> scan_header(std::string_view json) {
  if (json == "{}") return Header{};
  HeaderScan scan(json.size());
  auto visited = for_each_member(json, scan);
  if (visited) return scan.take();
  const auto repair = repair_json(json);
  if (repair.verdict == JsonVerdict::repaired) return scan_repaired(repair.text);
  return std::unexpected(std::move(visited.error()));
}

std::string make_header_json(std::string_view msg_type, std::string_view session) {
  return fmt::format(
      R"({{"msg_id": "{}", "msg_type": {}, "username": "nextgen-kernels", "session": {}, "date": "{}", "version": "{}"}})",
      random_uuid(), quote_json(msg_type), quote_json(session),
      format_timestamp(std::chrono::system_clock::now()), protocol_version);
}

}  // namespace nextgen_kernels
