#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/class_reference.h"
#include "registry/connection_contract.h"
#include "registry/version.h"

namespace nextgen_kernels {

enum class ClassKind { provisioner, client, listener };

/// "provisioner", "kernel client" or "listener", for messages.
std::string_view to_string(ClassKind kind);

/// What is known of a class without loading it: from C++ at compile time, from a plugin's manifest, from
/// `__mro__`.
struct ClassDeclaration {
  ClassReference reference;
  ClassKind kind;
  /// Direct bases, in order. They may be declared later, or never: then they have no bases of their own.
  std::vector<ClassReference> bases = {};
  /// Other names of the same class, as a Python package gives by importing it:
  /// `jupyter_client.provisioning:LocalProvisioner`. Each means the class wherever a reference is read.
  std::vector<ClassReference> aliases = {};
  std::optional<Version> version = {};
  /// Provisioners: the contracts that their connection info meets. Empty: those of the nearest base.
  std::vector<ConnectionContract> produces = {};
  /// Clients: the contracts that they can connect with. Empty: those of the nearest base.
  std::vector<UnderstoodContract> understands = {};
  /// Clients: which versions of the provisioner that they are mapped to they understand. Not inherited,
  /// because a derived client usually serves another provisioner.
  std::optional<VersionRange> provisioner_versions = {};
  /// JSON Schema of the options; its meaning is that of whoever creates objects of the class.
  std::string options_schema = {};
  /// Who declares it, in words ("built in", "plugin spark-kernels 1.2").
  std::string source = {};

  bool operator==(const ClassDeclaration&) const = default;
};

}  // namespace nextgen_kernels
