#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "synthetic_kernel/command.h"
#include "synthetic_kernel/connection_file.h"
#include "synthetic_kernel/message.h"
#include "synthetic_kernel/message_signer.h"
#include "synthetic_kernel/stream_messages.h"
#include "synthetic_kernel/zmq_socket.h"

namespace nextgen_kernels::synthetic {

/// What a kernel does wrong on purpose.
struct KernelOptions {
  /// Listens, and answers nothing but the heartbeat.
  enum class Answers { all, none };
  /// Whether pings come back.
  enum class Heartbeat { echo, ignore };
  /// Whether shutdown_request and SIGTERM end it; `ignore` leaves SIGKILL.
  enum class Shutdown { obey, ignore };
  /// Whether SIGINT and interrupt_request end what runs.
  enum class Interrupt { obey, ignore };
  /// Whether iopub greets subscribers (`iopub_welcome`, protocol 5.5), or is that of protocol 5.3.
  enum class IopubWelcome { send, omit };
  /// `late` binds stdin only once the first request on shell is answered.
  enum class StdinBinding { at_once, late };
  /// `omit` publishes no status.
  enum class Status { publish, omit };

  Answers answers = Answers::all;
  Heartbeat heartbeat = Heartbeat::echo;
  Shutdown shutdown = Shutdown::obey;
  Interrupt interrupt = Interrupt::obey;
  IopubWelcome iopub_welcome = IopubWelcome::send;
  StdinBinding stdin_binding = StdinBinding::at_once;
  Status status = Status::publish;
  /// A file that gets a line for each signal, interrupt_request and shutdown_request; empty: none.
  std::string end_log;
};

/// A Jupyter kernel whose language is the commands of command.h. One thread, which also answers control and
/// heartbeat messages in the middle of a long command. It ends by a shutdown_request, by SIGTERM, or when the
/// process that started it is gone; SIGINT and interrupt_request end the running command with
/// KeyboardInterrupt.
class SyntheticKernel {
 public:
  /// Binds all five sockets; throws when one cannot be bound. Takes SIGINT and SIGTERM for the whole process.
  SyntheticKernel(const ConnectionFile& connection, KernelOptions options);
  ~SyntheticKernel();

  /// Serves until told to end.
  void run();

 private:
  using Clock = std::chrono::steady_clock;

  struct Flooding {
    StreamMessages messages;
    std::uint64_t count;
    std::uint64_t sent = 0;
    std::optional<std::uint64_t> per_second;
    Clock::time_point start;
  };
  struct Sleeping {
    Clock::time_point end;
  };
  struct AwaitingInput {};

  /// The execute_request that is not answered yet.
  struct Execution {
    enum class Reply { send, lose };

    ReceivedMessage request;
    std::variant<Flooding, Sleeping, AwaitingInput> progress;
    Reply reply = Reply::send;
  };

  std::chrono::milliseconds time_to_next_step() const;
  void serve_ready_sockets(std::chrono::milliseconds timeout);
  void handle_signals();
  void welcome_subscribers();
  void echo_heartbeats();
  void serve_requests(ZmqSocket& socket);
  void serve_input_replies();

  void handle_request(ZmqSocket& socket, ReceivedMessage request);
  void execute(ReceivedMessage request);
  void begin(ReceivedMessage request, Command command);
  void advance_execution();
  void advance(Flooding& flooding);
  void finish_execution();
  void interrupt_execution();

  void reply(ZmqSocket& socket, const ReceivedMessage& request, std::string_view message_type,
             std::string content);
  void reply_ok(const ReceivedMessage& request);
  void reply_error(const ReceivedMessage& request, std::string_view name, std::string_view value);
  void publish_now(const ReceivedMessage& request, std::string_view message_type, std::string content);
  void publish_status(const ReceivedMessage& request, std::string_view state);
  void log_end(std::string_view what) const;
  void print(const ReceivedMessage& request, std::string_view text);
  void publish_buffers(const ReceivedMessage& request, const BuffersCommand& buffers);
  void publish_wrongly_signed(const ReceivedMessage& request, std::uint64_t count);
  void publish_short_messages(const ReceivedMessage& request, std::uint64_t count);
  MessageParts make_parts(std::string_view message_type, std::string parent_header, std::string content);

  KernelOptions options_;
  MessageSigner signer_;
  ZmqContext context_;
  ZmqSocket shell_;
  ZmqSocket control_;
  ZmqSocket stdin_;
  std::optional<std::string> stdin_endpoint_to_bind_;
  ZmqSocket iopub_;
  ZmqSocket heartbeat_;
  int signals_;  ///< A signalfd.
  int parent_;   ///< A pidfd of the process that started it.
  std::string session_;
  std::uint64_t next_message_ = 0;
  std::uint64_t execution_count_ = 0;
  std::optional<Execution> execution_;
  bool running_ = true;
};

}  // namespace nextgen_kernels::synthetic
