#include "app/registry_tables.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/strings.h"
#include "registry/mapping.h"

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

/// The first `columns` code points of a text.
std::string_view first_columns(std::string_view text, std::size_t columns) {
  std::size_t at = 0;
  for (std::size_t seen = 0; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (begins && seen++ == columns) break;
  }
  return text.substr(0, at);
}

/// What of a word that is too long stands in one line: up to where a part of the name ends, if there is one
/// in the second half of the line.
std::string_view first_part(std::string_view word, std::size_t columns) {
  const auto longest = first_columns(word, columns);
  for (auto end = longest.size(); end > longest.size() / 2; --end) {
    const char before = word[end - 1];
    const bool is_camel_case =
        end < word.size() && word[end] >= 'A' && word[end] <= 'Z' && before >= 'a' && before <= 'z';
    if (is_camel_case || std::string_view("-_.:/").contains(before)) return word.substr(0, end);
  }
  return longest;
}

enum class LongWord { break_it, leave_it };

/// The lines of a text in a column, broken at spaces.
std::vector<std::string> wrap(std::string_view text, std::size_t width, LongWord long_word) {
  std::vector<std::string> lines(1);
  for (auto word : split(text, ' ')) {
    if (word.empty()) continue;
    if (!lines.back().empty() && width_of(lines.back()) + 1 + width_of(word) > width) lines.emplace_back();
    while (long_word == LongWord::break_it && width_of(word) > width) {
      const auto piece = first_part(word, width);
      lines.back() = piece;
      lines.emplace_back();
      word.remove_prefix(piece.size());
    }
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += word;
  }
  return lines;
}

/// Takes from the widest columns what a row has too much; the last one gets what is left, if it is enough for
/// its words.
std::vector<std::size_t> fit(std::vector<std::size_t> widths, std::size_t enough_for_last,
                             std::size_t available) {
  constexpr std::size_t narrowest = 12;
  const auto others = std::span(widths).first(widths.size() - 1);
  std::size_t taken = 0;
  for (const auto width : others) taken += width + 2;
  while (taken + enough_for_last > available) {
    const auto widest = std::ranges::max_element(others);
    if (widest == others.end() || *widest <= narrowest) break;
    --*widest;
    --taken;
  }
  widths.back() = std::max(enough_for_last, available - std::min(taken, available));
  return widths;
}

std::size_t longest_word(std::string_view text) {
  std::size_t longest = 0;
  for (const auto word : split(text, ' ')) longest = std::max(longest, width_of(word));
  return longest;
}

