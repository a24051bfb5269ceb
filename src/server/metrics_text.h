#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace nextgen_kernels {

/// Counts observations by size, as Prometheus' client libraries do by default. A value.
class Histogram {
 public:
  static constexpr std::array<double, 14> bounds = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                                    0.5,   0.75, 1.0,   2.5,  5.0,   7.5, 10.0};

  void observe(double value);

  std::uint64_t count() const { return count_; }
  double sum() const { return sum_; }
  /// Of the observations up to `bounds[index]`.
  std::uint64_t count_up_to(std::size_t index) const;

 private:
  std::array<std::uint64_t, bounds.size()> counts_{};  // Those between one bound and the next.
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

/// Builds a page of metrics in Prometheus' text format 0.0.4. Start a metric with `begin`, then give all its
/// values.
class MetricsText {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  enum class Type { counter, gauge, histogram };

  void begin(std::string_view name, Type type, std::string_view help);
  void add(Labels labels, double value);
  void add(double value) { add({}, value); }
  void add(Labels labels, const Histogram& histogram);

  const std::string& text() const { return text_; }

 private:
  void add_line(std::string_view suffix, Labels labels, std::string_view last_label, double value);

  std::string text_;
  std::string name_;
};

}  // namespace nextgen_kernels
