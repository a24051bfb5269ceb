#include "runtime/process_search.h"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "runtime/child_process.h"

namespace nextgen_kernels {
namespace {

TEST(ProcessSearchTest, finds_those_that_were_started_with_the_variable_and_no_others) {
  asio::io_context loop;
  const auto variable = "NK_TEST_" + random_hex(8);
  const auto launch = [&](std::map<std::string, std::string> environment) {
    auto child = ChildProcess::launch(
        loop.get_executor(),
        {.argv = {"/bin/sleep", "3600"}, .environment = std::move(environment), .working_directory = {}});
    if (!child) throw std::runtime_error(child.error().message);
    return std::move(*child);
  };
  const auto marked = launch({{"A", "1"}, {variable, "one=1"}, {"Z", ""}});
  const auto longer = launch({{variable + "_AND_MORE", "two"}});
  const auto other = launch({{"OTHER", variable + "=three"}});

  const auto found = find_marked_processes(variable);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].identity, marked->identity());
  EXPECT_EQ(found[0].value, "one=1");
  EXPECT_TRUE(found[0].leads_session);
}

}  // namespace
}  // namespace nextgen_kernels
