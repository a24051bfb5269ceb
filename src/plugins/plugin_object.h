#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "plugins/plugin_context.h"
#include "plugins/plugin_reply.h"

namespace nextgen_kernels {

/// An object of a class of a plugin, with its context. Destroyed on its thread, on which it was made.
/// `Functions` are those of the class's kind.
template <typename Functions>
class PluginObject {
 public:
  /// Calls the constructor; `about` is what the ABI says a class learns there.
  static Result<PluginObject> make(const nk_class& of, std::unique_ptr<PluginContext> context,
                                   const nlohmann::json& about) {
    const auto text = to_json_text(about);
    ImmediateReply reply;
    void* const self = of.create(context->handle(), to_abi(text), reply.abi());
    if (self != nullptr)
      return PluginObject(self, static_cast<const Functions*>(of.functions), std::move(context));
    const auto failure = reply.take();
    return make_error(failure ? ErrorCode::protocol : failure.error().code, "Creating a {} failed: {}",
                      from_abi(of.reference), failure ? "it gave no reason" : failure.error().message);
  }

  PluginObject(PluginObject&& other) noexcept
      : context_(std::move(other.context_)),
        self_(std::exchange(other.self_, nullptr)),
        functions_(other.functions_) {}
  PluginObject& operator=(PluginObject&&) = delete;
  ~PluginObject() {
    if (self_ != nullptr) functions_->destroy(self_);
  }

  void* self() const { return self_; }
  const Functions* operator->() const { return functions_; }
  PluginContext& context() const { return *context_; }

 private:
  PluginObject(void* self, const Functions* functions, std::unique_ptr<PluginContext> context)
      : context_(std::move(context)), self_(self), functions_(functions) {}

  std::unique_ptr<PluginContext> context_;  // Goes after the object.
  void* self_;
  const Functions* functions_;
};

}  // namespace nextgen_kernels
