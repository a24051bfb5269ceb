#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "registry/class_reference.h"
#include "registry/class_table.h"
#include "registry/class_traits.h"
#include "registry/entry_point.h"
#include "registry/mapping.h"
#include "registry/registry_event.h"
#include "registry/registry_problem.h"
#include "registry/resolution.h"

namespace nextgen_kernels {

class RegistryCore;

/// The client that serves kernels for whose provisioner nobody registered one.
inline constexpr ClassReferenceLiteral default_fallback_client =
    "nextgen_kernels_api.services.kernels.client:JupyterServerKernelClient";

/// Keeps a mapping registered while it lives. Ends nothing when the mapping has been replaced or removed
/// meanwhile, or when the registry is gone.
class [[nodiscard]] Registration {
 public:
  Registration(Registration&& other) noexcept = default;
  Registration& operator=(Registration&& other) noexcept;
  ~Registration() { end(); }

  MappingId id() const { return id_; }

  /// Ends the mapping now.
  void end();

  /// Leaves the mapping registered for good.
  void release() { core_.reset(); }

 private:
  friend class KernelClientRegistry;
  Registration(std::weak_ptr<RegistryCore> core, MappingId id) : core_(std::move(core)), id_(id) {}

  std::weak_ptr<RegistryCore> core_;
  MappingId id_;
};

/// Keeps a callback while it lives. A call that another thread has begun may still be running when it ends.
class [[nodiscard]] CallbackRegistration {
 public:
  CallbackRegistration(CallbackRegistration&& other) noexcept = default;
  CallbackRegistration& operator=(CallbackRegistration&& other) noexcept;
  ~CallbackRegistration() { end(); }

  void end();

 private:
  friend class KernelClientRegistry;
  CallbackRegistration(std::weak_ptr<RegistryCore> core, std::uint64_t id)
      : core_(std::move(core)), id_(id) {}

  std::weak_ptr<RegistryCore> core_;
  std::uint64_t id_;
};

/// Decides which client class serves the kernels of a provisioner class.
///
/// Lookup: a mapping of the exact class, else of the nearest base in its C3 linearization (whatever the order
/// of registration), else the fallback client, else nothing. Among the mappings of one class: configuration
/// before programmatic before entry point, then by priority, then those with criteria before those for every
/// kernel. A tie is a conflict, reported and decided: of programmatic mappings the later, of entry points the
/// one found first.
///
/// Every function takes an alias of a declared class for the class; answers name the class and say so.
///
/// Nothing is loaded here: classes are references. Whoever creates objects reports `mark_loaded` and
/// `mark_failed`.
///
/// Owned by the application, which declares classes, discovers, configures, and then serves. All functions
/// may be called from any thread. Those that only answer never wait for those that change something, nor for
/// each other; they see the state before or after a change, never one in between.
class KernelClientRegistry {
 public:
  using EntryPointProvider = std::function<std::vector<EntryPoint>()>;
  /// Provisioner to client, both as `module:Class` or `module.Class`.
  using StringMappings = std::map<std::string, std::string>;

  KernelClientRegistry();
  /// Calls that are under way in other threads must have returned.
  ~KernelClientRegistry();
  KernelClientRegistry(const KernelClientRegistry&) = delete;
  KernelClientRegistry& operator=(const KernelClientRegistry&) = delete;

  /// Adds classes, so that lookup knows their bases and versions. Each error is also logged, names its class,
  /// and stops none of the others; see `ClassTable::define`.
  std::vector<Error> define_classes(std::vector<ClassDeclaration> declarations);
  /// The same for one class.
  Result<void> define_class(ClassDeclaration declaration);
  /// The classes declared so far.
  std::shared_ptr<const ClassTable> classes() const;

  /// Maps a provisioner class to a client class. One with the same criteria and priority is replaced, with a
  /// warning that names both sources. Refused when the classes' declared versions or contracts do not fit,
  /// and when one of them is declared as something else than a provisioner, or a client. (Jupyter's design
  /// calls it `register`, a C++ keyword.)
  Result<MappingId> register_client(const ClassReference& provisioner, const ClassReference& client,
                                    MappingOptions options = {});

  /// The same for C++ classes, which are declared with their bases.
  template <HasDeclaredClass Provisioner, HasDeclaredClass Client>
  Result<MappingId> register_client(MappingOptions options = {}) {
    if (auto defined = define_class<Provisioner>(ClassKind::provisioner); !defined)
      return std::unexpected(defined.error());
    if (auto defined = define_class<Client>(ClassKind::client); !defined)
      return std::unexpected(defined.error());
    return register_client(class_reference_of<Provisioner>(), class_reference_of<Client>(),
                           std::move(options));
  }

