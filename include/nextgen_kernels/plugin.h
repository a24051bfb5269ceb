#pragma once

/// \file The SDK for plugins of nextgen-kernels: provisioners, kernel clients and listeners in C++20.
/// Header-only; it needs the standard library and nothing else.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include <nextgen_kernels/abi.h>
#include <nextgen_kernels/context.h>
#include <nextgen_kernels/kernel_client.h>
#include <nextgen_kernels/listener.h>
#include <nextgen_kernels/provisioner.h>
#include <nextgen_kernels/registration.h>
#include <nextgen_kernels/reply.h>
#include <nextgen_kernels/version.h>

namespace nextgen_kernels::plugin {
namespace detail {

/// An object of a plugin with its context, as the ABI holds it. The object goes first.
template <typename T>
struct [[gnu::visibility("hidden")]] Instance {
  Instance(nk_context* handle, Json about) : context(handle, std::move(about)), object(context) {}

  static void* create(nk_context* handle, nk_string about, nk_reply reply) {
    try {
      return new Instance(handle, Json::parse(from_abi(about)));
    } catch (...) {
      tell_exception([reply](std::int32_t code, std::string_view message) {
        reply.fail(reply.context, code, to_abi(message));
      });
      return nullptr;
    }
  }
  static void destroy(void* self) {
    call_logged("A destructor of a plugin", [self] { delete static_cast<Instance*>(self); });
  }
  static T& of(void* self) { return static_cast<Instance*>(self)->object; }

  Context context;
  T object;
};

inline Purpose purpose_of(std::int32_t for_restart) {
  return for_restart != 0 ? Purpose::restart : Purpose::end;
}

/// What NEXTGEN_KERNELS_ON_LOAD names. Of this library alone, as `host`.
[[gnu::visibility("hidden")]] inline void (*on_load)() = nullptr;
[[gnu::visibility("hidden")]] inline std::string load_failure;

/// Calls it, and returns why the library cannot be used.
[[gnu::visibility("hidden")]] inline nk_string run_on_load() noexcept {
  load_failure.clear();
  try {
    if (on_load != nullptr) on_load();
  } catch (...) {
    tell_exception([](std::int32_t, std::string_view message) {
      load_failure = message.empty() ? "it gave no reason" : message;
    });
  }
  return to_abi(load_failure);
}

template <typename T>
struct [[gnu::visibility("hidden")]] ProvisionerFunctions {
  static Provisioner& of(void* self) { return Instance<T>::of(self); }

  static constexpr nk_provisioner_functions table = {
      .size = sizeof(nk_provisioner_functions),
      .destroy = &Instance<T>::destroy,
      .launch_kernel =
          [](void* self, nk_string request, nk_reply reply) {
            call_with_reply<Json>(reply, [&](Reply<Json> typed) {
              of(self).launch_kernel(Json::parse(from_abi(request)), std::move(typed));
            });
          },
      .wait =
          [](void* self, nk_reply reply) {
            call_with_reply<ExitStatus>(reply,
                                        [&](Reply<ExitStatus> typed) { of(self).wait(std::move(typed)); });
          },
      .send_signal =
          [](void* self, std::int32_t signal_number, nk_reply reply) {
            call_with_reply<void>(
                reply, [&](Reply<void> typed) { of(self).send_signal(signal_number, std::move(typed)); });
          },
      .terminate =
          [](void* self, std::int32_t for_restart, nk_reply reply) {
            call_with_reply<void>(reply, [&](Reply<void> typed) {
              of(self).terminate(purpose_of(for_restart), std::move(typed));
            });
          },
      .kill =
          [](void* self, std::int32_t for_restart, nk_reply reply) {
            call_with_reply<void>(
                reply, [&](Reply<void> typed) { of(self).kill(purpose_of(for_restart), std::move(typed)); });
          },
      .cleanup =
          [](void* self, std::int32_t for_restart, nk_reply reply) {
            call_with_reply<void>(reply, [&](Reply<void> typed) {
              of(self).cleanup(purpose_of(for_restart), std::move(typed));
            });
          },
      .describe_end = [](void* self,
                         nk_reply reply) { answer(reply, [&] { return of(self).describe_end(); }); },
      .output_tail = [](void* self,
                        nk_reply reply) { answer(reply, [&] { return of(self).output_tail(); }); },
      .get_provisioner_info =
          [](void* self, nk_reply reply) {
            answer(reply, [&] { return of(self).get_provisioner_info().dump(); });
          },
      .why_launch_again = [](void* self,
                             nk_reply reply) { answer(reply, [&] { return of(self).why_launch_again(); }); },
      .owns_kernel =
          [](void* self) {
            bool owns = true;
            call_logged("owns_kernel", [&] { owns = of(self).owns_kernel(); });
            return std::int32_t{owns};
          },
      .complete_connection =
          [](void* self, nk_string info, std::uint64_t timeout, nk_reply reply) {
            call_with_reply<Json>(reply, [&](Reply<Json> typed) {
              of(self).complete_connection(Json::parse(from_abi(info)), std::chrono::milliseconds(timeout),
                                           std::move(typed));
            });
          },
      .adoption_record =
          [](void* self, nk_reply reply) {
            answer(reply, [&] { return of(self).adoption_record().dump(); });
          },
      .adopt_kernel =
          [](void* self, nk_string request, nk_reply reply) {
            call_with_reply<Json>(reply, [&](Reply<Json> typed) {
              of(self).adopt_kernel(Json::parse(from_abi(request)), std::move(typed));
            });
          }};
};

template <typename T>
struct [[gnu::visibility("hidden")]] ClientFunctions {
  using Milliseconds = std::chrono::milliseconds;
  static KernelClient& of(void* self) { return Instance<T>::of(self); }

