#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "registry/version.h"

namespace nextgen_kernels {

/// What a provisioner promises about the fields of its connection info: the name of a contract and its
/// version
/// (`jupyter-zmq 5.3`). Without a version only the name is compared.
struct ConnectionContract {
  std::string name;
  std::optional<Version> version;

  static Result<ConnectionContract> parse(std::string_view text);
  std::string to_string() const;
  bool operator==(const ConnectionContract&) const = default;
};

/// The versions of one contract that a client understands (`jupyter-zmq >=5,<6`; without a range, all of
/// them).
struct UnderstoodContract {
  std::string name;
  std::optional<VersionRange> versions;

  static Result<UnderstoodContract> parse(std::string_view text);
  bool accepts(const ConnectionContract& contract) const;
  std::string to_string() const;
  bool operator==(const UnderstoodContract&) const = default;
};

}  // namespace nextgen_kernels
