#include "server/metrics_text.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

std::string escape(std::string_view text, bool quotes) {
  std::string escaped;
  for (const char c : replace_invalid_utf8(text)) {
    if (c == '\\')
      escaped += "\\\\";
    else if (c == '\n')
      escaped += "\\n";
    else if (c == '"' && quotes)
      escaped += "\\\"";
    else
      escaped += c;
  }
  return escaped;
}

std::string format_value(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

}  // namespace

void Histogram::observe(double value) {
  const auto bound = std::ranges::lower_bound(bounds, value);
  if (bound != bounds.end()) ++counts_[static_cast<std::size_t>(bound - bounds.begin())];
  ++count_;
  sum_ += value;
}

std::uint64_t Histogram::count_up_to(std::size_t index) const {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i <= index; ++i) count += counts_[i];
  return count;
}

void MetricsText::begin(std::string_view name, Type type, std::string_view help) {
  constexpr std::array<std::string_view, 3> types = {"counter", "gauge", "histogram"};
  name_ = name;
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escape(help, false), name,
                       types[static_cast<std::size_t>(type)]);
}

void MetricsText::add_line(std::string_view suffix, Labels labels, std::string_view last_label,
                           double value) {
  text_.append(name_).append(suffix);
  char before = '{';
  for (const auto& [label, label_value] : labels) {
    text_ += fmt::format("{}{}=\"{}\"", before, label, escape(label_value, true));
    before = ',';
  }
  if (!last_label.empty()) {
    text_ += fmt::format("{}{}", before, last_label);
    before = ',';
  }
  if (before == ',') text_ += '}';
  text_ += fmt::format(" {}\n", format_value(value));
}

void MetricsText::add(Labels labels, double value) {
  add_line("", labels, "", value);
}

void MetricsText::add(Labels labels, const Histogram& histogram) {
  for (std::size_t i = 0; i < Histogram::bounds.size(); ++i) {
    add_line("_bucket", labels, fmt::format("le=\"{}\"", Histogram::bounds[i]),
             static_cast<double>(histogram.count_up_to(i)));
  }
  add_line("_bucket", labels, R"(le="+Inf")", static_cast<double>(histogram.count()));
  add_line("_sum", labels, "", histogram.sum());
  add_line("_count", labels, "", static_cast<double>(histogram.count()));
}

}  // namespace nextgen_kernels
