#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <nextgen_kernels/context.h>
#include <nextgen_kernels/message.h>
#include <nextgen_kernels/reply.h>

namespace nextgen_kernels::plugin {

/// What becomes of a message that passes a client.
class Delivery {
 public:
  [[gnu::visibility("hidden")]] static const Delivery deliver;  ///< It goes on as it is.
  /// It goes no further. Of a client's request: it is answered as one that failed.
  [[gnu::visibility("hidden")]] static const Delivery withhold;
  /// It goes no further, because this class answers it: it has refused it, or delivers the answer.
  [[gnu::visibility("hidden")]] static const Delivery answered;

  /// Another message goes on in its place. The parts are copied.
  static Delivery replace(const MessageParts& parts) {
    return Delivery(Kind::replace, std::make_shared<detail::OwnMessage>(parts));
  }

  friend bool operator==(const Delivery&, const Delivery&) = default;

 private:
  friend class BaseKernelClient;
  enum class Kind { deliver, withhold, answered, replace };

  constexpr explicit Delivery(Kind kind) : kind_(kind) {}
  Delivery(Kind kind, std::shared_ptr<const detail::OwnMessage> replacement)
      : kind_(kind), replacement_(std::move(replacement)) {}

  Kind kind_;
  std::shared_ptr<const detail::OwnMessage> replacement_;
};

inline constinit const Delivery Delivery::deliver{Delivery::Kind::deliver};
inline constinit const Delivery Delivery::withhold{Delivery::Kind::withhold};
inline constinit const Delivery Delivery::answered{Delivery::Kind::answered};

/// Talks to one kernel on behalf of all its listeners. Derive from it for a connection of its own kind, or
/// from `JupyterServerKernelClient` for kernels that are reached by a Jupyter connection file.
///
/// One object for one kernel, kept over restarts. Every function is called on the kernel's thread and must
/// return at once: what takes time answers its reply later. An exception is an error for whoever asked.
class KernelClient {
 public:
  explicit KernelClient(const Context& context) : context_(context) {}
  KernelClient(const KernelClient&) = delete;
  KernelClient& operator=(const KernelClient&) = delete;
  virtual ~KernelClient() = default;

  /// Opens new connections, after closing those there were. `info` is what the provisioner answered, and
  /// holds secrets. Answer the content of the kernel's kernel_info_reply, when what it publishes arrives.
  virtual void connect(const Json& info, std::chrono::milliseconds timeout, Reply<Json> reply) = 0;

  /// Closes the connections; replies that are open fail. `connect` may be called again.
  virtual void disconnect() = 0;

  /// Sends a client's message to the kernel. An exception is what the client is answered.
  virtual void send(const Message& message) = 0;

  /// Sends a request of the server on the control channel. Answer the content of the kernel's reply, which is
  /// not delivered.
  virtual void control_request(std::string_view message_type, const Json& content,
                               std::chrono::milliseconds timeout, Reply<Json> reply) = 0;

  /// The same on the shell channel, behind what was sent there before. Without it no kernel of this client is
  /// in the warm pool.
  virtual void shell_request(std::string_view message_type, const Json& content,
                             std::chrono::milliseconds timeout, Reply<Json> reply) {
    static_cast<void>(content);
    static_cast<void>(timeout);
    reply.fail(ErrorCode::unavailable, "The client of this kernel cannot send a " +
                                           std::string(message_type) + " of the server's own");
  }

  /// What the client of the next server must know, so that answers to what was asked through this one reach
  /// it. Asked again and again, also before there is a connection; the last answer counts, and is kept on
  /// disk where only the user reads it.
  virtual Json adoption_record() { return nullptr; }

