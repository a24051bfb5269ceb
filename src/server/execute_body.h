#pragma once

#include <string_view>

#include "base/error.h"
#include "kernels/execution.h"

namespace nextgen_kernels {

/// What becomes of the code when the client that waits for its outputs leaves.
enum class OnDisconnect { go_on, cancel };

struct ExecuteBody {
  ExecutionRequest request;
  OnDisconnect on_disconnect = OnDisconnect::go_on;
};

/// The body of `POST /api/nextgen/kernels/{id}/execute`. `invalid_argument` names the field that is wrong, or
/// unknown. Takes no more memory than its texts, whatever is in it; for any thread.
Result<ExecuteBody> parse_execute_body(std::string_view body);

}  // namespace nextgen_kernels
