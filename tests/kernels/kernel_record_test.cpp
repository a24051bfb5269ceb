#include "kernels/kernel_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;
using testing::Not;

KernelRecord example() {
  return {.kernel_id = "k",
          .kernel_name = "python3",
          .environment = {{"A", "1"}},
          .working_directory = "/tmp",
          .provisioner_class = "a:B",
          .provisioner = {{"pid", 3}},
          .connection_info = {{"key", "secret"}},
          .client = {{"session", "s"}},
          .journal_id = "j",
          .listeners = {"s1", "s2"},
          .restart_count = 2,
          .is_spare = true,
          .has_answered = false,
          .launched_at = 1'700'000'000'000'000,
          .started_from = {{"argv", {"python"}}},
          .root_dir = "/home"};
}

TEST(KernelRecordTest, is_read_as_it_was_written) {
  const auto record = KernelRecord::parse(example().to_json());
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->to_json(), example().to_json());
  EXPECT_EQ(record->environment.at("A"), "1");
  EXPECT_EQ(record->working_directory, "/tmp");
  EXPECT_EQ(record->listeners.size(), 2U);
  EXPECT_EQ(record->restart_count, 2);
  EXPECT_TRUE(record->is_spare);
  EXPECT_FALSE(record->has_answered);
  EXPECT_EQ(record->launched_at, 1'700'000'000'000'000);
  EXPECT_EQ(record->root_dir, "/home");
}

TEST(KernelRecordTest, one_of_an_earlier_version_is_of_a_kernel_that_had_answered) {
  auto json = nlohmann::json::parse(example().to_json());
  for (const auto* name : {"has_answered", "launched_at", "started_from", "root_dir"}) json.erase(name);
  const auto record = KernelRecord::parse(json.dump());
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_TRUE(record->has_answered);
  EXPECT_TRUE(record->started_from.is_null());
  EXPECT_TRUE(record->root_dir.empty());
  json["has_answered"] = "yes";
  EXPECT_FALSE(KernelRecord::parse(json.dump()));
}

TEST(KernelRecordTest, error_names_the_field_and_no_value) {
  auto json = nlohmann::json::parse(example().to_json());
  json["environment"] = "secret";
  const auto wrong = KernelRecord::parse(json.dump());
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("'environment'"));
  EXPECT_THAT(wrong.error().message, Not(HasSubstr("secret")));
  json.erase("environment");
  EXPECT_FALSE(KernelRecord::parse(json.dump()));
  EXPECT_FALSE(KernelRecord::parse("[]"));
  EXPECT_FALSE(KernelRecord::parse("{"));
  EXPECT_FALSE(KernelRecord::parse(std::string(100'000, '[')));
}

TEST(KernelRecordTest, what_is_not_utf8_does_not_stop_it) {
  auto record = example();
  record.environment["A"] = "\xff";
  EXPECT_TRUE(KernelRecord::parse(record.to_json()));
}

}  // namespace
}  // namespace nextgen_kernels