  static constexpr nk_client_functions table = {
      .size = sizeof(nk_client_functions),
      .destroy = &Instance<T>::destroy,
      .connect =
          [](void* self, nk_string info, std::uint64_t timeout, nk_reply reply) {
            call_with_reply<Json>(reply, [&](Reply<Json> typed) {
              of(self).connect(Json::parse(from_abi(info)), Milliseconds(timeout), std::move(typed));
            });
          },
      .disconnect = [](void* self) { call_logged("disconnect", [&] { of(self).disconnect(); }); },
      .send =
          [](void* self, const nk_message* message, nk_reply reply) {
            answer(reply, [&] {
              of(self).send(Message(*message));
              return std::string();
            });
          },
      .control_request =
          [](void* self, nk_string type, nk_string content, std::uint64_t timeout, nk_reply reply) {
            call_with_reply<Json>(reply, [&](Reply<Json> typed) {
              of(self).control_request(from_abi(type), Json::parse(from_abi(content)), Milliseconds(timeout),
                                       std::move(typed));
            });
          },
      .shell_request =
          [](void* self, nk_string type, nk_string content, std::uint64_t timeout, nk_reply reply) {
            call_with_reply<Json>(reply, [&](Reply<Json> typed) {
              of(self).shell_request(from_abi(type), Json::parse(from_abi(content)), Milliseconds(timeout),
                                     std::move(typed));
            });
          },
      .silent_milliseconds =
          [](void* self) {
            std::int64_t milliseconds = 0;
            call_logged("silent_for", [&] { milliseconds = of(self).silent_for().count(); });
            return milliseconds < 0 ? std::uint64_t{0} : static_cast<std::uint64_t>(milliseconds);
          },
      .adoption_record =
          [](void* self, nk_reply reply) {
            answer(reply, [&] { return of(self).adoption_record().dump(); });
          },
      .reconnect =
          [](void* self, nk_string info, nk_string record, std::uint64_t timeout, nk_reply reply) {
            call_with_reply<Json>(reply, [&](Reply<Json> typed) {
              of(self).reconnect(Json::parse(from_abi(info)), Json::parse(from_abi(record)),
                                 Milliseconds(timeout), std::move(typed));
            });
          }};
};

template <typename T>
struct [[gnu::visibility("hidden")]] ListenerFunctions {
  static Listener& of(void* self) { return Instance<T>::of(self); }

