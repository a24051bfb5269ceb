#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/class_reference.h"
#include "registry/version.h"

namespace nextgen_kernels {

/// Where a mapping comes from, strongest first.
enum class Precedence { configuration, programmatic, entry_point };

/// "configuration", "programmatic", "entry point".
std::string_view to_string(Precedence precedence);

/// What is known of the kernel that is about to start; empty fields are unknown.
struct KernelContext {
  std::string kernel_name = {};
  std::string language = {};
  std::string kernel_client = {};                  ///< The kernel spec's `metadata.kernel_client`.
  std::map<std::string, std::string> labels = {};  ///< The texts in its `metadata.labels`.

  bool empty() const;
};

/// For which kernels a mapping is. Each field that is set must hold: one of its values equal (languages
/// without regard to case), each label present with its value. Nothing set: for every kernel.
struct MappingCriteria {
  std::vector<std::string> kernel_names = {};
  std::vector<std::string> languages = {};
  std::vector<std::string> kernel_clients = {};
  std::map<std::string, std::string> labels = {};

  bool empty() const;
  bool matches(const KernelContext& context) const;

  /// True when some kernel could meet both.
  bool overlaps(const MappingCriteria& other) const;

  /// "kernel name python3 or python2, label tier=gpu"; "every kernel" when empty.
  std::string describe() const;

  bool operator==(const MappingCriteria&) const = default;
};

/// Identifies one mapping of one registry; never used again.
enum class MappingId : std::uint64_t {};

/// What may be said when a client is registered.
struct MappingOptions {
  MappingCriteria criteria = {};
  /// Among mappings of one provisioner and one precedence, the highest that matches is used.
  int priority = 0;
  /// Instead of the range that the client class declares.
  std::optional<VersionRange> provisioner_versions = {};
  /// Who registers, in words, for messages.
  std::string source = "program code";

  bool operator==(const MappingOptions&) const = default;
};

/// What a configuration or an entry point says, before it is a mapping: its references may be malformed.
struct TextMapping {
  std::string provisioner;
  std::string client;
  MappingOptions options;
};

/// A provisioner class and the client class for its kernels. Immutable once registered.
struct Mapping {
  MappingId id;
  ClassReference provisioner;
  ClassReference client;
  Precedence precedence;
  MappingOptions options;
  /// The alias by which its source names a class; the class itself stands above.
  std::optional<ClassReference> provisioner_alias = {};
  std::optional<ClassReference> client_alias = {};
  /// Why it can never be used (its versions do not fit), in words; empty when it can.
  std::string refusal = {};
  /// The mapping that this one took the place of, if any.
  std::shared_ptr<const Mapping> replaced = {};

  /// "programmatic, program code": the precedence and the source.
  std::string describe_source() const;

  /// " (there called a:Alias)" for a class that its source names by an alias, else nothing.
  static std::string describe_alias(const std::optional<ClassReference>& alias);
};

/// A mapping as operators see it: the rich form of `get_registered_mappings`.
struct MappingInfo {
  enum class State { declared, loaded, failed };

  std::shared_ptr<const Mapping> mapping;
  State state = State::declared;
  std::string reason = {};  ///< Why kernels cannot have the client; empty when they can.
  std::optional<std::string> provisioner_version = {};
  std::optional<std::string> client_version = {};
  std::optional<std::string> understood_provisioner_versions = {};
};

/// "declared", "loaded", "failed".
std::string_view to_string(MappingInfo::State state);

/// Two or more mappings that claim the same kernels of one provisioner at one precedence and priority.
struct MappingConflict {
  std::shared_ptr<const Mapping> used;
  std::vector<std::shared_ptr<const Mapping>> unused;
  std::string message;  ///< Both sides with their sources, and why the one is used.
};

}  // namespace nextgen_kernels
