#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace nextgen_kernels {

enum class Coloring { plain, terminal };

/// How the tables look.
struct TableStyle {
  Coloring coloring = Coloring::plain;
  /// The columns there are: classes then have their short names, sources are short, and what is longer goes
  /// on in the next line. Nothing: one line for each thing, however long, with everything.
  std::optional<std::size_t> width = {};
};

/// What the `registry` commands print for people, each with its final newline; the input is that of
/// `registry_model.h`. Columns are aligned, control characters escaped.
std::string render_mappings(const nlohmann::ordered_json& registry, const TableStyle& style);
std::string render_provisioners(const nlohmann::ordered_json& registry, const TableStyle& style);
std::string render_clients(const nlohmann::ordered_json& registry, const TableStyle& style);
std::string render_explanation(const nlohmann::ordered_json& explanation, const TableStyle& style);
std::string render_problems(const nlohmann::ordered_json& doctor, const TableStyle& style);

}  // namespace nextgen_kernels
