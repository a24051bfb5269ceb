#include "interfaces/connection_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(connection_port, is_a_number_or_a_quoted_one) {
  EXPECT_EQ(connection_port({{"hb_port", 1}}, "hb_port").value(), 1);
  EXPECT_EQ(connection_port({{"hb_port", 65535}}, "hb_port").value(), 65535);
  EXPECT_EQ(connection_port({{"hb_port", "5555"}}, "hb_port").value(), 5555);
}

TEST(connection_port, anything_else_is_an_error_that_names_the_field_and_not_its_value) {
  for (const auto& value : {nlohmann::json(0), nlohmann::json(65536), nlohmann::json(-1), nlohmann::json(1e3),
                            nlohmann::json("55x"), nlohmann::json(""), nlohmann::json(" 5"),
                            nlohmann::json("99999999999999999999"), nlohmann::json(nullptr)}) {
    const auto port = connection_port({{"hb_port", value}}, "hb_port");
    ASSERT_FALSE(port) << value;
    EXPECT_THAT(port.error().message, AllOf(HasSubstr("hb_port"), Not(HasSubstr("55x"))));
  }
  EXPECT_FALSE(connection_port({{"key", "secret"}}, "hb_port"));
}

}  // namespace
}  // namespace nextgen_kernels
