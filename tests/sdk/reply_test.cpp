/// \file What becomes of an answer on its way through functions of a plugin.

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <nextgen_kernels/reply.h>

namespace nextgen_kernels::plugin {
namespace {

/// Whoever asks: takes one answer, as the server does.
class Asker {
 public:
  template <typename T>
  Reply<T> reply() {
    return Reply<T>(std::make_shared<detail::OpenReply>(nk_reply{this, &succeed, &fail}));
  }
  const std::string& told() const { return told_; }

 private:
  static void succeed(void* self, nk_string result) {
    static_cast<Asker*>(self)->told_ += "succeeded: " + std::string(detail::from_abi(result));
  }
  static void fail(void* self, std::int32_t error, nk_string message) {
    static_cast<Asker*>(self)->told_ +=
        "failed " + std::to_string(error) + ": " + std::string(detail::from_abi(message));
  }

  std::string told_;
};

/// Answers as a base class of the server does.
void succeed(nk_reply reply, std::string_view result) {
  reply.succeed(reply.context, detail::to_abi(result));
}

TEST(Reply, then_changes_the_answer) {
  Asker asker;
  succeed(asker.reply<Json>()
              .then([](Json info) {
                info["node"] = "n17";
                return info;
              })
              .release(),
          R"({"key":"k"})");
  EXPECT_EQ(asker.told(), R"(succeeded: {"key":"k","node":"n17"})");
}

TEST(Reply, then_may_answer_later) {
  Asker asker;
  std::optional<Reply<ExitStatus>> later;
  ExitStatus seen;
  succeed(asker.reply<ExitStatus>()
              .then([&](ExitStatus status, Reply<ExitStatus> reply) {
                seen = status;
                later.emplace(std::move(reply));
              })
              .release(),
          R"({"exit_code":0,"signal":9})");
  EXPECT_EQ(asker.told(), "");
  EXPECT_EQ(seen.signal, 9);
  later->succeed({.exit_code = 1, .signal = 0});
  EXPECT_EQ(asker.told(), R"(succeeded: {"exit_code":1,"signal":0})");
}

TEST(Reply, then_runs_after_what_has_no_result) {
  Asker asker;
  bool ran = false;
  succeed(asker.reply<void>().then([&] { ran = true; }).release(), "");
  EXPECT_TRUE(ran);
  EXPECT_EQ(asker.told(), "succeeded: ");
}

TEST(Reply, then_leads_from_one_type_to_another) {
  Asker asker;
  succeed(asker.reply<void>().then<Json>([](const Json& info) { EXPECT_TRUE(info.is_object()); }).release(),
          "{}");
  EXPECT_EQ(asker.told(), "succeeded: ");
}

TEST(Reply, then_lets_an_error_pass) {
  Asker asker;
  const auto reply = asker.reply<Json>()
                         .then([](const Json& info) {
                           ADD_FAILURE() << "there was no answer";
                           return info;
                         })
                         .release();
  reply.fail(reply.context, NK_ERROR_TIMEOUT, detail::to_abi("too late"));
  EXPECT_EQ(asker.told(), "failed 6: too late");
}

TEST(Reply, an_exception_in_then_is_the_answer) {
  Asker asker;
  succeed(asker.reply<void>().then([] { throw Error(ErrorCode::io, "no lease"); }).release(), "");
  EXPECT_EQ(asker.told(), "failed 9: no lease");
}

TEST(Reply, then_answers_once) {
  Asker asker;
  succeed(asker.reply<void>()
              .then([](Reply<void> reply) {
                reply.succeed();
                throw std::runtime_error("afterwards");
              })
              .release(),
          "");
  EXPECT_EQ(asker.told(), "succeeded: ");
}

TEST(Reply, one_that_is_dropped_behind_then_fails) {
  Asker asker;
  static_cast<void>(asker.reply<Json>().then([](Json info) { return info; }));
  EXPECT_EQ(asker.told(), "failed 10: The plugin gave no answer");
}

}  // namespace
}  // namespace nextgen_kernels::plugin
