#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "runtime/task.h"

namespace nextgen_kernels {

/// Where a handler writes the body of a response whose end is not known yet (`HttpResponse::stream`), piece
/// by piece. Owned by the connection and by the handler's coroutine; on the server's executor.
///
/// The client sets the pace: `write` ends when its side has taken the piece, so who writes one after the
/// other holds no more than one piece in memory.
class HttpBodyWriter {
 public:
  virtual ~HttpBodyWriter() = default;

  /// Fails with `unavailable` when the client is gone, or has taken nothing for `HttpLimits::stream_timeout`.
  virtual Task<Result<void>> write(std::string piece) = 0;

  /// True once the client has closed its connection.
  bool client_is_gone() const { return client_is_gone_; }

  /// Called once, when that happens; not when a `write` fails.
  std::function<void()> on_client_gone;

 protected:
  bool client_is_gone_ = false;
};

/// Writes a body; ends when it is complete.
using HttpBodyStream = std::move_only_function<Task<void>(std::shared_ptr<HttpBodyWriter> writer)>;

}  // namespace nextgen_kernels
