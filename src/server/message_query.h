#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/error.h"
#include "journal/journal.h"
#include "journal/message_filter.h"
#include "server/http_message.h"
#include "wire/channel.h"

namespace nextgen_kernels {

/// Which messages `GET /api/nextgen/kernels/{id}/messages` asks for.
struct MessageQuery {
  static constexpr std::size_t default_limit = 1000;
  static constexpr std::size_t largest_limit = 10'000;

  /// `invalid_argument` names the parameter that is wrong.
  static Result<MessageQuery> parse(const HttpRequest& request);

  std::optional<MessageNumber> since;
  std::size_t limit = default_limit;
  std::optional<std::string> parent;
  std::optional<std::string> cell;
  std::optional<Channel> channel;
  std::optional<MessageFilter> filter;
};

}  // namespace nextgen_kernels
