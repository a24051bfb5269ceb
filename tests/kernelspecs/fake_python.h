#pragma once

#include <string>

#include <fmt/format.h>

#include "../support/temporary_directory.h"

namespace nextgen_kernels {

/// Puts a `<prefix>/bin/python` into the directory that has ipykernel and counts its runs in `<prefix>/runs`.
inline std::filesystem::path add_python_with_ipykernel(const TemporaryDirectory& directory,
                                                       const std::string& prefix) {
  const auto root = directory.path() / prefix;
  directory.write(prefix + "/resources/logo-svg.svg", "<svg/>");
  directory.write_program(prefix + "/bin/python", fmt::format(R"sh(#!/bin/sh
echo run >> '{0}/runs'
echo 'noise of a site customization'
cat <<'END'
{{"resource_dir": "{0}/resources", "spec": {{"argv": ["{0}/bin/python", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"], "display_name": "Python 3 (ipykernel)", "language": "python"}}}}
END
)sh",
                                                              root.string()));
  return root;
}

inline std::filesystem::path add_python_without_ipykernel(const TemporaryDirectory& directory,
                                                          const std::string& prefix) {
  const auto root = directory.path() / prefix;
  directory.write_program(prefix + "/bin/python3", fmt::format(R"sh(#!/bin/sh
echo run >> '{}/runs'
echo "ModuleNotFoundError: No module named 'ipykernel'" >&2
exit 1
)sh",
                                                               root.string()));
  return root;
}

}  // namespace nextgen_kernels
