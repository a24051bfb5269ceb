#pragma once

#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <nlohmann/json.hpp>

#include "app/server_url.h"
#include "base/error.h"
#include "runtime/task.h"
#include "wire/message.h"
#include "wire/outgoing_message.h"

namespace nextgen_kernels {

/// A client of a Jupyter server, ours or another: its REST API, and the WebSocket of one kernel. On one
/// executor.
class JupyterConnection {
 public:
  JupyterConnection(Executor executor, ServerUrl url);

  /// One request; the body of the answer, null when it is empty. Statuses from 400 on are errors with what
  /// the server says.
  Task<Result<nlohmann::json>> request(std::string method, std::string path, nlohmann::json body);

  /// Opens the channels of a kernel, as the client session `session`.
  Task<Result<void>> open_channels(std::string kernel_id, std::string session);

  Task<Result<void>> send(const OutgoingMessage& message);
  Task<Result<Message::Pointer>> receive();

 private:
  Task<Result<void>> connect(boost::beast::tcp_stream& stream);
  std::string host_header() const;

  Executor executor_;
  ServerUrl url_;
  boost::beast::websocket::stream<boost::beast::tcp_stream> channels_;
  boost::beast::flat_buffer received_;
};

}  // namespace nextgen_kernels
