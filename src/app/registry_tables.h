#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace nextgen_kernels {

enum class Coloring { plain, terminal };

/// What the `registry` commands print for people, each with its final newline; the input is that of
/// `registry_model.h`. Columns are aligned, control characters escaped.
std::string render_mappings(const nlohmann::ordered_json& registry, Coloring coloring);
std::string render_provisioners(const nlohmann::ordered_json& registry, Coloring coloring);
std::string render_clients(const nlohmann::ordered_json& registry, Coloring coloring);
std::string render_explanation(const nlohmann::ordered_json& explanation, Coloring coloring);
std::string render_problems(const nlohmann::ordered_json& doctor, Coloring coloring);

}  // namespace nextgen_kernels
