#pragma once

#include <string>

#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <nlohmann/json.hpp>

#include "app/server_url.h"
#include "base/error.h"
#include "runtime/task.h"
#include "runtime/task_group.h"
#include "server/http_message.h"
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

  Task<Result<void>> send(OutgoingMessage message);
  Task<Result<Message::Pointer>> receive();

 private:
  using Stream = boost::beast::basic_stream<asio::generic::stream_protocol>;

  Task<Result<ClientSocket>> connect();
  Task<Result<ClientSocket>> connect_tcp();
  std::string host_header() const;
  std::string shown_url() const;

  Executor executor_;
  ServerUrl url_;
  std::optional<boost::beast::websocket::stream<Stream>> channels_;  // Set by open_channels.
  boost::beast::flat_buffer received_;
  TaskGroup tunnels_;
};

}  // namespace nextgen_kernels