  static constexpr nk_listener_functions table = {
      .size = sizeof(nk_listener_functions),
      .destroy = &Instance<T>::destroy,
      .on_message =
          [](void* self, const nk_message* message) {
            call_logged("on_message", [&] { of(self).on_message(Message(*message)); });
          },
      .on_lost = [](void* self, std::uint64_t first,
                    std::uint64_t last) { call_logged("on_lost", [&] { of(self).on_lost(first, last); }); }};
};

constexpr nk_class make_class(std::string_view reference, std::int32_t kind, const void* functions,
                              void* (*create)(nk_context*, nk_string, nk_reply)) {
  return {sizeof(nk_class), {reference.data(), reference.size()}, kind, functions, create};
}

/// The table of functions of a class, which is one of its kind.
template <typename T>
constexpr const void* functions_of() {
  if constexpr (std::is_base_of_v<Provisioner, T>)
    return &ProvisionerFunctions<T>::table;
  else
    return &ClientFunctions<T>::table;
}

/// The class reference under which this library exports a class, or of a class of the server.
template <typename T>
std::string_view reference_of() {
  if constexpr (std::is_same_v<T, LocalProvisioner> || std::is_same_v<T, JupyterServerKernelClient>) {
    return T::base_reference;
  } else {
    for (std::size_t index = 0; library != nullptr && index < library->class_count; ++index)
      if (library->classes[index]->functions == functions_of<T>())
        return from_abi(library->classes[index]->reference);
    throw Error(
        ErrorCode::not_found,
        "register_client was given a class that NEXTGEN_KERNELS_PLUGIN(...) does not name: add it there");
  }
}

}  // namespace detail

/// Maps a provisioner class to the client class for its kernels, each of this library or of the server:
/// `LocalProvisioner`, `JupyterServerKernelClient`. As `register_from_string`.
template <typename ProvisionerClass, typename ClientClass>
void register_client(const MappingOptions& options = {}) {
  static_assert(std::is_base_of_v<Provisioner, ProvisionerClass>, "the first class must be a Provisioner");
  static_assert(std::is_base_of_v<KernelClient, ClientClass>, "the second class must be a KernelClient");
  register_from_string(detail::reference_of<ProvisionerClass>(), detail::reference_of<ClientClass>(),
                       options);
}

/// A class of a plugin under its class reference, `module:Class`, for NEXTGEN_KERNELS_PLUGIN. The class is
/// derived from Provisioner, KernelClient or Listener, and is made from a `const Context&`.
template <typename T>
constexpr nk_class plugin_class(std::string_view reference) {
  static_assert(std::is_constructible_v<T, const Context&>,
                "a class of a plugin needs a constructor that takes a const Context&");
  if constexpr (std::is_base_of_v<Provisioner, T>) {
    return detail::make_class(reference, NK_CLASS_PROVISIONER, &detail::ProvisionerFunctions<T>::table,
                              &detail::Instance<T>::create);
  } else if constexpr (std::is_base_of_v<KernelClient, T>) {
    return detail::make_class(reference, NK_CLASS_CLIENT, &detail::ClientFunctions<T>::table,
                              &detail::Instance<T>::create);
  } else {
    static_assert(std::is_base_of_v<Listener, T>,
                  "a class of a plugin derives from Provisioner, KernelClient or Listener");
    return detail::make_class(reference, NK_CLASS_LISTENER, &detail::ListenerFunctions<T>::table,
                              &detail::Instance<T>::create);
  }
}

}  // namespace nextgen_kernels::plugin

/// Names a function, `void()`, that is called when the library has been loaded, before any object of it is
/// made: it may register clients. Its exception makes the library unusable, and is the reason that users
/// read. Stands at most once in a library, outside of any namespace:
///
///     NEXTGEN_KERNELS_ON_LOAD([] { nextgen_kernels::plugin::register_client<MyProvisioner, MyClient>(); })
#define NEXTGEN_KERNELS_ON_LOAD(...)                           \
  [[maybe_unused]] static const bool nextgen_kernels_on_load = \
      (nextgen_kernels::plugin::detail::on_load = (__VA_ARGS__), true);

/// Exports the classes of a plugin. Stands once in a library, outside of any namespace:
///
///     NEXTGEN_KERNELS_PLUGIN(nextgen_kernels::plugin::plugin_class<MyProvisioner>("my_package:MyProvisioner"),
///                            nextgen_kernels::plugin::plugin_class<MyClient>("my_package:MyClient"))
#define NEXTGEN_KERNELS_PLUGIN(...)                                                                        \
  extern "C" [[gnu::visibility("default")]] const nk_plugin* nextgen_kernels_plugin(const nk_host* host) { \
    static const nk_class classes[] = {__VA_ARGS__};                                                       \
    constexpr std::size_t count = sizeof classes / sizeof classes[0];                                      \
    static const nk_class* pointers[count];                                                                \
    for (std::size_t index = 0; index < count; ++index) pointers[index] = &classes[index];                 \
    static nk_plugin plugin = {sizeof(nk_plugin),                                                          \
                               NK_ABI_VERSION,                                                             \
                               {NEXTGEN_KERNELS_SDK_VERSION, sizeof NEXTGEN_KERNELS_SDK_VERSION - 1},      \
                               pointers,                                                                   \
                               count,                                                                      \
                               {}};                                                                        \
    nextgen_kernels::plugin::detail::host = host;                                                          \
    nextgen_kernels::plugin::detail::library = &plugin;                                                    \
    plugin.refusal = nextgen_kernels::plugin::detail::run_on_load();                                       \
    return &plugin;                                                                                        \
  }
