#include "registry/connection_contract.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

bool accepts(std::string_view understood, std::string_view produced) {
  return UnderstoodContract::parse(understood).value().accepts(ConnectionContract::parse(produced).value());
}

TEST(ConnectionContract, a_client_accepts_versions_in_its_range) {
  EXPECT_TRUE(accepts("jupyter-zmq >=5,<6", "jupyter-zmq 5.3"));
  EXPECT_FALSE(accepts("jupyter-zmq >=5,<6", "jupyter-zmq 6.0"));
  EXPECT_FALSE(accepts("jupyter-zmq >=5,<6", "gateway 5.3"));
}

TEST(ConnectionContract, only_names_are_compared_when_a_version_is_missing) {
  EXPECT_TRUE(accepts("jupyter-zmq", "jupyter-zmq 6"));
  EXPECT_TRUE(accepts("jupyter-zmq >=5,<6", "jupyter-zmq"));
}

TEST(ConnectionContract, prints_what_it_reads) {
  EXPECT_EQ(ConnectionContract::parse(" jupyter-zmq  5.3 ").value().to_string(), "jupyter-zmq 5.3");
  EXPECT_EQ(UnderstoodContract::parse("jupyter-zmq>=5,<6").value().to_string(), "jupyter-zmq >=5,<6");
  EXPECT_EQ(UnderstoodContract::parse("gateway").value().to_string(), "gateway");
}

TEST(ConnectionContract, malformed_texts_are_refused) {
  for (const auto* text : {"", " ", ">=5", "zmq five", "zmq >=5", "zmq/5"})
    EXPECT_FALSE(ConnectionContract::parse(text).has_value()) << text;
  for (const auto* text : {"", ">=5", "zmq 5", "zmq >=five", "zmq >=5,"})
    EXPECT_FALSE(UnderstoodContract::parse(text).has_value()) << text;
}

}  // namespace
}  // namespace nextgen_kernels