  /// `connect` for a kernel that was in use before, by a server that is gone or by somebody else (see
  /// `owns_kernel`), and that may be busy for hours. `record` is what `adoption_record` of the client before
  /// returned last, or null. Answer as to `connect` when the kernel takes requests, or null when it shows
  /// signs of life only. Without it a kernel that is too busy to answer `connect` cannot be reached.
  virtual void reconnect(const Json& info, const Json& record, std::chrono::milliseconds timeout,
                         Reply<Json> reply) {
    static_cast<void>(record);
    connect(info, timeout, std::move(reply));
  }

  /// For how long the kernel has said nothing, once it no longer answers; zero while it does. Say with
  /// `liveness_changed` that this has changed.
  virtual std::chrono::milliseconds silent_for() { return {}; }

 protected:
  const Context& context() const { return context_; }
  const Json& option(std::string_view name) const { return context_.option(name); }

  /// Gives a message of the kernel to everybody who listens. From any thread; messages from one thread keep
  /// their order. Throws when it breaks the protocol.
  void deliver(const MessageParts& parts) const {
    detail::with_abi_message(parts, [this](const nk_message& message) { deliver(Message(message)); });
  }
  /// Answers a client's request in the place of the kernel, which does not get it, as one that failed with
  /// this exception. In `send` or `message_to_send`, which returns what this returns; or later, on the
  /// kernel's thread, for a request that the class has kept. Throws when nothing of this msg_id is under way.
  Delivery refuse(const Message& message, std::string_view ename, std::string_view evalue) const {
    return refuse(message.msg_id(), ename, evalue);
  }
  Delivery refuse(std::string_view msg_id, std::string_view ename, std::string_view evalue) const {
    constexpr auto end = offsetof(nk_host, refuse) + sizeof(nk_host::refuse);
    if (!detail::reaches(detail::host, end))
      throw Error(ErrorCode::permission_denied, std::string(ename) + ": " + std::string(evalue));
    detail::Answer answer;
    detail::host->refuse(context_.handle(), detail::to_abi(msg_id), detail::to_abi(ename),
                         detail::to_abi(evalue), answer.reply());
    static_cast<void>(answer.text());
    return Delivery::answered;
  }

  /// From any thread.
  void liveness_changed() const { detail::host->liveness_changed(context_.handle()); }

  void deliver(const Message& message) const {
    detail::Answer answer;
    detail::host->deliver(context_.handle(), &message.abi(), answer.reply());
    static_cast<void>(answer.text());
  }

 private:
  const Context& context_;
};

/// Extends one of the server's own clients: does what that one does, but for what a derived class overrides.
class BaseKernelClient : public KernelClient {
 public:
  /// Throws when the server has no such class.
  BaseKernelClient(const Context& context, std::string_view reference) : KernelClient(context) {
    detail::Answer failure;
    base_ = detail::host->create_base_client(context.handle(), detail::to_abi(reference), this, &Hooks::table,
                                             &functions_, failure.reply());
    if (base_ == nullptr) static_cast<void>(failure.text());
  }
  ~BaseKernelClient() override {
    if (base_ != nullptr) functions_->destroy(base_);
  }