  /// Declares a C++ class and its declared bases.
  template <HasDeclaredClass T>
  Result<void> define_class(ClassKind kind) {
    auto declarations = class_declarations_of<T>(kind);
    if (!declarations) return std::unexpected(declarations.error());
    auto errors = define_classes(*std::move(declarations));
    if (!errors.empty()) return std::unexpected(std::move(errors.front()));
    return {};
  }

  /// The same from text, each side in either form. The classes need not be known: nothing is loaded until a
  /// kernel needs it.
  Result<MappingId> register_from_string(std::string_view provisioner, std::string_view client,
                                         MappingOptions options = {});

  /// Like `register_client`, for as long as the returned object lives.
  Result<Registration> register_scoped(const ClassReference& provisioner, const ClassReference& client,
                                       MappingOptions options = {});

  /// Ends one mapping, whatever its precedence.
  Result<void> unregister(MappingId id);

  /// Ends the programmatic mappings of a provisioner class; returns how many there were.
  std::size_t unregister(const ClassReference& provisioner);

  /// Replaces all mappings of the group `jupyter_kernel_client_registry` by these, which stand in the order
  /// of the search path. A malformed entry, or one whose versions do not fit, is logged, returned and listed
  /// by `problems`; it does not stop the others.
  std::vector<Error> auto_discover_registrations(std::span<const EntryPoint> entry_points);

  /// The same with what the provider finds now. Without a provider, and when it throws, nothing changes.
  std::vector<Error> auto_discover_registrations();
  void set_entry_point_provider(EntryPointProvider provider);

  /// Replaces all mappings of the configuration by these: `provisioner_client_mappings` for every kernel, and
  /// `conditional_client_mappings`, whose options say for which. Errors as in `auto_discover_registrations`.
  std::vector<Error> apply_config_mappings(const StringMappings& provisioner_client_mappings,
                                           std::vector<TextMapping> conditional_client_mappings = {});

  /// Sets the fallback client of one precedence; that of the configuration is used before that of a program.
  /// Refused for a class that is declared as something else than a client.
  Result<void> set_fallback_client(const ClassReference& client,
                                   Precedence precedence = Precedence::programmatic);
  /// Removes it again; with neither, an unmatched provisioner has no client.
  void remove_fallback_client(Precedence precedence = Precedence::programmatic);
  std::optional<ClassReference> fallback_client_class() const;

  /// The client for a provisioner class, never null. Tens of nanoseconds once asked, unless a mapping's
  /// criteria must be compared with the kernel.
  std::shared_ptr<const Resolution> get_client_for_provisioner(const ClassReference& provisioner) const;
  std::shared_ptr<const Resolution> get_client_for_provisioner(const ClassReference& provisioner,
                                                               const KernelContext& context) const;
  /// For a C++ class.
  template <HasDeclaredClass Provisioner>
  std::shared_ptr<const Resolution> get_client_for_provisioner(const KernelContext& context = {}) const {
    return get_client_for_provisioner(class_reference_of<Provisioner>(), context);
  }
  /// For an instance, by its most derived class.
  template <HasClassReference Provisioner>
  std::shared_ptr<const Resolution> get_client_for_provisioner(const Provisioner& provisioner,
                                                               const KernelContext& context = {}) const {
    return get_client_for_provisioner(class_reference_of(provisioner), context);
  }

  /// Provisioner and client as `module:Class`; of several mappings of one provisioner the one that is tried
  /// first.
  StringMappings get_registered_mappings() const;

  /// Every mapping, in the order of registration.
  std::vector<MappingInfo> registered_mappings() const;
  std::vector<MappingConflict> conflicts() const;
  /// Refused input, classes without a usable order of bases, mappings that cannot be used.
  std::vector<RegistryProblem> problems() const;

  /// The class was loaded, or could not be: kernels whose client it is are refused with the reason until it
  /// is loaded.
  void mark_loaded(const ClassReference& client);
  void mark_failed(const ClassReference& client, std::string_view reason);
  /// Back to declared, so that the next kernel tries to load the class again.
  void reset_load_state(const ClassReference& client);

  /// Says why kernels cannot have a client class although nobody tried to load it (no Python helper, library
  /// missing): they are refused with the reason. An empty reason takes it back.
  void set_unavailable(const ClassReference& client, std::string_view reason);

  /// Calls `callback` after each event of this kind, after the callbacks that were added before. Changes are
  /// told one after another, in the order in which they happened, by a thread that changed something,
  /// possibly another; answers by the thread that asks. Exceptions are logged. A callback may use the
  /// registry: what it changes is told after it has returned.
  CallbackRegistration add_callback(RegistryEventKind kind, RegistryCallback callback);

  /// Forgets mappings, fallback settings, load states and problems; keeps declared classes, callbacks and
  /// the provider of entry points. For tests.
  void clear_registry();

 private:
  std::shared_ptr<RegistryCore> core_;
};

}  // namespace nextgen_kernels
