#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <nextgen_kernels/host.h>
#include <nextgen_kernels/json.h>

namespace nextgen_kernels::plugin {
namespace detail {

/// A function as the ABI's `nk_task`, which frees it.
class Task {
 public:
  static void* make(std::function<void()> function) { return new std::function<void()>(std::move(function)); }

  static void run(void* data, std::int32_t cancelled) {
    const std::unique_ptr<std::function<void()>> function(static_cast<std::function<void()>*>(data));
    if (cancelled == 0) call_logged("A task of a plugin", *function);
  }
};

}  // namespace detail

/// Calls a function after a time, unless it is destroyed before.
class [[nodiscard]] Timer {
 public:
  Timer() = default;
  Timer(Timer&& other) noexcept
      : context_(std::exchange(other.context_, nullptr)), number_(std::exchange(other.number_, 0)) {}
  Timer& operator=(Timer&& other) noexcept {
    std::swap(context_, other.context_);
    std::swap(number_, other.number_);
    return *this;
  }
  ~Timer() {
    if (context_ != nullptr) detail::host->cancel_timer(context_, number_);
  }

 private:
  friend class Context;
  Timer(nk_context* context, std::uint64_t number) : context_(context), number_(number) {}

  nk_context* context_ = nullptr;
  std::uint64_t number_ = 0;
};

/// The kernel that an object of a plugin is for, and the object's thread: the kernel's, or a listener's own.
/// Owned by the SDK; lives as long as the object.
class Context {
 public:
  Context(nk_context* context, Json about)
      : context_(context),
        about_(std::move(about)),
        kernel_id_(text_of("kernel_id")),
        kernel_name_(text_of("kernel_name")),
        language_(text_of("language")),
        username_(text_of("username")) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const std::string& kernel_id() const { return kernel_id_; }
  /// The name of its kernel spec.
  const std::string& kernel_name() const { return kernel_name_; }

  /// Its kernel spec, as in kernel.json; an older server tells {}.
  const Json& kernel_spec() const { return object_of("kernel_spec"); }
  /// The language of its kernel spec, "python"; an older server tells nothing.
  const std::string& language() const { return language_; }
  /// Whose kernel it is. Empty when the server does not know its users, for kernels that it started before
  /// anybody asked for them, and in an older server.
  const std::string& username() const { return username_; }

  /// An option, by its name. Every option of the manifest that has a default is there, and of the type that
  /// the manifest says. (A server that is older than options of clients and listeners has none for these.)
  const Json& option(std::string_view name) const { return options().at(name); }
  /// All options that have a value: of provisioners from the kernel spec, of others from the configuration,
  /// of all from the manifest.
  const Json& options() const { return object_of("options"); }

  /// Calls `function` on the object's thread, later; not when the object is gone by then. From any thread.
  void post(std::function<void()> function) const {
    detail::host->post(context_, &detail::Task::run, detail::Task::make(std::move(function)));
  }

  /// Calls `function` on the object's thread after `delay`, while the timer lives. On that thread.
  Timer start_timer(std::chrono::milliseconds delay, std::function<void()> function) const {
    const auto milliseconds = static_cast<std::uint64_t>(delay.count() < 0 ? 0 : delay.count());
    return {context_, detail::host->start_timer(context_, milliseconds, &detail::Task::run,
                                                detail::Task::make(std::move(function)))};
  }

  nk_context* handle() const { return context_; }

 private:
  std::string text_of(std::string_view name) const {
    const auto* member = about_.find(name);
    return member != nullptr && member->is_string() ? member->as_string() : std::string();
  }

  const Json& object_of(std::string_view name) const {
    const auto* member = about_.find(name);
    return member != nullptr && member->is_object() ? *member : none_;
  }

  nk_context* context_;
  Json about_;
  Json none_ = Json::object();
  std::string kernel_id_;
  std::string kernel_name_;
  std::string language_;
  std::string username_;
};

}  // namespace nextgen_kernels::plugin
