#include "plugins/plugin_kernel_client.h"

#include "base/strings.h"
#include "plugins/abi_message.h"
#include "plugins/adoption_record.h"

namespace nextgen_kernels {
namespace {

// Time for a plugin to tell its own timeout.
constexpr auto grace = std::chrono::seconds(5);

}  // namespace

PluginKernelClient::PluginKernelClient(std::string class_reference, Object object)
    : class_reference_(std::move(class_reference)), object_(std::move(object)) {
  object_.context().on_liveness_change([this] {
    if (on_liveness_change) on_liveness_change();
  });
}

PluginKernelClient::~PluginKernelClient() = default;

Task<Result<void>> PluginKernelClient::connect(ConnectionInfo info,
                                               std::chrono::steady_clock::duration timeout) {
  kernel_info_ = nullptr;
  const auto text = to_json_text(info);
  const auto answer = co_await await_reply(
      executor(), fmt::format("connect of {}", class_reference_),
      [&](nk_reply reply) {
        object_->connect(object_.self(), to_abi(text), milliseconds_of(timeout), reply);
      },
      timeout + grace);
  if (!answer) {
    object_->disconnect(object_.self());
    co_return std::unexpected(answer.error());
  }
  co_return take_kernel_info(*answer);
}

Result<void> PluginKernelClient::take_kernel_info(const std::string& text) {
  auto kernel_info = parse_json_object(text, fmt::format("The kernel info of {}", class_reference_));
  if (!kernel_info) {
    object_->disconnect(object_.self());
    return std::unexpected(kernel_info.error());
  }
  kernel_info_ = *std::move(kernel_info);
  return {};
}

nlohmann::json PluginKernelClient::adoption_record() const {
  return ask_adoption_record(class_reference_, object_.self(),
                             later_function(object_.functions(), &nk_client_functions::adoption_record));
}

Task<Result<KernelClient::Answer>> PluginKernelClient::reconnect(
    ConnectionInfo info, nlohmann::json record, std::chrono::steady_clock::duration timeout) {
  const auto function = later_function(object_.functions(), &nk_client_functions::reconnect);
  if (function == nullptr)
    co_return co_await KernelClient::reconnect(std::move(info), std::move(record), timeout);
  kernel_info_ = nullptr;
  const auto info_text = to_json_text(info);
  const auto record_text = to_json_text(record);
  const auto answer = co_await await_reply(
      executor(), fmt::format("reconnect of {}", class_reference_),
      [&](nk_reply reply) {
        const LoopScope scope("a call of", class_reference_);
        function(object_.self(), to_abi(info_text), to_abi(record_text), milliseconds_of(timeout), reply);
      },
      timeout + grace);
  if (!answer) {
    object_->disconnect(object_.self());
    co_return std::unexpected(answer.error());
  }
  if (trim(*answer) == "null") co_return Answer::alive;
  if (auto taken = take_kernel_info(*answer); !taken) co_return std::unexpected(taken.error());
  co_return Answer::complete;
}

void PluginKernelClient::disconnect() {
  object_->disconnect(object_.self());
  kernel_info_ = nullptr;
}

Result<void> PluginKernelClient::send(const OutgoingMessage& message) {
  ImmediateReply reply;
  object_->send(object_.self(), AbiMessage(message).get(), reply.abi());
  if (auto sent = reply.take(); !sent) return std::unexpected(std::move(sent.error()));
  return {};
}

Task<Result<nlohmann::json>> PluginKernelClient::control_request(
    std::string message_type, nlohmann::json content, std::chrono::steady_clock::duration timeout) {
  return request(object_->control_request, std::move(message_type), std::move(content), timeout);
}

Task<Result<nlohmann::json>> PluginKernelClient::shell_request(std::string message_type,
                                                               nlohmann::json content,
                                                               std::chrono::steady_clock::duration timeout) {
  return request(object_->shell_request, std::move(message_type), std::move(content), timeout);
}

Task<Result<nlohmann::json>> PluginKernelClient::request(RequestFunction function, std::string message_type,
                                                         nlohmann::json content,
                                                         std::chrono::steady_clock::duration timeout) {
  if (function == nullptr)
    co_return make_error(ErrorCode::unavailable, "{} cannot send {} of the server's own", class_reference_,
                         with_article(message_type));
  const auto text = to_json_text(content);
  const auto what = fmt::format("The reply to {} of {}", message_type, class_reference_);
  const auto answer = co_await await_reply(
      executor(), what,
      [&](nk_reply reply) {
        const LoopScope scope("a call of", class_reference_);
        function(object_.self(), to_abi(message_type), to_abi(text), milliseconds_of(timeout), reply);
      },
      timeout + grace);
  if (!answer) co_return std::unexpected(answer.error());
  co_return parse_json_object(*answer, what);
}

std::optional<std::chrono::steady_clock::time_point> PluginKernelClient::silent_since() const {
  const auto milliseconds =
      object_->silent_milliseconds == nullptr ? 0 : object_->silent_milliseconds(object_.self());
  if (milliseconds == 0) return std::nullopt;
  return std::chrono::steady_clock::now() - duration_of(milliseconds);
}

}  // namespace nextgen_kernels
