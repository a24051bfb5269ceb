#include "plugins/plugin_provisioner.h"

#include <tuple>

#include "base/log.h"
#include "plugins/adoption_record.h"
#include "plugins/launch_texts.h"
#include "runtime/event.h"

namespace nextgen_kernels {
namespace {

Result<void> without_text(Result<std::string> result) {
  if (!result) return std::unexpected(std::move(result.error()));
  return {};
}

Result<ExitStatus> read_exit_status(std::string_view text) {
  const auto object = parse_json_object(text, "What it answered to wait");
  if (!object) return std::unexpected(object.error());
  const auto number = [&object](const char* name) {
    const auto member = object->find(name);
    return member != object->end() && member->is_number_integer() ? member->get<int>() : 0;
  };
  return ExitStatus{.exit_code = number("exit_code"), .signal = number("signal")};
}

}  // namespace

struct PluginProvisioner::Run {
  explicit Run(const Executor& executor) : changed(executor) {}

  std::optional<ExitStatus> status;
  std::string failure;  ///< Why the end could not be told, if it could not.
  bool has_owner = true;
  Event changed;
};

PluginProvisioner::PluginProvisioner(std::string class_reference, Object object,
                                     std::chrono::steady_clock::duration patience)
    : class_reference_(std::move(class_reference)), object_(std::move(object)), patience_(patience) {}

PluginProvisioner::~PluginProvisioner() {
  if (run_ != nullptr) run_->has_owner = false;  // That its end is not told any more is nobody's failure.
}

Task<Result<ConnectionInfo>> PluginProvisioner::launch_kernel(LaunchRequest request) {
  run_.reset();
  const auto text = write_launch_request(request, object_.context().original_texts());
  const auto answer = co_await await_reply(
      executor(), fmt::format("launch_kernel of {}", class_reference_),
      [&](nk_reply reply) { object_->launch_kernel(object_.self(), to_abi(text), reply); });
  if (!answer) co_return std::unexpected(answer.error());
  watch();
  auto info = parse_json_object(*answer, fmt::format("The connection info of {}", class_reference_));
  if (!info) {
    // Nobody can talk to what was launched.
    std::ignore = co_await kill(ShutdownPurpose::end);
    co_await cleanup(ShutdownPurpose::end);
  }
  co_return info;
}

void PluginProvisioner::watch() {
  run_ = std::make_shared<Run>(executor());
  object_->wait(
      object_.self(),
      make_reply(executor(), [run = run_, name = class_reference_](const Result<std::string>& answer) {
        const auto status = answer ? read_exit_status(*answer) : std::unexpected(answer.error());
        if (!status && run->has_owner) {
          run->failure = status.error().message;
          log_error("wait of {} failed, its kernel counts as ended: {}", name, run->failure);
        }
        run->status = status.value_or(ExitStatus{});
        run->changed.notify_all();
      }));
}

Task<Result<ConnectionInfo>> PluginProvisioner::complete_connection(
    ConnectionInfo info, std::chrono::steady_clock::duration timeout) {
  if (object_->complete_connection == nullptr) co_return info;
  const auto text = to_json_text(info);
  const auto what = fmt::format("complete_connection of {}", class_reference_);
  const auto answer = co_await await_reply(
      executor(), what,
      [&](nk_reply reply) {
        object_->complete_connection(object_.self(), to_abi(text), milliseconds_of(timeout), reply);
      },
      timeout + patience_);
  if (!answer) co_return std::unexpected(answer.error());
  co_return parse_json_object(*answer, fmt::format("What {} answered", what));
}

void PluginProvisioner::on_kernel_answered(const ConnectionInfo& info) {
  object_.context().tell_kernel_answered(info);
}

nlohmann::json PluginProvisioner::adoption_record() const {
  if (!has_process() || handover_of(object_.functions()) == Handover::impossible) return nullptr;
  return ask_adoption_record(class_reference_, object_.self(), object_->adoption_record);
}

Task<Result<ConnectionInfo>> PluginProvisioner::adopt_kernel(AdoptionRequest request) {
  run_.reset();
  if (handover_of(object_.functions()) == Handover::impossible)
    co_return co_await KernelProvisioner::adopt_kernel(std::move(request));
  if (request.newer_process) {
    co_return make_error(ErrorCode::unavailable,
                         "It was launched anew just before its server was killed, which {} could not record",
                         class_reference_);
  }
  const auto text = write_adoption_request(request);
  const auto what = fmt::format("adopt_kernel of {}", class_reference_);
  const auto answer = co_await await_reply(
      executor(), what, [&](nk_reply reply) { object_->adopt_kernel(object_.self(), to_abi(text), reply); },
      patience_);
  if (!answer && answer.error().code == ErrorCode::not_found) co_return std::unexpected(answer.error());
  // A kernel that was not taken over may run all the same, and is then ended like one that was.
  watch();
  if (!answer) co_return std::unexpected(answer.error());
  co_return parse_json_object(*answer, fmt::format("What {} answered", what));
}

bool PluginProvisioner::has_process() const {
  return run_ != nullptr && !run_->status;
}

Task<ExitStatus> PluginProvisioner::wait() {
  const auto run = run_;
  if (run == nullptr) co_return ExitStatus{};
  while (!run->status) co_await run->changed.wait();
  co_return *run->status;
}

std::optional<ExitStatus> PluginProvisioner::exit_status() const {
  return run_ == nullptr ? std::nullopt : run_->status;
}

std::string PluginProvisioner::describe_end() const {
  if (run_ != nullptr && !run_->failure.empty())
    return fmt::format("The kernel's end cannot be told by {}: {}", class_reference_, run_->failure);
  if (auto text = ask(object_->describe_end); text && !text->empty()) return *std::move(text);
  return KernelProvisioner::describe_end();
}

Task<Result<void>> PluginProvisioner::send_signal(int signal_number) {
  co_return without_text(co_await await_reply(
      executor(), fmt::format("send_signal of {}", class_reference_),
      [&](nk_reply reply) { object_->send_signal(object_.self(), signal_number, reply); }, patience_));
}

Task<Result<void>> PluginProvisioner::terminate(ShutdownPurpose purpose) {
  return end(object_->terminate, purpose, "terminate");
}

Task<Result<void>> PluginProvisioner::kill(ShutdownPurpose purpose) {
  return end(object_->kill, purpose, "kill");
}

Task<void> PluginProvisioner::cleanup(ShutdownPurpose purpose) {
  if (object_->cleanup == nullptr) co_return;
  if (const auto cleaned = co_await end(object_->cleanup, purpose, "cleanup"); !cleaned)
    log_warning("cleanup of {} failed: {}", class_reference_, cleaned.error().message);
}

Task<Result<void>> PluginProvisioner::end(EndFunction function, ShutdownPurpose purpose, std::string what) {
  co_return without_text(co_await await_reply(
      executor(), fmt::format("{} of {}", what, class_reference_),
      [&](nk_reply reply) {
        const LoopScope scope("a call of", class_reference_);
        function(object_.self(), purpose == ShutdownPurpose::restart, reply);
      },
      patience_));
}

Result<std::string> PluginProvisioner::ask(TextFunction function) const {
  if (function == nullptr) return std::string();
  ImmediateReply reply;
  const LoopScope scope("a call of", class_reference_);
  function(object_.self(), reply.abi());
  auto text = reply.take();
  if (!text) log_warning("{} failed: {}", class_reference_, text.error().message);
  return text;
}

std::string PluginProvisioner::output_tail() const {
  return ask(object_->output_tail).value_or("");
}

std::string PluginProvisioner::why_launch_again() const {
  return ask(object_->why_launch_again).value_or("");
}

bool PluginProvisioner::owns_kernel() const {
  return object_->owns_kernel == nullptr || object_->owns_kernel(object_.self()) != 0;
}

nlohmann::json PluginProvisioner::get_provisioner_info() const {
  const auto text = ask(object_->get_provisioner_info).value_or("");
  if (text.empty()) return nlohmann::json::object();
  return parse_json_object(text, "The provisioner info of a plugin").value_or(nlohmann::json::object());
}

}  // namespace nextgen_kernels
