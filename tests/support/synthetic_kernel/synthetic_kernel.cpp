#include "synthetic_kernel/synthetic_kernel.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zmq.h>

#include "base/random.h"

namespace nextgen_kernels::synthetic {
namespace {

using nlohmann::json;

/// How many messages of a flood go out between two looks at the sockets.
constexpr std::uint64_t flood_batch = 1024;

/// An idle kernel sleeps until somebody wants something of it.
constexpr std::chrono::milliseconds no_limit{-1};

int take_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  const int descriptor = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (descriptor < 0) throw std::runtime_error("signalfd failed");
  return descriptor;
}

/// By its end this kernel ends too, unless it is told not to (JPY_PARENT_PID=1, as ipykernel has it): then
/// -1, which is polled for nothing.
int open_parent() {
  const char* told = std::getenv("JPY_PARENT_PID");
  if (told != nullptr && std::string_view(told) == "1") return -1;
  const auto parent = static_cast<int>(syscall(SYS_pidfd_open, getppid(), 0));
  if (parent < 0) throw std::runtime_error("pidfd_open of the parent failed");
  return parent;
}

std::string kernel_info(KernelOptions::IopubWelcome iopub_welcome) {
  const json content{{"status", "ok"},
                     {"protocol_version", iopub_welcome == KernelOptions::IopubWelcome::send ? "5.5" : "5.3"},
                     {"implementation", "synthetic"},
                     {"implementation_version", "1.0"},
                     {"language_info",
                      {{"name", "synthetic"},
                       {"version", "1.0"},
                       {"mimetype", "text/plain"},
                       {"file_extension", ".txt"},
                       {"pygments_lexer", "text"},
                       {"codemirror_mode", "text/plain"}}},
                     {"banner", "Synthetic kernel for tests and benchmarks"},
                     {"supported_features", json::array()},
                     {"help_links", json::array()}};
  return content.dump();
}

/// What the kernel needs of an execute_request's content.
struct ExecuteContent {
  std::string code;
  bool silent = false;
};

Result<ExecuteContent> parse_execute_content(std::string_view text) {
  const auto content = json::parse(text, nullptr, false);
  if (!content.is_object() || !content.contains("code") || !content["code"].is_string())
    return make_error(ErrorCode::protocol, "an execute_request has no code");
  const auto silent = content.find("silent");
  return ExecuteContent{.code = content["code"],
                        .silent = silent != content.end() && silent->is_boolean() && silent->get<bool>()};
}

std::optional<std::string> parse_input_value(std::string_view text) {
  const auto content = json::parse(text, nullptr, false);
  if (!content.is_object() || !content.contains("value") || !content["value"].is_string())
    return std::nullopt;
  return content["value"].get<std::string>();
}

void complain(std::string_view what) {
  std::fprintf(stderr, "synthetic kernel: %.*s\n", static_cast<int>(what.size()), what.data());
}

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

}  // namespace

SyntheticKernel::SyntheticKernel(const ConnectionFile& connection, KernelOptions options)
    : options_(std::move(options)),
      signer_(connection.key),
      shell_(context_, ZMQ_ROUTER),
      control_(context_, ZMQ_ROUTER),
      stdin_(context_, ZMQ_ROUTER),
      iopub_(context_, ZMQ_XPUB),
      heartbeat_(context_, ZMQ_ROUTER),
      signals_(take_signals()),
      parent_(open_parent()),
      session_(random_uuid()) {
  iopub_.set(ZMQ_XPUB_VERBOSE, 1);
  for (ZmqSocket* socket : {&shell_, &control_, &stdin_}) socket->set(ZMQ_ROUTER_HANDOVER, 1);
  shell_.bind(connection.endpoint(connection.shell_port));
  control_.bind(connection.endpoint(connection.control_port));
  if (options_.stdin_binding == KernelOptions::StdinBinding::late)
    stdin_endpoint_to_bind_ = connection.endpoint(connection.stdin_port);
  else
    stdin_.bind(connection.endpoint(connection.stdin_port));
  iopub_.bind(connection.endpoint(connection.iopub_port));
  heartbeat_.bind(connection.endpoint(connection.hb_port));
}

SyntheticKernel::~SyntheticKernel() {
  if (parent_ >= 0) close(parent_);
  close(signals_);
}

void SyntheticKernel::run() {
  while (running_) {
    serve_ready_sockets(time_to_next_step());
    advance_execution();
  }
}

