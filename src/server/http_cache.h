#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "server/http_message.h"

namespace nextgen_kernels {

/// A time in the form of HTTP's headers (RFC 9110 §5.6.7).
std::string format_http_date(std::time_t time);

/// An entity tag for a body.
std::string make_entity_tag(std::string_view body);

/// The response, or 304 without its body when its ETag or Last-Modified shows that the client has it already
/// (RFC 9110 §13).
HttpResponse revalidate(const HttpRequest& request, HttpResponse response);

}  // namespace nextgen_kernels