  void connect(const Json& info, std::chrono::milliseconds timeout, Reply<Json> reply) override {
    const auto text = info.dump();
    functions_->connect(base_, detail::to_abi(text), static_cast<std::uint64_t>(timeout.count()),
                        std::move(reply).release());
  }
  void disconnect() override { functions_->disconnect(base_); }
  void send(const Message& message) override {
    const auto delivery = message_to_send(message);
    switch (delivery.kind_) {
      case Delivery::Kind::deliver:
        return pass_on(message);
      case Delivery::Kind::replace:
        return detail::with_abi_message(
            delivery.replacement_->parts(),
            [this](const nk_message& replacement) { pass_on(Message(replacement)); });
      case Delivery::Kind::withhold:
        throw Error(ErrorCode::permission_denied, "The kernel's client does not send this message");
      case Delivery::Kind::answered:
        return;
    }
  }
  void control_request(std::string_view message_type, const Json& content, std::chrono::milliseconds timeout,
                       Reply<Json> reply) override {
    const auto text = content.dump();
    functions_->control_request(base_, detail::to_abi(message_type), detail::to_abi(text),
                                static_cast<std::uint64_t>(timeout.count()), std::move(reply).release());
  }
  void shell_request(std::string_view message_type, const Json& content, std::chrono::milliseconds timeout,
                     Reply<Json> reply) override {
    const auto text = content.dump();
    functions_->shell_request(base_, detail::to_abi(message_type), detail::to_abi(text),
                              static_cast<std::uint64_t>(timeout.count()), std::move(reply).release());
  }
  Json adoption_record() override {
    if (!hands_over()) return nullptr;
    detail::Answer answer;
    functions_->adoption_record(base_, answer.reply());
    return Json::parse(answer.text());
  }
  void reconnect(const Json& info, const Json& record, std::chrono::milliseconds timeout,
                 Reply<Json> reply) override {
    if (!hands_over()) return connect(info, timeout, std::move(reply));
    const auto info_text = info.dump();
    const auto record_text = record.dump();
    functions_->reconnect(base_, detail::to_abi(info_text), detail::to_abi(record_text),
                          static_cast<std::uint64_t>(timeout.count()), std::move(reply).release());
  }
  std::chrono::milliseconds silent_for() override {
    return std::chrono::milliseconds(functions_->silent_milliseconds(base_));
  }

 protected:
  /// A message of the kernel has arrived, in the order of arrival and before anybody else sees it. A
  /// replacement belongs to the same request: keep the parent header.
  virtual Delivery message_received(const Message& message) {
    static_cast<void>(message);
    return Delivery::deliver;
  }
  /// What becomes of a client's message that is about to be sent. A replacement is answered to whoever sent
  /// the original: keep the msg_id. Refuse it with `return refuse(message, ename, evalue)`; or throw: the
  /// client is answered as if the kernel had failed, in the words of the exception.
  virtual Delivery message_to_send(const Message& message) {
    message_sent(message);
    return Delivery::deliver;
  }
  /// The same for a class that only looks, or throws.
  virtual void message_sent(const Message& message) { static_cast<void>(message); }

 private:
  void pass_on(const Message& message) {
    detail::Answer answer;
    functions_->send(base_, &message.abi(), answer.reply());
    static_cast<void>(answer.text());
  }

  /// Hidden: of this library alone, whatever SDK other plugins were compiled with.
  struct [[gnu::visibility("hidden")]] Hooks {
    /// A hook that throws withholds nothing, nor one whose replacement breaks the protocol.
    static std::int32_t received_hook(void* derived, const nk_message* message) {
      bool goes_on = true;
      detail::call_logged("message_received", [&] {
        auto& client = *static_cast<BaseKernelClient*>(derived);
        const auto delivery = client.message_received(Message(*message));
        if (delivery.kind_ == Delivery::Kind::replace) client.deliver(delivery.replacement_->parts());
        goes_on = delivery.kind_ == Delivery::Kind::deliver;
      });
      return std::int32_t{goes_on};
    }

    static constexpr nk_base_client_hooks table = {sizeof(nk_base_client_hooks), &received_hook};
  };

  /// Not with a server that is older than this.
  bool hands_over() const {
    constexpr auto end = offsetof(nk_client_functions, reconnect) + sizeof(functions_->reconnect);
    return detail::reaches(functions_, end);
  }

  void* base_ = nullptr;
  const nk_client_functions* functions_ = nullptr;
};

/// The client of kernels that are reached by a Jupyter connection file, as the server's own class of this
/// name.
class JupyterServerKernelClient : public BaseKernelClient {
 public:
  static constexpr std::string_view base_reference =
      "nextgen_kernels_api.services.kernels.client:JupyterServerKernelClient";

  explicit JupyterServerKernelClient(const Context& context) : BaseKernelClient(context, base_reference) {}
};

}  // namespace nextgen_kernels::plugin
