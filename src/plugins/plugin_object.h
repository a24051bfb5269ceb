#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

#include "plugins/plugin_context.h"
#include "plugins/plugin_reply.h"
#include "runtime/loop_watchdog.h"

namespace nextgen_kernels {

/// A function that the ABI did not have from the beginning; null when the plugin is older, or has none.
template <typename Functions, typename Function>
Function later_function(const Functions& functions, Function Functions::* member) {
  static constexpr Functions layout{};
  const auto end =
      reinterpret_cast<const std::byte*>(&(layout.*member) + 1) - reinterpret_cast<const std::byte*>(&layout);
  return functions.size >= static_cast<std::size_t>(end) ? functions.*member : nullptr;
}

/// What a provisioner of a plugin can do for the server after this one.
inline Handover handover_of(const nk_provisioner_functions& functions) {
  const bool is_complete = later_function(functions, &nk_provisioner_functions::adoption_record) != nullptr &&
                           later_function(functions, &nk_provisioner_functions::adopt_kernel) != nullptr;
  return is_complete ? Handover::possible : Handover::impossible;
}

/// The kind of a class whose functions these are, as `nk_class::kind` has it.
template <typename Functions>
inline constexpr std::int32_t kind_of_functions = -1;
template <>
inline constexpr std::int32_t kind_of_functions<nk_provisioner_functions> = NK_CLASS_PROVISIONER;
template <>
inline constexpr std::int32_t kind_of_functions<nk_client_functions> = NK_CLASS_CLIENT;
template <>
inline constexpr std::int32_t kind_of_functions<nk_listener_functions> = NK_CLASS_LISTENER;

/// An object of a class of a plugin, with its context. Destroyed on its thread, on which it was made.
/// `Functions` are those of the class's kind.
template <typename Functions>
class PluginObject {
 public:
  /// Calls the constructor; `about` is what the ABI says a class learns there. Fails for a class of another
  /// kind, whose table of functions is another.
  static Result<PluginObject> make(const nk_class& of, std::unique_ptr<PluginContext> context,
                                   const nlohmann::json& about) {
    static_assert(kind_of_functions<Functions> >= 0);
    if (of.kind != kind_of_functions<Functions>)
      return make_error(ErrorCode::internal, "{} is a class of another kind than its use: it cannot be made",
                        from_abi(of.reference));
    const auto* const functions = static_cast<const Functions*>(of.functions);
    if constexpr (std::is_same_v<Functions, nk_provisioner_functions>)
      context->set_handover(handover_of(*functions));
    context->set_class_reference(from_abi(of.reference));
    const auto text = to_json_text(about);
    ImmediateReply reply;
    const LoopScope scope("the constructor of", context->class_reference());
    void* const self = of.create(context->handle(), to_abi(text), reply.abi());
    if (self != nullptr) return PluginObject(self, functions, std::move(context));
    const auto failure = reply.take();
    return make_error(failure ? ErrorCode::protocol : failure.error().code, "Creating {} failed: {}",
                      from_abi(of.reference), failure ? "it gave no reason" : failure.error().message);
  }

  PluginObject(PluginObject&& other) noexcept
      : context_(std::move(other.context_)),
        self_(std::exchange(other.self_, nullptr)),
        functions_(other.functions_) {}
  PluginObject& operator=(PluginObject&&) = delete;
  ~PluginObject() {
    if (self_ != nullptr) (*this)->destroy(self_);
  }

  void* self() const { return self_; }

  /// The functions for one call, which is named to whoever watches the event loop.
  class Call {
   public:
    explicit Call(const PluginObject& object)
        : functions_(object.functions_), scope_("a call of", object.context_->class_reference()) {}
    const Functions* operator->() const { return functions_; }

   private:
    const Functions* functions_;
    LoopScope scope_;
  };
  Call operator->() const { return Call(*this); }

  const Functions& functions() const { return *functions_; }
  PluginContext& context() const { return *context_; }

 private:
  PluginObject(void* self, const Functions* functions, std::unique_ptr<PluginContext> context)
      : context_(std::move(context)), self_(self), functions_(functions) {}

  std::unique_ptr<PluginContext> context_;  // Goes after the object.
  void* self_;
  const Functions* functions_;
};

}  // namespace nextgen_kernels
