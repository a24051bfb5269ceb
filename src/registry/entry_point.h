#pragma once

#include <string>
#include <string_view>

#include "registry/mapping.h"

namespace nextgen_kernels {

/// The group whose entries map a provisioner (name) to a client (value), both class references.
inline constexpr std::string_view client_registry_entry_point_group = "jupyter_kernel_client_registry";

/// The group whose entries give a provisioner class (value) a name that kernel specs use.
inline constexpr std::string_view kernel_provisioners_entry_point_group =
    "jupyter_client.kernel_provisioners";

/// One line of a distribution's entry points, or of a plugin's manifest, as discovery found it.
struct EntryPoint {
  std::string name;
  std::string value;
  std::string distribution = {};  ///< Who brings it, for example "spark-kernels 1.2".
  std::string path = {};          ///< The file it stands in.
  /// Of the mapping, in the group of clients; manifests may state them.
  MappingCriteria criteria = {};
  int priority = 0;

  /// "entry point of spark-kernels 1.2 (/path/entry_points.txt)", for messages.
  std::string describe_source() const;
};

}  // namespace nextgen_kernels
