/// \file A plugin with a class for each thing that the tests of the server's side look at.

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <nextgen_kernels/plugin.h>
#include <stdlib.h>
#include <unistd.h>

namespace nk = nextgen_kernels::plugin;

namespace {

/// Extends the local provisioner in everything that a hook can do.
class DerivedProvisioner : public nk::LocalProvisioner {
 public:
  using LocalProvisioner::LocalProvisioner;

  void launch_kernel(const nk::Json& request, nk::Reply<nk::Json> reply) override {
    LocalProvisioner::launch_kernel(request, std::move(reply).then([this](nk::Json info) {
      info["launched_for"] = context().kernel_name();
      return info;
    }));
  }
  std::string describe_end() override { return "Derived: " + LocalProvisioner::describe_end(); }
  nk::Json get_provisioner_info() override {
    auto info = LocalProvisioner::get_provisioner_info();
    info["kernel_name"] = context().kernel_name();
    return info;
  }

 protected:
  void prepare_process(nk::Process& process) override {
    if (process.environment.contains("REFUSE_PROCESS"))
      throw nk::Error(nk::ErrorCode::permission_denied, "This process is refused");
    if (process.environment.contains("NO_COMMAND")) process.argv.clear();
    process.environment["PREPARED"] = "by " + context().kernel_id();
  }
};

/// A provisioner of a place of its own, without any process: does what its option `behaviour` says.
class OwnProvisioner : public nk::Provisioner {
 public:
  explicit OwnProvisioner(const nk::Context& context)
      : Provisioner(context), behaviour_(option("behaviour").as_string()) {
    if (behaviour_ == "throw in the constructor") throw std::runtime_error("the constructor threw");
    if (behaviour_ == "throw a number") throw 42;
  }
  ~OwnProvisioner() override {
    if (thread_.joinable()) thread_.join();
  }

  void launch_kernel(const nk::Json& request, nk::Reply<nk::Json> reply) override {
    if (behaviour_ == "throw") throw nk::Error(nk::ErrorCode::resource_limit, "no machine is free");
    if (behaviour_ == "drop") return;
    if (behaviour_ == "hold the loop") {
      char byte = 0;
      static_cast<void>(::read(static_cast<int>(option("gate").as_integer()), &byte, 1));
    }
    if (behaviour_ == "never launch") {
      launch_ = std::move(reply);
      return;
    }
    if (behaviour_ == "answer nonsense") return reply.succeed("not an object");
    if (behaviour_ == "answer from a thread") {
      thread_ = std::thread([later = std::move(reply), id = request.at("kernel_id")] {
        later.succeed(nk::Json::object({{"id", id}}));
      });
      return;
    }
    if (behaviour_ == "answer by timer") {
      timer_ = context().start_timer(std::chrono::milliseconds(1),
                                     [this] { launch_->succeed(nk::Json::object({{"place", "own"}})); });
      launch_ = std::move(reply);
      return;
    }
    reply.succeed(nk::Json::object({{"place", "own"}, {"environment", request.at("environment")}}));
  }
  nk::Json adoption_record() override {
    if (behaviour_ == "throw at the record") throw std::runtime_error("no record today");
    return nk::Json::object({{"job", context().kernel_id()}, {"ticket", "a secret"}});
  }
  void adopt_kernel(const nk::Json& request, nk::Reply<nk::Json> reply) override {
    if (behaviour_ == "has ended") return reply.fail(nk::ErrorCode::not_found, "no such job");
    if (behaviour_ == "throw at the adoption") throw nk::Error(nk::ErrorCode::io, "the queue is down");
    if (behaviour_ == "drop the adoption") return;
    if (behaviour_ == "answer nonsense") return reply.succeed("not an object");
    static_cast<void>(request.at("kernel_id").as_string());
    auto info = request.at("connection_info");
    info["record"] = request.at("record");
    reply.succeed(info);
  }
  void wait(nk::Reply<nk::ExitStatus> reply) override { wait_ = std::move(reply); }
  void send_signal(int signal_number, nk::Reply<void> reply) override {
    if (signal_number == 15 && wait_) wait_->succeed({.exit_code = 0, .signal = 15});
    reply.succeed();
  }
  void terminate(nk::Purpose, nk::Reply<void> reply) override { send_signal(15, std::move(reply)); }
  void kill(nk::Purpose, nk::Reply<void> reply) override {
    if (wait_) wait_->succeed({.exit_code = 0, .signal = 9});
    reply.succeed();
  }

 private:
  std::string behaviour_;
  std::optional<nk::Reply<nk::Json>> launch_;
  std::optional<nk::Reply<nk::ExitStatus>> wait_;
  std::thread thread_;
  nk::Timer timer_;
};

/// Extends the shared client: withholds streams that say "secret", replaces those that say "replace", and
/// code that says "original"; refuses to send history requests.
class DerivedClient : public nk::JupyterServerKernelClient {
 public:
  using JupyterServerKernelClient::JupyterServerKernelClient;

