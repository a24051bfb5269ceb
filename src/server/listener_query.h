#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "journal/frame_account.h"
#include "journal/message_filter.h"
#include "server/http_message.h"

namespace nextgen_kernels {

/// A frame of one connection, as a client names it: `JOURNAL-STREAM:FRAME`.
struct ResumePoint {
  std::string journal_id;
  std::uint64_t stream = 0;
  FrameNumber frame = 0;
};

/// What of the past a client asks for when it connects.
struct ReplayRequest {
  enum class Kind { nothing, running, all, since };
  Kind kind = Kind::nothing;
  MessageNumber since = 0;
};

/// What a client says of itself and its wishes in the query of its WebSocket's URL.
struct ListenerQuery {
  std::string session_id;  ///< Empty: it named none.
  std::optional<ResumePoint> resume_from;
  ReplayRequest replay;
  std::optional<MessageFilter> filter;

  /// Fails with ErrorCode::invalid_argument, naming the parameter.
  static Result<ListenerQuery> parse(const HttpRequest& request);
};

/// `ID` of `ID:N` for a connection, and the reverse of the whole.
std::string stream_id(std::string_view journal_id, std::uint64_t stream);
Result<ResumePoint> parse_resume_point(std::string_view text);

/// `running`, `all` or `since=N`.
Result<ReplayRequest> parse_replay(std::string_view text);

/// Fails with ErrorCode::invalid_argument when one of these parameters is given more than once.
Result<void> check_given_once(const HttpRequest& request, std::initializer_list<std::string_view> names);

/// A decimal number and nothing else.
std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace nextgen_kernels
