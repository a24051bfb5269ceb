#include "app/registry_tables.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

using Json = nlohmann::ordered_json;

enum class Style { normal, heading, good, bad };

struct Cell {
  std::string text;
  Style style = Style::normal;
};
using Row = std::vector<Cell>;

/// The columns a text takes, counting one for each code point.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string_view escape_of(Style style) {
  switch (style) {
    case Style::heading:
      return "\x1b[1m";
    case Style::good:
      return "\x1b[32m";
    case Style::bad:
      return "\x1b[31m";
    case Style::normal:
      break;
  }
  return "";
}

std::string paint(const Cell& cell, Coloring coloring) {
  if (coloring == Coloring::plain || cell.style == Style::normal) return cell.text;
  return fmt::format("{}{}\x1b[0m", escape_of(cell.style), cell.text);
}

/// Rows of one length, in columns two spaces apart; the last one is not padded.
std::string render_table(std::vector<Row> rows, Coloring coloring) {
  std::vector<std::size_t> widths(rows.front().size());
  for (auto& row : rows)
    for (std::size_t column = 0; column < row.size(); ++column) {
      row[column].text = printable(row[column].text);
      widths[column] = std::max(widths[column], width_of(row[column].text));
    }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      text += paint(row[column], coloring);
      if (column + 1 < row.size()) text.append(widths[column] + 2 - width_of(row[column].text), ' ');
    }
    text += '\n';
  }
  return text;
}

Row heading(std::initializer_list<std::string_view> names) {
  Row row;
  for (const auto name : names) row.push_back({std::string(name), Style::heading});
  return row;
}

std::string text_of(const Json& object, const char* key) {
  const auto& value = object.at(key);
  return value.is_string() ? value.get<std::string>() : "-";
}

/// A state with the reason for it, if there is one.
Cell state_cell(std::string state, const std::string& reason, Style style) {
  if (reason.empty()) return {std::move(state), style};
  return {fmt::format("{}: {}", state, reason), Style::bad};
}

std::string for_which_kernels(const Json& mapping) {
  const auto priority = mapping.at("priority").get<int>();
  auto text = text_of(mapping, "for");
  if (priority != 0) text += fmt::format("; priority {}", priority);
  return text;
}

/// What says it, and how it calls the classes when that is by aliases.
std::string registered_by(const Json& mapping) {
  auto text = fmt::format("{}, {}", text_of(mapping, "precedence"), text_of(mapping, "source"));
  for (const auto* key : {"provisioner_alias", "client_alias"})
    if (mapping.at(key).is_string()) text += fmt::format(" (as {})", text_of(mapping, key));
  return text;
}

Cell class_state(const Json& model) {
  const auto state = text_of(model, "state");
  return state_cell(state, text_of(model, "reason"), state == "loaded" ? Style::good : Style::normal);
}

}  // namespace

std::string render_mappings(const Json& registry, Coloring coloring) {
  std::vector<Row> rows{heading({"PROVISIONER", "CLIENT", "FOR", "REGISTERED BY", "STATE"})};
  for (const auto& mapping : registry.at("mappings"))
    rows.push_back({{text_of(mapping, "provisioner")},
                    {text_of(mapping, "client")},
                    {for_which_kernels(mapping)},
                    {registered_by(mapping)},
                    class_state(mapping)});
  return fmt::format("{}\nFallback client: {}\n", render_table(std::move(rows), coloring),
                     text_of(registry, "fallback_client_class"));
}

std::string render_provisioners(const Json& registry, Coloring coloring) {
  std::vector<Row> rows{heading({"NAME", "PROVISIONER", "CLIENT", "MATCHED BY", "SOURCE", "STATE"})};
  for (const auto& provisioner : registry.at("provisioners")) {
    const bool is_default = provisioner.at("default").get<bool>();
    const bool available = provisioner.at("available").get<bool>();
    rows.push_back(
        {{fmt::format("{}{}", text_of(provisioner, "name"), is_default ? " (default)" : "")},
         {text_of(provisioner, "provisioner")},
         {text_of(provisioner, "client")},
         {text_of(provisioner, "matched_by")},
         {text_of(provisioner, "source")},
         state_cell(available ? "available" : "unavailable", text_of(provisioner, "reason"), Style::good)});
  }
  return render_table(std::move(rows), coloring);
}

std::string render_clients(const Json& registry, Coloring coloring) {
  std::vector<Row> rows{heading({"CLIENT", "VERSION", "UNDERSTANDS", "MAPPINGS", "SOURCE", "STATE"})};
  for (const auto& client : registry.at("clients")) {
    std::vector<std::string> contracts;
    for (const auto& contract : client.at("understands")) contracts.push_back(contract.get<std::string>());
    const bool is_fallback = client.at("fallback").get<bool>();
    rows.push_back({{fmt::format("{}{}", text_of(client, "client"), is_fallback ? " (fallback)" : "")},
                    {text_of(client, "version")},
                    {contracts.empty() ? "-" : fmt::format("{}", fmt::join(contracts, "; "))},
                    {fmt::format("{}", client.at("mappings").get<int>())},
                    {text_of(client, "source")},
                    class_state(client)});
  }
  return render_table(std::move(rows), coloring);
}

std::string render_explanation(const Json& explanation, Coloring coloring) {
  std::vector<Row> rows;
  const auto add = [&rows](std::string_view name, Cell cell) {
    rows.push_back({{std::string(name), Style::heading}, std::move(cell)});
  };
  add("Provisioner", {text_of(explanation, "provisioner")});
  if (explanation.at("provisioner_alias").is_string())
    add("Given as", {text_of(explanation, "provisioner_alias")});
  if (explanation.at("provisioner_name").is_string())
    add("Name", {fmt::format("{}, {}", text_of(explanation, "provisioner_name"),
                             text_of(explanation, "provisioner_source"))});
  if (const auto reason = text_of(explanation, "provisioner_reason"); !reason.empty())
    add("Unavailable", {reason, Style::bad});
  if (const auto& kernel = explanation.at("kernel"); kernel.is_object())
    add("Kernel spec",
        {fmt::format("{}, language {}", text_of(kernel, "name"), text_of(kernel, "language"))});
  const bool has_client = explanation.at("client").is_string();
  add("Client",
      {has_client ? text_of(explanation, "client") : "none", has_client ? Style::good : Style::bad});
  const auto source = text_of(explanation, "source");
  add("Matched by",
      {fmt::format("{}{}", text_of(explanation, "matched_by"), source.empty() ? "" : ", " + source)});
  if (const auto refusal = text_of(explanation, "refusal"); !refusal.empty())
    add("Refused", {refusal, Style::bad});
  auto text = render_table(std::move(rows), coloring) + "\n";
  std::size_t number = 0;
  for (const auto& step : explanation.at("steps"))
    text += fmt::format("{:>2}. {}\n", ++number, printable(step.get<std::string>()));
  return text;
}

std::string render_problems(const Json& doctor, Coloring coloring) {
  const auto& problems = doctor.at("problems");
  if (problems.empty()) return "No problems.\n";
  std::vector<Row> rows{heading({"SUBJECT", "SOURCE", "PROBLEM"})};
  for (const auto& problem : problems) {
    const auto source = text_of(problem, "source");
    rows.push_back(
        {{text_of(problem, "subject")}, {source.empty() ? "-" : source}, {text_of(problem, "message")}});
  }
  return fmt::format("{}\n{} problem{}.\n", render_table(std::move(rows), coloring), problems.size(),
                     problems.size() == 1 ? "" : "s");
}

}  // namespace nextgen_kernels