 protected:
  nk::Delivery message_received(const nk::Message& message) override {
    if (message.content().find("throw") != std::string_view::npos) throw std::runtime_error("a hook threw");
    if (message.msg_type() != "stream") return nk::Delivery::deliver;
    const auto text = nk::Json::parse(message.content()).at("text").as_string();
    if (text.starts_with("secret")) return nk::Delivery::withhold;
    if (!text.starts_with("replace")) return nk::Delivery::deliver;
    if (text.starts_with("replace with an aside")) deliver_from_a_thread(message);
    auto parts = nk::parts_of(message);
    if (text.starts_with("replace with nonsense")) parts.header = "nonsense";
    const auto content = nk::Json::object({{"name", "stdout"}, {"text", "replaced\n"}}).dump();
    parts.content = content;
    return nk::Delivery::replace(parts);
  }
  nk::Delivery message_to_send(const nk::Message& message) override {
    const auto says = [&message](std::string_view text) {
      return message.content().find(text) != std::string_view::npos;
    };
    if (says("print forbidden")) return refuse(message, "QuotaError", "no quota is left");
    if (says("print withheld")) return nk::Delivery::withhold;
    if (says("print later")) {
      context().post([this, id = std::string(message.msg_id())] { refuse(id, "LateError", "after all"); });
      return nk::Delivery::answered;
    }
    if (says("print twice")) {
      static_cast<void>(refuse(message, "QuotaError", "once"));
      return refuse(message, "QuotaError", "twice");
    }
    if (!says("print original")) return JupyterServerKernelClient::message_to_send(message);
    auto parts = nk::parts_of(message);
    const auto content = nk::Json::object({{"code", "print substitute"}, {"silent", false}}).dump();
    parts.content = content;
    return nk::Delivery::replace(parts);
  }
  void message_sent(const nk::Message& message) override {
    if (message.msg_type() == "history_request")
      throw nk::Error(nk::ErrorCode::permission_denied, "History is private");
  }

 private:
  void deliver_from_a_thread(const nk::Message& message) const {
    const auto content = nk::Json::object({{"name", "stdout"}, {"text", "aside\n"}}).dump();
    std::thread([&] {
      auto parts = nk::parts_of(message);
      parts.content = content;
      deliver(parts);
    }).join();
  }
};

/// A client of its own: a kernel that answers what it is asked with the same content, in this process.
class EchoClient : public nk::KernelClient {
 public:
  explicit EchoClient(const nk::Context& context) : KernelClient(context) {
    if (::getenv("ECHO_CLIENT_THROWS") != nullptr) throw std::runtime_error("the constructor threw");
  }

  void connect(const nk::Json& info, std::chrono::milliseconds, nk::Reply<nk::Json> reply) override {
    if (info.find("never") != nullptr) {
      connecting_ = std::move(reply);
      return;
    }
    if (info.find("nonsense") != nullptr) return reply.succeed(nk::Json::array({1}));
    if (info.at("place").as_string() != "own") throw nk::Error(nk::ErrorCode::protocol, "another place");
    reply.succeed(nk::Json::object({{"protocol_version", "5.3"},
                                    {"options", context().options()},
                                    {"language", context().language()},
                                    {"username", context().username()},
                                    {"kernel_spec", context().kernel_spec()}}));
  }
  nk::Json adoption_record() override { return "of the client before"; }
  void reconnect(const nk::Json& info, const nk::Json& record, std::chrono::milliseconds timeout,
                 nk::Reply<nk::Json> reply) override {
    if (info.find("busy") != nullptr) return reply.succeed(nullptr);
    if (record.is_null()) return connect(info, timeout, std::move(reply));
    reply.succeed(nk::Json::object({{"protocol_version", "5.3"}, {"record", record}}));
  }
  void disconnect() override { connecting_.reset(); }
  void send(const nk::Message& message) override {
    const std::string header =
        nk::Json::object({{"msg_id", "echo"}, {"msg_type", "echo"}, {"session", "s"}}).dump();
    deliver(nk::MessageParts{.channel = nk::Channel::iopub,
                             .header = header,
                             .parent_header = message.header(),
                             .content = message.content(),
                             .buffers = {"buffer"}});
  }
  void control_request(std::string_view message_type, const nk::Json& content, std::chrono::milliseconds,
                       nk::Reply<nk::Json> reply) override {
    if (message_type == "post") {
      context().post([content, later = std::make_shared<nk::Reply<nk::Json>>(std::move(reply))] {
        later->succeed(content);
      });
      return;
    }
    reply.succeed(nk::Json::object({{"type", message_type}}));
  }

 private:
  std::optional<nk::Reply<nk::Json>> connecting_;
};

/// Writes what it sees, one line each, to the descriptor in LISTENER_OUTPUT. Where LISTENER_GATE is another
/// one, it waits for a byte from there before each message.
class LineListener : public nk::Listener {
 public:
  explicit LineListener(const nk::Context& context) : Listener(context) {
    if (::getenv("LISTENER_THROWS") != nullptr) throw std::runtime_error("the listener threw");
    write_line("begin " + context.kernel_name());
  }
  ~LineListener() override { write_line("end"); }

  void on_message(const nk::Message& message) override {
    if (const char* gate = ::getenv("LISTENER_GATE")) {
      char byte = 0;
      static_cast<void>(::read(std::stoi(gate), &byte, 1));
    }
    write_line(std::to_string(message.number()) + " " + std::string(message.msg_type()) + " " +
               std::string(message.parent_msg_id()));
  }
  void on_lost(std::uint64_t first, std::uint64_t last) override {
    write_line("lost " + std::to_string(first) + " " + std::to_string(last));
  }

 private:
  static void write_line(const std::string& line) {
    const auto text = line + "\n";
    static_cast<void>(::write(std::stoi(::getenv("LISTENER_OUTPUT")), text.data(), text.size()));
  }
};

}  // namespace

NEXTGEN_KERNELS_PLUGIN(nk::plugin_class<DerivedProvisioner>("test_plugin:DerivedProvisioner"),
                       nk::plugin_class<OwnProvisioner>("test_plugin:OwnProvisioner"),
                       nk::plugin_class<DerivedClient>("test_plugin:DerivedClient"),
                       nk::plugin_class<EchoClient>("test_plugin:EchoClient"),
                       nk::plugin_class<LineListener>("test_plugin:LineListener"))
