#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "registry/class_reference.h"
#include "registry/class_table.h"
#include "registry/entry_point.h"
#include "registry/snapshot_cell.h"

namespace nextgen_kernels {

/// Where the name of a provisioner comes from, strongest first: nobody can take the name of a built-in one.
enum class ProvisionerSource { builtin, discovered };

/// A provisioner class under the name that kernel specs use.
struct NamedProvisioner {
  std::string name;
  ClassReference provisioner;
  ProvisionerSource kind;
  std::string source;       ///< In words: "built in", "entry point of spark-kernels 1.2 (/path)".
  std::string unavailable;  ///< Why it cannot be used, in words; empty when it can.
  std::optional<ClassReference> alias = {};  ///< What its source calls the class, when it is an alias of it.
};

/// A name that stands for two classes.
struct ProvisionerNameConflict {
  NamedProvisioner used;
  NamedProvisioner unused;
  std::string message;
};

/// Finds the provisioner class for the name in a kernel spec
/// (`metadata.kernel_provisioner.provisioner_name`).
///
/// It answers with class references; creating the objects is the application's part, with `ClassMakers`. A
/// built-in name goes before a discovered one; of two discovered ones the first on the search path is used,
/// and the other is a conflict when it names another class.
///
/// Owned by the application. All functions may be called from any thread; those that only answer never wait.
class KernelProvisionerFactory {
 public:
  static constexpr std::string_view default_name_variable = "JUPYTER_DEFAULT_PROVISIONER_NAME";
  static constexpr std::string_view standard_provisioner_name = "local-provisioner";

  /// `default_provisioner_name` is the configured one (`KernelProvisionerFactory.default_provisioner_name`).
  /// Empty: that of JUPYTER_DEFAULT_PROVISIONER_NAME in `environment`, else `local-provisioner`.
  explicit KernelProvisionerFactory(std::string default_provisioner_name = {},
                                    const std::map<std::string, std::string>& environment = {});

  /// The provisioner of kernel specs that name none.
  const std::string& default_provisioner_name() const { return default_name_; }

  /// Adds a provisioner of this program. Refused when the name is a built-in one already.
  Result<void> add_builtin(std::string_view name, const ClassReference& provisioner);

  /// Replaces all discovered names by the entries of the group `jupyter_client.kernel_provisioners`, plugins
  /// and Python distributions, in the order of the search path. `classes` tells which references are aliases,
  /// and which are no provisioners. Malformed entries are logged and returned; the others are used.
  std::vector<Error> auto_discover_provisioners(std::span<const EntryPoint> entry_points,
                                                const ClassTable& classes);

  /// Says why kernels cannot use a class (library missing, no Python helper); an empty reason takes it back.
  void set_unavailable(const ClassReference& provisioner, std::string_view reason);

  /// The class for a name; an empty name is the default. The error is a sentence for `kernelspec list --all`:
  /// an unknown name with the names there are, or the reason why the class is unavailable.
  Result<NamedProvisioner> find(std::string_view name) const;

  /// All names that are used, sorted.
  std::vector<NamedProvisioner> provisioners() const;

  std::vector<ProvisionerNameConflict> conflicts() const;

 private:
  struct State {
    std::map<std::string, NamedProvisioner, std::less<>> builtin;
    std::vector<NamedProvisioner> discovered;  // In order of the search path.
    std::unordered_map<ClassReference, std::string> unavailable;

    const NamedProvisioner* find(std::string_view name) const;
    NamedProvisioner with_availability(NamedProvisioner provisioner) const;
    std::vector<NamedProvisioner> used() const;
    std::vector<ProvisionerNameConflict> conflicts() const;
  };

  template <typename Function>
  auto change(Function&& function);

  std::string default_name_;
  SnapshotCell<State> state_;
  std::mutex change_mutex_;
};

}  // namespace nextgen_kernels
