#include "plugins/base_provisioner.h"

#include <cstddef>
#include <memory>

#include "plugins/launch_texts.h"
#include "plugins/owed_replies.h"
#include "plugins/plugin_context.h"
#include "plugins/plugin_reply.h"
#include "runtime/task_group.h"

namespace nextgen_kernels {
namespace {

using Shared = std::shared_ptr<KernelProvisioner>;
using Owed = std::shared_ptr<OwedReply>;

// The coroutines keep the provisioner until they have come to their end, which is after that of the object
// when it ends while they wait.

Task<void> launch(Shared provisioner, LaunchRequest request, Owed owed) {
  owed->answer(co_await provisioner->launch_kernel(std::move(request)));
}

Task<void> adopt(Shared provisioner, AdoptionRequest request, Owed owed) {
  owed->answer(co_await provisioner->adopt_kernel(std::move(request)));
}

Task<void> complete_connection(Shared provisioner, ConnectionInfo info,
                               std::chrono::steady_clock::duration timeout, Owed owed) {
  owed->answer(co_await provisioner->complete_connection(std::move(info), timeout));
}

Task<void> wait_for_end(Shared provisioner, Owed owed) {
  const auto status = co_await provisioner->wait();
  owed->succeed(to_json_text({{"exit_code", status.exit_code}, {"signal", status.signal}}));
}

Task<void> send_signal_to(Shared provisioner, int signal_number, Owed owed) {
  owed->answer(co_await provisioner->send_signal(signal_number));
}

Task<void> terminate_kernel(Shared provisioner, ShutdownPurpose purpose, Owed owed) {
  owed->answer(co_await provisioner->terminate(purpose));
}

Task<void> kill_kernel(Shared provisioner, ShutdownPurpose purpose, Owed owed) {
  owed->answer(co_await provisioner->kill(purpose));
}

Task<void> clean_up(Shared provisioner, ShutdownPurpose purpose, Owed owed) {
  co_await provisioner->cleanup(purpose);
  owed->succeed({});
}

/// A built-in provisioner that belongs to an object of a plugin.
class BaseProvisioner {
 public:
  BaseProvisioner(PluginContext& context, Shared provisioner)
      : context_(context),
        provisioner_(std::move(provisioner)),
        tasks_(context.executor()),
        completions_(context.executor()) {}

  static BaseProvisioner& of(void* self) { return *static_cast<BaseProvisioner*>(self); }

  const Shared& provisioner() const { return provisioner_; }
  PluginContext& context() { return context_; }

  template <typename... Arguments>
  void start(nk_reply reply, Task<void> (*operation)(Shared, Arguments..., Owed),
             std::type_identity_t<Arguments>... arguments) {
    tasks_.spawn("operation of a plugin's provisioner",
                 operation(provisioner_, std::move(arguments)..., replies_.add(reply)));
  }

  void complete(nk_reply reply, ConnectionInfo info, std::chrono::steady_clock::duration timeout) {
    completions_.spawn("complete_connection of a plugin's provisioner",
                       complete_connection(provisioner_, std::move(info), timeout, replies_.add(reply)));
  }
  /// The launch that they are of is over.
  void stop_completions() { completions_.cancel(); }

