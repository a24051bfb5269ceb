#include "registry/connection_contract.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

struct NameAndRest {
  std::string_view name;
  std::string_view rest;
};

Result<NameAndRest> split_name(std::string_view text, std::string_view example) {
  const auto trimmed = trim(text);
  const auto end = std::ranges::find_if(trimmed, [](char character) {
    const bool word = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
                      (character >= '0' && character <= '9') || character == '-' || character == '_' ||
                      character == '.';
    return !word;
  });
  const auto length = static_cast<std::size_t>(end - trimmed.begin());
  if (length == 0)
    return make_error(
        ErrorCode::invalid_argument,
        "{:?} is not a connection-info contract: it does not begin with a name. Write for example {:?}",
        replace_invalid_utf8(text), example);
  return NameAndRest{trimmed.substr(0, length), trim(trimmed.substr(length))};
}

}  // namespace

Result<ConnectionContract> ConnectionContract::parse(std::string_view text) {
  const auto parts = split_name(text, "jupyter-zmq 5.3");
  if (!parts) return std::unexpected(parts.error());
  ConnectionContract contract{.name = std::string(parts->name), .version = std::nullopt};
  if (parts->rest.empty()) return contract;
  auto version = Version::parse(parts->rest);
  if (!version) return std::unexpected(version.error());
  contract.version = *std::move(version);
  return contract;
}

std::string ConnectionContract::to_string() const {
  return version ? fmt::format("{} {}", name, version->text()) : name;
}

Result<UnderstoodContract> UnderstoodContract::parse(std::string_view text) {
  const auto parts = split_name(text, "jupyter-zmq >=5,<6");
  if (!parts) return std::unexpected(parts.error());
  UnderstoodContract contract{.name = std::string(parts->name), .versions = std::nullopt};
  if (parts->rest.empty()) return contract;
  auto versions = VersionRange::parse(parts->rest);
  if (!versions) return std::unexpected(versions.error());
  contract.versions = *std::move(versions);
  return contract;
}

bool UnderstoodContract::accepts(const ConnectionContract& contract) const {
  if (contract.name != name) return false;
  return !versions || !contract.version || versions->contains(*contract.version);
}

std::string UnderstoodContract::to_string() const {
  return versions ? fmt::format("{} {}", name, versions->text()) : name;
}

}  // namespace nextgen_kernels
