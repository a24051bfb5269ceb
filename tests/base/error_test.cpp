#include "base/error.h"

#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

Result<int> a_value() {
  return 7;
}

Result<int> an_error() {
  return make_error(ErrorCode::not_found, "there is no {}", "seven");
}

/// Runs `misuse`, which must end the program (debug) or throw (release) with `message`.
template <typename Misuse>
void expect_refused(Misuse misuse, const std::string& message) {
#ifdef NDEBUG
  try {
    misuse();
    FAIL() << "nothing was thrown";
  } catch (const std::logic_error& error) {
    EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
  }
#else
  EXPECT_DEATH(misuse(), message);
#endif
}

TEST(ResultTest, a_value_has_no_error_to_read) {
  expect_refused([] { static_cast<void>(a_value().error()); },
                 "the error of a Result was read that holds a value");
  const auto result = a_value();
  expect_refused([&] { static_cast<void>(result.error().message.size()); }, "holds a value");
  const Result<void> done;
  expect_refused([&] { static_cast<void>(done.error().message.size()); }, "holds a value");
}

TEST(ResultTest, an_error_has_no_value_to_read) {
  expect_refused([] { static_cast<void>(*an_error()); },
                 "the value of a Result was read that holds an error: there is no seven");
  const Result<std::string> text = make_error(ErrorCode::io, "unreadable");
  expect_refused([&] { static_cast<void>(text->size()); }, "unreadable");
}

TEST(ResultTest, converts_as_std_expected_does) {
  struct Base {
    virtual ~Base() = default;
  };
  struct Derived : Base {};
  const auto make = []() -> Result<std::unique_ptr<Base>> { return std::make_unique<Derived>(); };
  EXPECT_NE(*make(), nullptr);
  const Result<std::string> text = Result<const char*>("text");
  EXPECT_EQ(*text, "text");
  const Result<std::string> failed = std::unexpected(an_error().error());
  EXPECT_EQ(failed.error().message, "there is no seven");
  EXPECT_EQ(an_error().value_or(3), 3);
}

}  // namespace
}  // namespace nextgen_kernels
