#include "discovery/entry_points_file.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

struct NameAndValue {
  std::string_view name;
  std::string_view value;
};

/// Takes the line at the front of `rest`, with `\n` or `\r\n` as its end.
std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return trim(line);
}

bool is_comment(std::string_view line) {
  return line.starts_with('#') || line.starts_with(';');
}

/// True for text that tables, logs and JSON can carry as it is.
bool is_presentable(std::string_view text) {
  return std::ranges::none_of(text,
                              [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }) &&
         replace_invalid_utf8(text) == text;
}

std::string_view without_extras(std::string_view value) {
  if (!value.ends_with(']')) return value;
  return trim(value.substr(0, value.find('[')));
}

/// `module : attribute`, as the specification allows, without its spaces.
std::string reference_text(std::string_view value) {
  const auto colon = value.find(':');
  if (colon == std::string_view::npos) return std::string(value);
  return fmt::format("{}:{}", trim(value.substr(0, colon)), trim(value.substr(colon + 1)));
}

std::optional<NameAndValue> split_line(std::string_view line) {
  const auto equals = line.find('=');
  if (equals == std::string_view::npos || !is_presentable(line)) return std::nullopt;
  const NameAndValue parts{trim(line.substr(0, equals)), without_extras(trim(line.substr(equals + 1)))};
  if (parts.name.empty() || parts.value.empty()) return std::nullopt;
  return parts;
}

/// A line in a message, whatever is in it.
std::string shown(std::string_view line) {
  constexpr std::size_t longest = 80;
  const bool cut = line.size() > longest;
  return fmt::format("{:?}{}", replace_invalid_utf8(line.substr(0, longest)), cut ? "..." : "");
}

}  // namespace

EntryPointsFile parse_entry_points(std::string_view text, const std::string& distribution,
                                   const std::string& path) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  EntryPointsFile file;
  std::vector<EntryPoint>* group = nullptr;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto line = take_line(text);
    if (line.empty() || is_comment(line)) continue;
    if (line.starts_with('[') && line.ends_with(']')) {
      const auto name = trim(line.substr(1, line.size() - 2));
      group = name == kernel_provisioners_entry_point_group ? &file.provisioners
              : name == client_registry_entry_point_group   ? &file.clients
                                                            : nullptr;
      continue;
    }
    if (group == nullptr) continue;
    if (const auto parts = split_line(line))
      group->push_back({.name = std::string(parts->name),
                        .value = reference_text(parts->value),
                        .distribution = distribution,
                        .path = path});
    else
      file.problems.push_back(
          fmt::format("line {} is not an entry point, {}: write name = module:Class", number, shown(line)));
  }
  return file;
}

}  // namespace nextgen_kernels