/// Rows of one length, in columns two spaces apart; the last one is not padded.
std::string render_table(std::vector<Row> rows, const TableStyle& style) {
  std::vector<std::size_t> widths(rows.front().size());
  for (auto& row : rows)
    for (std::size_t column = 0; column < row.size(); ++column) {
      row[column].text = printable(row[column].text);
      widths[column] = std::max(widths[column], width_of(row[column].text));
    }
  if (style.width) {
    std::size_t enough_for_last = 0;
    for (const auto& row : rows) enough_for_last = std::max(enough_for_last, longest_word(row.back().text));
    widths = fit(std::move(widths), std::min(enough_for_last, *style.width / 4), *style.width);
  }

  std::string text;
  for (const auto& row : rows) {
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 1;
    for (std::size_t column = 0; column < row.size(); ++column) {
      const bool is_last = column + 1 == row.size();
      cells.push_back(style.width ? wrap(row[column].text, widths[column],
                                         is_last ? LongWord::leave_it : LongWord::break_it)
                                  : std::vector{row[column].text});
      height = std::max(height, cells.back().size());
    }
    for (std::size_t line = 0; line < height; ++line) {
      std::size_t missing = 0;  // Spaces that are due before the next text.
      for (std::size_t column = 0; column < row.size(); ++column) {
        const auto& lines = cells[column];
        const auto piece = line < lines.size() ? lines[line] : std::string();
        if (!piece.empty()) {
          text.append(missing, ' ');
          missing = 0;
          text += paint({piece, row[column].style}, style.coloring);
        }
        missing += widths[column] + 2 - width_of(piece);
      }
      text += '\n';
    }
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

/// Class references as a table writes them: short, unless two classes have one short name.
class ClassNames {
 public:
  explicit ClassNames(const TableStyle& style) : shorten_(style.width.has_value()) {}

  /// A class that the table names.
  void add(const Json& reference) {
    if (reference.is_string()) classes_[short_name(reference)].insert(reference.get<std::string>());
  }
  std::string operator()(const Json& object, const char* key) const {
    const auto& reference = object.at(key);
    if (!shorten_ || !reference.is_string()) return text_of(object, key);
    auto name = short_name(reference);
    const auto known = classes_.find(name);
    return known != classes_.end() && known->second.size() > 1 ? text_of(object, key) : name;
  }

 private:
  static std::string short_name(const Json& reference) {
    const auto text = reference.get<std::string>();
    return text.substr(text.find(':') + 1);
  }

  bool shorten_;
  std::map<std::string, std::set<std::string>> classes_;
};

/// The classes of a list, as its table writes them.
ClassNames names_of(const Json& list, std::initializer_list<const char*> keys, const TableStyle& style) {
  ClassNames names(style);
  for (const auto& item : list)
    for (const auto* key : keys) names.add(item.at(key));
  return names;
}

/// The reasons for the states of a table. Where there is no room for them in it, they stand below, each once.
class Reasons {
 public:
  explicit Reasons(const TableStyle& style) : style_(style) {}

  /// A state with the reason for it, if there is one.
  Cell state_cell(std::string state, const std::string& reason, Style style) {
    if (reason.empty()) return {std::move(state), style};
    if (!style_.width) return {fmt::format("{}: {}", state, reason), Style::bad};
    auto known = std::ranges::find(reasons_, reason);
    if (known == reasons_.end()) known = reasons_.insert(known, reason);
    return {fmt::format("{} [{}]", state, known - reasons_.begin() + 1), Style::bad};
  }
  Cell class_state(const Json& model) {
    const auto state = text_of(model, "state");
    return state_cell(state, text_of(model, "reason"), state == "loaded" ? Style::good : Style::normal);
  }

  /// What stands below the table.
  std::string render() const {
    if (reasons_.empty()) return {};
    std::vector<Row> rows;
    for (const auto& reason : reasons_) rows.push_back({{fmt::format("[{}]", rows.size() + 1)}, {reason}});
    return "\n" + render_table(std::move(rows), style_);
  }

 private:
  TableStyle style_;
  std::vector<std::string> reasons_;
};

std::string for_which_kernels(const Json& mapping, const TableStyle& style) {
  const auto priority = mapping.at("priority").get<int>();
  auto text = style.width && mapping.at("criteria").empty() ? "all" : text_of(mapping, "for");
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

/// The same in a word or two: "built in", "configuration", "spark-kernels 1.2".
std::string registered_by_in_short(const Json& mapping) {
  const auto precedence = text_of(mapping, "precedence");
  if (precedence == to_string(Precedence::configuration)) return precedence;
  const auto source = text_of(mapping, "source");
  constexpr std::string_view entry_point = "entry point of ";
  if (!source.starts_with(entry_point)) return source.empty() ? precedence : source;
  return source.substr(entry_point.size(), source.find(" (") - entry_point.size());
}

/// " 1. What was looked at", with its next lines below its first.
std::string render_step(std::size_t number, const std::string& step, const TableStyle& style) {
  constexpr std::size_t indent = 4;
  if (!style.width) return fmt::format("{:>2}. {}\n", number, step);
  std::string text;
  for (const auto& line : wrap(step, *style.width - indent, LongWord::leave_it))
    text += text.empty() ? fmt::format("{:>2}. {}\n", number, line) : fmt::format("    {}\n", line);
  return text;
}

}  // namespace

std::string render_mappings(const Json& registry, const TableStyle& style) {
  const auto& mappings = registry.at("mappings");
  auto name = names_of(mappings, {"provisioner", "client"}, style);
  name.add(registry.at("fallback_client_class"));
  Reasons reasons(style);
  const auto* const by = style.width ? "SOURCE" : "REGISTERED BY";
  std::vector<Row> rows{heading({"PROVISIONER", "CLIENT", "FOR", by, "STATE"})};
  for (const auto& mapping : mappings)
    rows.push_back({{name(mapping, "provisioner")},
                    {name(mapping, "client")},
                    {for_which_kernels(mapping, style)},
                    {style.width ? registered_by_in_short(mapping) : registered_by(mapping)},
                    reasons.class_state(mapping)});
  return fmt::format("{}{}\nFallback client: {}\n", render_table(std::move(rows), style), reasons.render(),
                     name(registry, "fallback_client_class"));
}

std::string render_provisioners(const Json& registry, const TableStyle& style) {
  const auto& provisioners = registry.at("provisioners");
  const auto name = names_of(provisioners, {"provisioner", "client"}, style);
  const bool is_wide = !style.width;
  Reasons reasons(style);
  std::vector<Row> rows{is_wide ? heading({"NAME", "PROVISIONER", "CLIENT", "MATCHED BY", "SOURCE", "STATE"})
                                : heading({"NAME", "PROVISIONER", "CLIENT", "STATE"})};
  for (const auto& provisioner : provisioners) {
    const auto* const state = provisioner.at("available").get<bool>() ? "available" : "unavailable";
    const auto* const by_default = provisioner.at("default").get<bool>() ? ", default" : "";
    Row row{
        {text_of(provisioner, "name")}, {name(provisioner, "provisioner")}, {name(provisioner, "client")}};
    if (is_wide) {
      row.push_back({text_of(provisioner, "matched_by")});
      row.push_back({text_of(provisioner, "source")});
    }
    row.push_back(reasons.state_cell(fmt::format("{}{}", state, by_default), text_of(provisioner, "reason"),
                                     Style::good));
    rows.push_back(std::move(row));
  }
  return render_table(std::move(rows), style) + reasons.render();
}

std::string render_clients(const Json& registry, const TableStyle& style) {
  const auto& clients = registry.at("clients");
  const auto name = names_of(clients, {"client"}, style);
  const bool is_wide = !style.width;
  Reasons reasons(style);
  std::vector<Row> rows{is_wide ? heading({"CLIENT", "VERSION", "UNDERSTANDS", "MAPPINGS", "SOURCE", "STATE"})
                                : heading({"CLIENT", "VERSION", "UNDERSTANDS", "MAPPINGS", "STATE"})};
  for (const auto& client : clients) {
    std::vector<std::string> contracts;
    for (const auto& contract : client.at("understands")) contracts.push_back(contract.get<std::string>());
    Row row{{name(client, "client")},
            {text_of(client, "version")},
            {contracts.empty() ? "-" : fmt::format("{}", fmt::join(contracts, "; "))},
            {fmt::format("{}", client.at("mappings").get<int>())}};
    if (is_wide) row.push_back({text_of(client, "source")});
    auto state = reasons.class_state(client);
    if (client.at("fallback").get<bool>()) state.text = "fallback, " + state.text;
    row.push_back(std::move(state));
    rows.push_back(std::move(row));
  }
  return render_table(std::move(rows), style) + reasons.render();
}

std::string render_explanation(const Json& explanation, const TableStyle& style) {
  ClassNames name(style);
  for (const auto* key : {"provisioner", "client"}) name.add(explanation.at(key));
  std::vector<Row> rows;
  const auto add = [&rows](std::string_view label, Cell cell) {
    rows.push_back({{std::string(label), Style::heading}, std::move(cell)});
  };
  add("Provisioner", {name(explanation, "provisioner")});
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
  add("Client", {has_client ? name(explanation, "client") : "none", has_client ? Style::good : Style::bad});
  const auto source = text_of(explanation, "source");
  add("Matched by",
      {fmt::format("{}{}", text_of(explanation, "matched_by"), source.empty() ? "" : ", " + source)});
  if (const auto refusal = text_of(explanation, "refusal"); !refusal.empty())
    add("Refused", {refusal, Style::bad});

  auto text = render_table(std::move(rows), style) + "\n";
  std::size_t number = 0;
  for (const auto& step : explanation.at("steps"))
    text += render_step(++number, printable(step.get<std::string>()), style);
  return text;
}

std::string render_problems(const Json& doctor, const TableStyle& style) {
  const auto& problems = doctor.at("problems");
  if (problems.empty()) return "No problems.\n";
  std::string text;
  std::vector<Row> rows{heading({"SUBJECT", "SOURCE", "PROBLEM"})};
  for (const auto& problem : problems) {
    const auto subject = text_of(problem, "subject");
    const auto source = text_of(problem, "source");
    const auto message = text_of(problem, "message");
    rows.push_back({{subject}, {source.empty() ? "-" : source}, {message}});
    if (!style.width) continue;
    // Paths and sentences are too long to stand side by side.
    const auto from = source.empty() ? std::string() : fmt::format(" ({})", source);
    text += render_table({{{subject + from, Style::heading}}}, style);
    text += render_table({{{""}, {message}}}, style);
  }
  if (!style.width) text = render_table(std::move(rows), style);
  return fmt::format("{}\n{} problem{}.\n", text, problems.size(), problems.size() == 1 ? "" : "s");
}

}  // namespace nextgen_kernels