 private:
  PluginContext& context_;
  Shared provisioner_;
  OwedReplies replies_;
  TaskGroup tasks_;
  TaskGroup completions_;
};

ShutdownPurpose purpose_of(std::int32_t for_restart) {
  return for_restart != 0 ? ShutdownPurpose::restart : ShutdownPurpose::end;
}

void answer(nk_reply reply, const std::string& text) {
  reply.succeed(reply.context, to_abi(text));
}

constexpr nk_provisioner_functions functions_of_base = {
    .size = sizeof(nk_provisioner_functions),
    .destroy = [](void* self) { delete &BaseProvisioner::of(self); },
    .launch_kernel =
        [](void* self, nk_string text, nk_reply reply) {
          auto& base = BaseProvisioner::of(self);
          auto request = read_launch_request(from_abi(text), base.context().original_texts());
          if (!request)
            return reply.fail(reply.context, to_abi(request.error().code), to_abi(request.error().message));
          base.stop_completions();
          base.start<LaunchRequest>(reply, &launch, *std::move(request));
        },
    .wait = [](void* self, nk_reply reply) { BaseProvisioner::of(self).start<>(reply, &wait_for_end); },
    .send_signal =
        [](void* self, std::int32_t signal_number, nk_reply reply) {
          BaseProvisioner::of(self).start<int>(reply, &send_signal_to, signal_number);
        },
    .terminate =
        [](void* self, std::int32_t for_restart, nk_reply reply) {
          BaseProvisioner::of(self).start<ShutdownPurpose>(reply, &terminate_kernel, purpose_of(for_restart));
        },
    .kill =
        [](void* self, std::int32_t for_restart, nk_reply reply) {
          BaseProvisioner::of(self).start<ShutdownPurpose>(reply, &kill_kernel, purpose_of(for_restart));
        },
    .cleanup =
        [](void* self, std::int32_t for_restart, nk_reply reply) {
          BaseProvisioner::of(self).stop_completions();
          BaseProvisioner::of(self).start<ShutdownPurpose>(reply, &clean_up, purpose_of(for_restart));
        },
    .describe_end =
        [](void* self, nk_reply reply) {
          answer(reply, BaseProvisioner::of(self).provisioner()->describe_end());
        },
    .output_tail =
        [](void* self, nk_reply reply) {
          answer(reply, BaseProvisioner::of(self).provisioner()->output_tail());
        },
    .get_provisioner_info =
        [](void* self, nk_reply reply) {
          answer(reply, to_json_text(BaseProvisioner::of(self).provisioner()->get_provisioner_info()));
        },
    .why_launch_again =
        [](void* self, nk_reply reply) {
          answer(reply, BaseProvisioner::of(self).provisioner()->why_launch_again());
        },
    .owns_kernel =
        [](void* self) { return std::int32_t{BaseProvisioner::of(self).provisioner()->owns_kernel()}; },
    .complete_connection =
        [](void* self, nk_string text, std::uint64_t timeout_milliseconds, nk_reply reply) {
          auto info = parse_json_object(from_abi(text), "The connection info of a plugin");
          if (!info)
            return reply.fail(reply.context, to_abi(info.error().code), to_abi(info.error().message));
          BaseProvisioner::of(self).complete(reply, *std::move(info), duration_of(timeout_milliseconds));
        },
    .adoption_record =
        [](void* self, nk_reply reply) {
          answer(reply, to_json_text(BaseProvisioner::of(self).provisioner()->adoption_record()));
        },
    .adopt_kernel =
        [](void* self, nk_string text, nk_reply reply) {
          auto& base = BaseProvisioner::of(self);
          auto request = read_adoption_request(from_abi(text));
          if (!request)
            return reply.fail(reply.context, to_abi(request.error().code), to_abi(request.error().message));
          base.stop_completions();
          base.start<AdoptionRequest>(reply, &adopt, *std::move(request));
        }};

PrepareProcess prepare_by_hook(PluginContext& context, void* derived,
                               const nk_base_provisioner_hooks* hooks) {
  constexpr auto needed =
      offsetof(nk_base_provisioner_hooks, prepare_process) + sizeof(hooks->prepare_process);
  if (hooks == nullptr || hooks->size < needed || hooks->prepare_process == nullptr) return {};
  return [&context, derived, hook = hooks->prepare_process](ProcessDescription& process) -> Result<void> {
    const auto shown = write_process(process, context.original_texts());
    ImmediateReply reply;
    hook(derived, to_abi(shown), reply.abi());
    const auto changed = reply.take();
    if (!changed) return std::unexpected(changed.error());
    auto read = read_process(*changed, context.original_texts());
    if (!read) return std::unexpected(read.error());
    // The rest is not for the plugin to say.
    process.argv = std::move(read->argv);
    process.environment = std::move(read->environment);
    process.working_directory = std::move(read->working_directory);
    return {};
  };
}

}  // namespace

void* create_base_provisioner(nk_context* handle, nk_string reference, void* derived,
                              const nk_base_provisioner_hooks* hooks,
                              const nk_provisioner_functions** functions, nk_reply reply) {
  auto& context = PluginContext::of(handle);
  auto made = context.makers().make_provisioner(from_abi(reference), context.executor(), context.handover(),
                                                prepare_by_hook(context, derived, hooks));
  if (!made) {
    reply.fail(reply.context, to_abi(made.error().code), to_abi(made.error().message));
    return nullptr;
  }
  *functions = &functions_of_base;
  const Shared provisioner = *std::move(made);
  context.add_base(provisioner);
  return new BaseProvisioner(context, provisioner);
}

}  // namespace nextgen_kernels
