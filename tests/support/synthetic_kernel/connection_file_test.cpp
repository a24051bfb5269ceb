#include "synthetic_kernel/connection_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace nextgen_kernels::synthetic {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json valid_file() {
  return {{"transport", "tcp"}, {"ip", "127.0.0.1"}, {"shell_port", 1},
          {"control_port", 2},  {"stdin_port", 3},   {"iopub_port", 4},
          {"hb_port", 5},       {"key", "secret"},   {"signature_scheme", "hmac-sha256"}};
}

TEST(connection_file, tcp_endpoints_have_a_port) {
  const auto file = parse_connection_file(valid_file().dump());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->endpoint(file->iopub_port), "tcp://127.0.0.1:4");
}

TEST(connection_file, ipc_endpoints_end_in_the_port) {
  auto object = valid_file();
  object["transport"] = "ipc";
  object["ip"] = "/tmp/kernel";
  const auto file = parse_connection_file(object.dump());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->endpoint(file->shell_port), "ipc:///tmp/kernel-1");
}

TEST(connection_file, a_missing_field_is_named) {
  for (const auto& [name, value] : valid_file().items()) {
    auto object = valid_file();
    object.erase(name);
    const auto file = parse_connection_file(object.dump());
    ASSERT_FALSE(file) << name;
    EXPECT_THAT(file.error().message, HasSubstr(name));
  }
}

TEST(connection_file, a_field_of_the_wrong_type_is_named) {
  for (const auto& [name, value] : valid_file().items()) {
    auto object = valid_file();
    object[name] = json::array();
    const auto file = parse_connection_file(object.dump());
    ASSERT_FALSE(file) << name;
    EXPECT_THAT(file.error().message, HasSubstr(name));
  }
}

TEST(connection_file, other_transports_and_signatures_are_refused) {
  auto transport = valid_file();
  transport["transport"] = "udp";
  EXPECT_FALSE(parse_connection_file(transport.dump()));
  auto scheme = valid_file();
  scheme["signature_scheme"] = "hmac-md5";
  EXPECT_FALSE(parse_connection_file(scheme.dump()));
}

TEST(connection_file, what_is_no_json_object_is_refused) {
  EXPECT_FALSE(parse_connection_file(""));
  EXPECT_FALSE(parse_connection_file("[]"));
  EXPECT_FALSE(parse_connection_file("{"));
}

TEST(connection_file, a_file_that_is_not_there_is_named) {
  const auto file = read_connection_file("/nonexistent/connection.json");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("/nonexistent/connection.json"));
}

}  // namespace
}  // namespace nextgen_kernels::synthetic
