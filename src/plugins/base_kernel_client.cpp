#include "plugins/base_kernel_client.h"

#include <chrono>
#include <cstddef>
#include <memory>

#include "plugins/abi_message.h"
#include "plugins/owed_replies.h"
#include "plugins/plugin_context.h"
#include "plugins/plugin_reply.h"
#include "runtime/task_group.h"

namespace nextgen_kernels {
namespace {

using Owed = std::shared_ptr<OwedReply>;
using MessageReceived = int32_t (*)(void* derived, const nk_message* message);

/// Shows the messages of a built-in client to the object that extends it, and passes on what that lets
/// through.
class HookedSink final : public MessageSink {
 public:
  HookedSink(PluginContext& context, void* derived, MessageReceived hook)
      : context_(context), next_(*context.sink()), derived_(derived), hook_(hook) {}

  void receive(Message::Pointer message) override {
    if (goes_on(message)) next_.receive(std::move(message));
  }
  bool refuse_request(std::string_view message_id, const RequestFailure& failure) override {
    return next_.refuse_request(message_id, failure);
  }
  void flush() override { next_.flush(); }

 private:
  bool goes_on(const Message::Pointer& message) const {
    if (hook_ == nullptr) return true;
    return context_.show_passing([&] { return hook_(derived_, AbiMessage(message).get()) != 0; });
  }

  PluginContext& context_;
  MessageSink& next_;
  void* derived_;
  MessageReceived hook_;
};

/// A built-in client and where it puts its messages; coroutines under way keep it.
struct HookedClient {
  HookedClient(PluginContext& context, void* derived, MessageReceived hook) : sink(context, derived, hook) {}

  HookedSink sink;
  std::unique_ptr<KernelClient> client;
};

Task<void> connect(std::shared_ptr<HookedClient> hooked, ConnectionInfo info,
                   std::chrono::steady_clock::duration timeout, Owed owed) {
  const auto connected = co_await hooked->client->connect(info, timeout);
  if (connected)
    owed->succeed(to_json_text(hooked->client->kernel_info()));
  else
    owed->fail(connected.error());
}

Task<void> reconnect(std::shared_ptr<HookedClient> hooked, ConnectionInfo info, nlohmann::json record,
                     std::chrono::steady_clock::duration timeout, Owed owed) {
  const auto answer = co_await hooked->client->reconnect(std::move(info), std::move(record), timeout);
  if (!answer)
    owed->fail(answer.error());
  else if (*answer == KernelClient::Answer::alive)
    owed->succeed("null");
  else
    owed->succeed(to_json_text(hooked->client->kernel_info()));
}

using Ask = Task<Result<nlohmann::json>> (KernelClient::*)(std::string, nlohmann::json,
                                                           std::chrono::steady_clock::duration);

Task<void> send_request(std::shared_ptr<HookedClient> hooked, Ask ask, std::string type,
                        nlohmann::json content, std::chrono::steady_clock::duration timeout, Owed owed) {
  owed->answer(co_await ((*hooked->client).*ask)(std::move(type), std::move(content), timeout));
}

/// A built-in client that belongs to an object of a plugin.
class BaseKernelClient {
 public:
  BaseKernelClient(const Executor& executor, std::shared_ptr<HookedClient> hooked)
      : hooked_(std::move(hooked)), tasks_(executor) {}
  BaseKernelClient(const BaseKernelClient&) = delete;
  BaseKernelClient& operator=(const BaseKernelClient&) = delete;
  /// The client itself goes when its coroutines have come to their end; it receives nothing any more.
  ~BaseKernelClient() {
    hooked_->client->on_liveness_change = nullptr;
    hooked_->client->disconnect();
  }

  static BaseKernelClient& of(void* self) { return *static_cast<BaseKernelClient*>(self); }

  void connect_to(nk_string info_text, std::uint64_t timeout_milliseconds, nk_reply reply) {
    auto info = parse_json_object(from_abi(info_text), "The connection info of a plugin");
    const auto owed = replies_.add(reply);
    if (!info) return owed->fail(info.error());
    tasks_.spawn("connect of a plugin's kernel client",
                 connect(hooked_, *std::move(info), duration_of(timeout_milliseconds), owed));
  }

  std::string adoption_record() const { return to_json_text(hooked_->client->adoption_record()); }

  void reconnect_to(nk_string info_text, nk_string record_text, std::uint64_t timeout_milliseconds,
                    nk_reply reply) {
    auto info = parse_json_object(from_abi(info_text), "The connection info of a plugin");
    auto record = parse_recorded_json(from_abi(record_text), "The adoption record of a plugin's client");
    const auto owed = replies_.add(reply);
    if (!info || !record) return owed->fail((info ? record : info).error());
    tasks_.spawn(
        "reconnect of a plugin's kernel client",
        reconnect(hooked_, *std::move(info), *std::move(record), duration_of(timeout_milliseconds), owed));
  }

