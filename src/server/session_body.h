#pragma once

#include "base/error.h"
#include "server/http_message.h"
#include "server/session_manager.h"

namespace nextgen_kernels {

/// The body of POST and PATCH of `/api/sessions`. A `notebook` member, which old clients send instead of path
/// and type, is translated. `invalid_argument` names the field that is wrong.
Result<SessionChanges> parse_session_body(const HttpRequest& request);

}  // namespace nextgen_kernels
