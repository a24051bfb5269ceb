#include "server/metrics_text.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

TEST(MetricsText, writes_values_with_their_labels) {
  MetricsText text;
  text.begin("kernels", MetricsText::Type::gauge, "How many.");
  text.add({{"type", "python3"}, {"state", "idle"}}, 3);
  text.begin("up", MetricsText::Type::counter, "Seconds.");
  text.add(1.5);
  EXPECT_EQ(text.text(),
            "# HELP kernels How many.\n# TYPE kernels gauge\nkernels{type=\"python3\",state=\"idle\"} 3\n"
            "# HELP up Seconds.\n# TYPE up counter\nup 1.5\n");
}

TEST(MetricsText, what_labels_say_cannot_break_lines) {
  MetricsText text;
  text.begin("a", MetricsText::Type::gauge, "one\\two\nthree");
  text.add({{"name", "q\"b\\n\nl\xff"}}, std::numeric_limits<double>::infinity());
  EXPECT_EQ(text.text(),
            "# HELP a one\\\\two\\nthree\n# TYPE a gauge\na{name=\"q\\\"b\\\\n\\nl\xEF\xBF\xBD\"} +Inf\n");
}

TEST(MetricsText, histograms_count_up_to_each_bound) {
  Histogram histogram;
  for (const double value : {0.001, 0.005, 0.02, 3.0, 100.0}) histogram.observe(value);
  MetricsText text;
  text.begin("t", MetricsText::Type::histogram, "Time.");
  text.add({{"m", "GET"}}, histogram);
  EXPECT_THAT(text.text(), HasSubstr("t_bucket{m=\"GET\",le=\"0.005\"} 2\n"));
  EXPECT_THAT(text.text(), HasSubstr("t_bucket{m=\"GET\",le=\"0.025\"} 3\n"));
  EXPECT_THAT(text.text(), HasSubstr("t_bucket{m=\"GET\",le=\"10\"} 4\n"));
  EXPECT_THAT(text.text(), HasSubstr("t_bucket{m=\"GET\",le=\"+Inf\"} 5\n"));
  EXPECT_THAT(text.text(), HasSubstr("t_count{m=\"GET\"} 5\n"));
  EXPECT_THAT(text.text(), HasSubstr("t_sum{m=\"GET\"} 103.026"));
}

}  // namespace
}  // namespace nextgen_kernels