  void disconnect() {
    hooked_->client->disconnect();
    replies_.fail_all({ErrorCode::unavailable, "The connection to the kernel was closed"});
  }

  void send(const nk_message& message, nk_reply reply) {
    OwedReply owed(reply);
    if (const auto* origin = static_cast<const AbiMessage::Origin*>(message.origin);
        origin != nullptr && origin->outgoing != nullptr)
      return owed.answer(hooked_->client->send(*origin->outgoing));
    const auto outgoing = outgoing_message_of(message);
    owed.answer(outgoing ? hooked_->client->send(*outgoing) : std::unexpected(outgoing.error()));
  }

  enum class RequestChannel { control, shell };
  void request(RequestChannel channel, nk_string type, nk_string content_text,
               std::uint64_t timeout_milliseconds, nk_reply reply) {
    auto content = parse_json_object(from_abi(content_text), "The content of a plugin's request");
    const auto owed = replies_.add(reply);
    if (!content) return owed->fail(content.error());
    const auto ask =
        channel == RequestChannel::control ? &KernelClient::control_request : &KernelClient::shell_request;
    tasks_.spawn("request of a plugin's kernel client",
                 send_request(hooked_, ask, std::string(from_abi(type)), *std::move(content),
                              duration_of(timeout_milliseconds), owed));
  }

  std::uint64_t silent_milliseconds() const {
    const auto since = hooked_->client->silent_since();
    if (!since) return 0;
    return std::max<std::uint64_t>(1, milliseconds_of(std::chrono::steady_clock::now() - *since));
  }

 private:
  std::shared_ptr<HookedClient> hooked_;
  OwedReplies replies_;
  TaskGroup tasks_;
};

constexpr nk_client_functions functions_of_base = {
    .size = sizeof(nk_client_functions),
    .destroy = [](void* self) { delete &BaseKernelClient::of(self); },
    .connect = [](void* self, nk_string info, std::uint64_t timeout,
                  nk_reply reply) { BaseKernelClient::of(self).connect_to(info, timeout, reply); },
    .disconnect = [](void* self) { BaseKernelClient::of(self).disconnect(); },
    .send = [](void* self, const nk_message* message,
               nk_reply reply) { BaseKernelClient::of(self).send(*message, reply); },
    .control_request =
        [](void* self, nk_string type, nk_string content, std::uint64_t timeout, nk_reply reply) {
          BaseKernelClient::of(self).request(BaseKernelClient::RequestChannel::control, type, content,
                                             timeout, reply);
        },
    .shell_request =
        [](void* self, nk_string type, nk_string content, std::uint64_t timeout, nk_reply reply) {
          BaseKernelClient::of(self).request(BaseKernelClient::RequestChannel::shell, type, content, timeout,
                                             reply);
        },
    .silent_milliseconds = [](void* self) { return BaseKernelClient::of(self).silent_milliseconds(); },
    .adoption_record =
        [](void* self, nk_reply reply) {
          const auto record = BaseKernelClient::of(self).adoption_record();
          reply.succeed(reply.context, to_abi(record));
        },
    .reconnect =
        [](void* self, nk_string info, nk_string record, std::uint64_t timeout, nk_reply reply) {
          BaseKernelClient::of(self).reconnect_to(info, record, timeout, reply);
        }};

MessageReceived received_hook(const nk_base_client_hooks* hooks) {
  constexpr auto needed = offsetof(nk_base_client_hooks, message_received) + sizeof(hooks->message_received);
  return hooks == nullptr || hooks->size < needed ? nullptr : hooks->message_received;
}

void* fail(nk_reply reply, const Error& error) {
  reply.fail(reply.context, to_abi(error.code), to_abi(error.message));
  return nullptr;
}

}  // namespace

void* create_base_client(nk_context* handle, nk_string reference, void* derived,
                         const nk_base_client_hooks* hooks, const nk_client_functions** functions,
                         nk_reply reply) {
  auto& context = PluginContext::of(handle);
  if (context.sink() == nullptr)
    return fail(reply, {ErrorCode::invalid_argument, "Only kernel clients extend kernel clients"});
  auto hooked = std::make_shared<HookedClient>(context, derived, received_hook(hooks));
  auto made = context.makers().make_client(from_abi(reference), hooked->sink, context.executor());
  if (!made) return fail(reply, made.error());
  hooked->client = *std::move(made);
  hooked->client->on_liveness_change = [&context] { context.liveness_changed(); };
  context.on_unsent_bytes([weak = std::weak_ptr(hooked)](Channel channel) -> std::size_t {
    const auto alive = weak.lock();
    return alive == nullptr ? 0 : alive->client->unsent_bytes(channel);
  });
  *functions = &functions_of_base;
  return new BaseKernelClient(context.executor(), std::move(hooked));
}

}  // namespace nextgen_kernels
