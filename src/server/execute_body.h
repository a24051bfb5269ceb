#pragma once

#include "base/error.h"
#include "kernels/execution.h"
#include "server/http_message.h"

namespace nextgen_kernels {

/// What becomes of the code when the client that waits for its outputs leaves.
enum class OnDisconnect { go_on, cancel };

struct ExecuteBody {
  ExecutionRequest request;
  OnDisconnect on_disconnect = OnDisconnect::go_on;
};

/// The body of `POST /api/nextgen/kernels/{id}/execute`. `invalid_argument` names the field that is wrong, or
/// unknown.
Result<ExecuteBody> parse_execute_body(const HttpRequest& request);

}  // namespace nextgen_kernels
