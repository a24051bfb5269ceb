#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nextgen_kernels {

/// The version of the Jupyter messaging protocol that our own messages state; what jupyter_client states,
/// too.
inline constexpr std::string_view protocol_version = "5.4";

/// The fields of a message header (Jupyter messaging, "Message header") that routing needs. A field that is
/// absent or not a string is empty; the `has_` flags tell an absent one from "".
///
/// The fields are views into the scanned text, which must outlive the header; only what had escapes is
/// decoded into storage of the header's own. Copying and moving are cheap and keep every view valid.
struct Header {
  std::string_view msg_id;
  std::string_view msg_type;
  std::string_view session;
  std::string_view username;
  std::string_view subshell_id;  ///< Empty for the main shell (null or absent).
  bool has_msg_id = false;
  bool has_msg_type = false;
  bool has_session = false;
  bool has_username = false;
  bool has_version = false;
  bool has_date = false;
  std::shared_ptr<const char[]> storage;
};

/// Scans a header or parent_header without allocating, unless a field has escapes. The empty object gives an
/// empty header. What kernels get wrong and Jupyter Client tolerates (a Latin-1 user name) is tolerated here;
/// any other text that is not a JSON object is ErrorCode::protocol. Of duplicate fields the last one counts,
/// as in Python and JavaScript.
Result<Header> scan_header(std::string_view json);

/// The JSON of a new header: a fresh msg_id, the current date, our user name and protocol version.
/// `msg_type`, `session` and `subshell_id` (empty for the main shell, JEP 91) must be valid UTF-8.
std::string make_header_json(std::string_view msg_type, std::string_view session,
                             std::string_view subshell_id = {});

}  // namespace nextgen_kernels