std::chrono::milliseconds SyntheticKernel::time_to_next_step() const {
  if (!execution_) return no_limit;
  const auto due = std::visit(
      Overloaded{[](const Flooding& flooding) {
                   if (!flooding.per_second) return Clock::time_point::min();
                   return flooding.start +
                          std::chrono::nanoseconds(flooding.sent * 1'000'000'000 / *flooding.per_second);
                 },
                 [](const Sleeping& sleeping) { return sleeping.end; },
                 [](const AwaitingInput&) { return Clock::time_point::max(); }},
      execution_->progress);
  const auto now = Clock::now();
  if (due <= now) return std::chrono::milliseconds::zero();
  if (due == Clock::time_point::max()) return no_limit;
  return std::chrono::ceil<std::chrono::milliseconds>(due - now);
}

void SyntheticKernel::serve_ready_sockets(std::chrono::milliseconds timeout) {
  const bool answering = options_.answers == KernelOptions::Answers::all;
  const short requests = answering ? ZMQ_POLLIN : 0;
  const short shell_requests = answering && !execution_ ? ZMQ_POLLIN : 0;
  std::array<zmq_pollitem_t, 7> items{{{nullptr, signals_, ZMQ_POLLIN, 0},
                                       {heartbeat_.handle(), 0, ZMQ_POLLIN, 0},
                                       {iopub_.handle(), 0, ZMQ_POLLIN, 0},
                                       {control_.handle(), 0, requests, 0},
                                       {stdin_.handle(), 0, requests, 0},
                                       {shell_.handle(), 0, shell_requests, 0},
                                       {nullptr, parent_, ZMQ_POLLIN, 0}}};
  if (zmq_poll(items.data(), static_cast<int>(items.size()), timeout.count()) < 0 && zmq_errno() != EINTR)
    throw std::runtime_error(std::string("zmq_poll: ") + zmq_strerror(zmq_errno()));
  const auto ready = [&](std::size_t index) { return (items[index].revents & ZMQ_POLLIN) != 0; };
  if (ready(6)) running_ = false;
  if (ready(0)) handle_signals();
  if (ready(1)) echo_heartbeats();
  if (ready(2)) welcome_subscribers();
  if (ready(3)) serve_requests(control_);
  if (ready(4)) serve_input_replies();
  if (ready(5)) serve_requests(shell_);
}

void SyntheticKernel::handle_signals() {
  signalfd_siginfo signal{};
  while (read(signals_, &signal, sizeof signal) == sizeof signal) {
    log_end(signal.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
    if (signal.ssi_signo == SIGINT)
      interrupt_execution();
    else if (options_.shutdown == KernelOptions::Shutdown::obey)
      running_ = false;
  }
}

void SyntheticKernel::log_end(std::string_view what) const {
  if (!options_.end_log.empty()) std::ofstream(options_.end_log, std::ios::app) << what << '\n';
}

void SyntheticKernel::welcome_subscribers() {
  while (const auto frames = iopub_.try_receive()) {
    const auto& subscription = frames->front();
    const bool subscribes = !subscription.empty() && subscription[0] == '\x01';
    if (!subscribes || options_.iopub_welcome == KernelOptions::IopubWelcome::omit ||
        options_.answers == KernelOptions::Answers::none)
      continue;
    const auto topic = subscription.substr(1);
    const auto content = json{{"subscription", topic}}.dump(-1, ' ', false, json::error_handler_t::replace);
    publish(iopub_, topic, make_parts("iopub_welcome", "{}", content), signer_);
  }
}

void SyntheticKernel::echo_heartbeats() {
  while (const auto frames = heartbeat_.try_receive()) {
    if (options_.heartbeat == KernelOptions::Heartbeat::echo) heartbeat_.send(*frames);
  }
}

void SyntheticKernel::serve_requests(ZmqSocket& socket) {
  // A shell request that takes its time leaves the next ones waiting in the socket.
  const auto may_serve = [&] { return running_ && (&socket != &shell_ || !execution_); };
  while (may_serve()) {
    auto frames = socket.try_receive();
    if (!frames) return;
    auto request = parse_message(std::move(*frames), signer_);
    if (request)
      handle_request(socket, std::move(*request));
    else
      complain(request.error().message);
    if (stdin_endpoint_to_bind_) stdin_.bind(*std::exchange(stdin_endpoint_to_bind_, std::nullopt));
  }
}

void SyntheticKernel::serve_input_replies() {
  while (auto frames = stdin_.try_receive()) {
    const auto message = parse_message(std::move(*frames), signer_);
    if (!message) {
      complain(message.error().message);
      continue;
    }
    const auto value = parse_input_value(message->parts.content);
    if (message->message_type != "input_reply" || !value || !execution_ ||
        !std::holds_alternative<AwaitingInput>(execution_->progress)) {
      complain("an unexpected message on stdin");
      continue;
    }
    print(execution_->request, *value + "\n");
    finish_execution();
  }
}

void SyntheticKernel::handle_request(ZmqSocket& socket, ReceivedMessage request) {
  publish_status(request, "busy");
  if (request.message_type == "execute_request") {
    execute(std::move(request));
    return;
  }
  if (request.message_type == "kernel_info_request") {
    reply(socket, request, "kernel_info_reply", kernel_info(options_.iopub_welcome));
  } else if (request.message_type == "comm_info_request") {
    reply(socket, request, "comm_info_reply", R"({"status": "ok", "comms": {}})");
  } else if (request.message_type == "interrupt_request") {
    log_end(request.message_type);
    interrupt_execution();
    reply(socket, request, "interrupt_reply", R"({"status": "ok"})");
  } else if (request.message_type == "shutdown_request") {
    log_end(request.message_type);
    if (options_.shutdown == KernelOptions::Shutdown::obey) {
      const auto content = json::parse(request.parts.content, nullptr, false);
      const bool restart = content.is_object() && content.value("restart", json(false)) == json(true);
      reply(socket, request, "shutdown_reply", json{{"status", "ok"}, {"restart", restart}}.dump());
      running_ = false;
    }
  } else {
    complain("no answer to a message of type " + request.message_type);
  }
  publish_status(request, "idle");
}

void SyntheticKernel::execute(ReceivedMessage request) {
  const auto content = parse_execute_content(request.parts.content);
  if (!content) {
    complain(content.error().message);
    reply_error(request, "ProtocolError", content.error().message);
    return;
  }
  if (!content->silent) {
    ++execution_count_;
    publish_now(request, "execute_input",
                json{{"code", content->code}, {"execution_count", execution_count_}}.dump());
  }
  auto command = parse_command(content->code);
  if (command)
    begin(std::move(request), std::move(*command));
  else
    reply_error(request, "CommandError", command.error().message);
}

void SyntheticKernel::begin(ReceivedMessage request, Command command) {
  const auto run_until_done = [&](auto progress) {
    execution_.emplace(Execution{std::move(request), std::move(progress)});
  };
  std::visit(
      Overloaded{[&](const EchoCommand&) { reply_ok(request); },
                 [&](const PrintCommand& print_command) {
                   print(request, print_command.text + "\n");
                   reply_ok(request);
                 },
                 [&](const FloodCommand& flood) {
                   StreamMessages messages(session_, request.parts.header, flood.text_size);
                   run_until_done(Flooding{.messages = std::move(messages),
                                           .count = flood.count,
                                           .per_second = flood.per_second,
                                           .start = Clock::now()});
                 },
                 [&](const BuffersCommand& buffers) {
                   publish_buffers(request, buffers);
                   reply_ok(request);
                 },
                 [&](const SleepCommand& sleep) { run_until_done(Sleeping{Clock::now() + sleep.duration}); },
                 [&](const LoseReplyCommand& command) {
                   run_until_done(Sleeping{Clock::now() + command.duration});
                   execution_->reply = Execution::Reply::lose;
                 },
                 [&](const InputCommand& input) {
                   const json content{{"prompt", input.prompt}, {"password", false}};
                   reply(stdin_, request, "input_request", content.dump());
                   run_until_done(AwaitingInput{});
                 },
                 [&](const BadSignatureCommand& bad) {
                   publish_wrongly_signed(request, bad.count);
                   reply_ok(request);
                 },
                 [&](const ShortFramesCommand& bad) {
                   publish_short_messages(request, bad.count);
                   reply_ok(request);
                 },
                 [](const DieCommand& die) { std::_Exit(die.status); },
                 [&](const RaiseSignalCommand& signal) {
                   kill(getpid(), signal.number);
                   reply_ok(request);
                 }},
      command);
}

void SyntheticKernel::advance_execution() {
  if (!execution_) return;
  if (auto* flooding = std::get_if<Flooding>(&execution_->progress)) {
    advance(*flooding);
    if (flooding->sent == flooding->count) finish_execution();
  } else if (const auto* sleeping = std::get_if<Sleeping>(&execution_->progress)) {
    if (Clock::now() >= sleeping->end) finish_execution();
  }
}

void SyntheticKernel::advance(Flooding& flooding) {
  auto due = std::min(flooding.count, flooding.sent + flood_batch);
  if (flooding.per_second) {
    const std::chrono::duration<double> elapsed = Clock::now() - flooding.start;
    const auto by_now =
        static_cast<std::uint64_t>(elapsed.count() * static_cast<double>(*flooding.per_second)) + 1;
    due = std::min(due, by_now);
  }
  for (; flooding.sent < due; ++flooding.sent)
    publish(iopub_, "stream.stdout", flooding.messages.next(), signer_);
}

void SyntheticKernel::finish_execution() {
  const auto execution = std::exchange(execution_, std::nullopt);
  if (execution->reply == Execution::Reply::lose) return publish_status(execution->request, "idle");
  reply_ok(execution->request);
}

void SyntheticKernel::interrupt_execution() {
  if (!execution_ || options_.interrupt == KernelOptions::Interrupt::ignore) return;
  const auto execution = std::exchange(execution_, std::nullopt);
  if (execution->reply == Execution::Reply::lose) return publish_status(execution->request, "idle");
  reply_error(execution->request, "KeyboardInterrupt", "interrupted");
}

void SyntheticKernel::reply(ZmqSocket& socket, const ReceivedMessage& request, std::string_view message_type,
                            std::string content) {
  socket.send(encode_message(request.identities,
                             make_parts(message_type, request.parts.header, std::move(content)), signer_));
}

void SyntheticKernel::reply_ok(const ReceivedMessage& request) {
  const json content{{"status", "ok"},
                     {"execution_count", execution_count_},
                     {"payload", json::array()},
                     {"user_expressions", json::object()}};
  reply(shell_, request, "execute_reply", content.dump());
  publish_status(request, "idle");
}

void SyntheticKernel::reply_error(const ReceivedMessage& request, std::string_view name,
                                  std::string_view value) {
  json content{
      {"ename", name}, {"evalue", value}, {"traceback", json::array({fmt::format("{}: {}", name, value)})}};
  publish_now(request, "error", content.dump());
  content["status"] = "error";
  content["execution_count"] = execution_count_;
  reply(shell_, request, "execute_reply", content.dump());
  publish_status(request, "idle");
}

void SyntheticKernel::publish_now(const ReceivedMessage& request, std::string_view message_type,
                                  std::string content) {
  const auto topic = fmt::format("kernel.{}.{}", session_, message_type);
  publish(iopub_, topic, make_parts(message_type, request.parts.header, std::move(content)), signer_);
}

void SyntheticKernel::publish_status(const ReceivedMessage& request, std::string_view state) {
  if (options_.status == KernelOptions::Status::omit) return;
  publish_now(request, "status", fmt::format(R"({{"execution_state": "{}"}})", state));
}

void SyntheticKernel::print(const ReceivedMessage& request, std::string_view text) {
  publish_now(request, "stream", json{{"name", "stdout"}, {"text", text}}.dump());
}

void SyntheticKernel::publish_buffers(const ReceivedMessage& request, const BuffersCommand& buffers) {
  const auto parts = make_parts("comm_msg", request.parts.header, R"({"comm_id": "buffers", "data": {}})");
  auto frames = encode_message({"comm_msg"}, parts, signer_);
  frames.resize(frames.size() + buffers.count, std::string(buffers.size, 'x'));
  iopub_.send(frames);
}

void SyntheticKernel::publish_wrongly_signed(const ReceivedMessage& request, std::uint64_t count) {
  MessageSigner other_key("not the key of the connection file");
  StreamMessages messages(session_, request.parts.header, StreamMessages::min_text_size);
  for (std::uint64_t i = 0; i < count; ++i) publish(iopub_, "stream.stdout", messages.next(), other_key);
}

void SyntheticKernel::publish_short_messages(const ReceivedMessage& request, std::uint64_t count) {
  StreamMessages messages(session_, request.parts.header, StreamMessages::min_text_size);
  for (std::uint64_t i = 0; i < count; ++i) {
    auto frames = encode_message({"stream.stdout"}, messages.next(), signer_);
    frames.resize(4);
    iopub_.send(frames);
  }
}

MessageParts SyntheticKernel::make_parts(std::string_view message_type, std::string parent_header,
                                         std::string content) {
  const auto message_id = fmt::format("{}_{}", session_, next_message_++);
  return {.header = make_header(message_id, message_type, session_),
          .parent_header = std::move(parent_header),
          .content = std::move(content)};
}

}  // namespace nextgen_kernels::synthetic
