#include "plugins/plugin_host.h"

#include "base/log.h"
#include "discovery/plugin_registrar.h"
#include "plugins/abi_text.h"
#include "plugins/base_kernel_client.h"
#include "plugins/base_provisioner.h"
#include "plugins/plugin_context.h"

namespace nextgen_kernels {
namespace {

LogLevel log_level_of(std::int32_t level) {
  switch (level) {
    case NK_LOG_DEBUG:
      return LogLevel::debug;
    case NK_LOG_INFO:
      return LogLevel::info;
    case NK_LOG_WARNING:
      return LogLevel::warning;
    default:
      return LogLevel::error;
  }
}

void host_log(std::int32_t level, nk_string message) {
  const auto ours = log_level_of(level);
  if (log_enabled(ours)) log_message(ours, from_abi(message));
}

void host_post(nk_context* context, nk_task run, void* data) {
  PluginContext::of(context).post(run, data);
}

std::uint64_t host_start_timer(nk_context* context, std::uint64_t milliseconds, nk_task run, void* data) {
  return PluginContext::of(context).start_timer(duration_of(milliseconds), run, data);
}

void host_cancel_timer(nk_context* context, std::uint64_t timer) {
  PluginContext::of(context).cancel_timer(timer);
}

void host_deliver(nk_context* context, const nk_message* message, nk_reply reply) {
  if (const auto delivered = PluginContext::of(context).deliver(*message); delivered)
    reply.succeed(reply.context, {});
  else
    reply.fail(reply.context, to_abi(delivered.error().code), to_abi(delivered.error().message));
}

void host_liveness_changed(nk_context* context) {
  PluginContext::of(context).liveness_changed();
}

void host_refuse(nk_context* context, nk_string msg_id, nk_string ename, nk_string evalue, nk_reply reply) {
  const RequestFailure failure{.ename = std::string(from_abi(ename)),
                               .evalue = std::string(from_abi(evalue))};
  if (const auto refused = PluginContext::of(context).refuse(from_abi(msg_id), failure); refused)
    reply.succeed(reply.context, {});
  else
    reply.fail(reply.context, to_abi(refused.error().code), to_abi(refused.error().message));
}

void host_register_client(nk_library* library, nk_string provisioner, nk_string client, nk_string options,
                          nk_reply reply) {
  const auto registered =
      PluginRegistrar::register_client(library, from_abi(provisioner), from_abi(client), from_abi(options));
  if (registered)
    reply.succeed(reply.context, {});
  else
    reply.fail(reply.context, to_abi(registered.error().code), to_abi(registered.error().message));
}

}  // namespace

const nk_host& plugin_host() {
  static const nk_host host = {.size = sizeof(nk_host),
                               .abi_version = NK_ABI_VERSION,
                               .server_version = to_abi(NEXTGEN_KERNELS_VERSION),
                               .log = &host_log,
                               .post = &host_post,
                               .start_timer = &host_start_timer,
                               .cancel_timer = &host_cancel_timer,
                               .deliver = &host_deliver,
                               .create_base_provisioner = &create_base_provisioner,
                               .create_base_client = &create_base_client,
                               .liveness_changed = &host_liveness_changed,
                               .library = nullptr,  // The registrar's, for each library.
                               .register_client = &host_register_client,
                               .refuse = &host_refuse};
  return host;
}

}  // namespace nextgen_kernels
