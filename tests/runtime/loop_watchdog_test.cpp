#include "runtime/loop_watchdog.h"

#include <functional>
#include <future>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../registry/log_capture.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

constexpr LoopWatchdog::Settings settings = {.limit = std::chrono::milliseconds(200),
                                             .report_after = std::chrono::milliseconds(600),
                                             .interval = std::chrono::milliseconds(1)};

class LoopWatchdogTest : public testing::Test {
 protected:
  ~LoopWatchdogTest() override {
    loop_.stop();
    thread_.join();
  }

  /// Holds the loop until the log has `text` in it, which only the watchdog writes.
  void hold_until_logged(const std::string& text) {
    while (log_.text().find(text) == std::string::npos) std::this_thread::yield();
  }
  void run_on_loop(const std::function<void()>& work) {
    std::promise<void> done;
    asio::post(loop_, [&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }
  void wait_until_known() {
    while (!watchdog_.knows_loop()) std::this_thread::yield();
  }
  void wait_for_stalls(std::uint64_t count) {
    while (watchdog_.stalls().count < count) std::this_thread::yield();
  }

  LogCapture log_;
  asio::io_context loop_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{loop_.get_executor()};
  LoopWatchdog watchdog_{loop_.get_executor(), settings};
  std::thread thread_{[this] { loop_.run(); }};
};

TEST_F(LoopWatchdogTest, names_who_holds_the_loop) {
  run_on_loop([this] { hold_until_logged("has been held"); });
  wait_for_stalls(1);
  EXPECT_THAT(log_.text(), HasSubstr("by something that has no name"));

  run_on_loop([this] {
    const LoopScope outer("a call of", "package:Outer");
    {
      const LoopScope ended("a call of", "package:Ended");
    }
    const LoopScope inner("a call of", "package:Inner\n");
    hold_until_logged("Inner");
  });
  wait_for_stalls(2);
  EXPECT_THAT(log_.text(), AllOf(HasSubstr("by a call of package:Inner\\x0a, and still is"),
                                 Not(HasSubstr("Outer")), Not(HasSubstr("Ended"))));
  EXPECT_GE(watchdog_.stalls().longest, settings.report_after);
}

TEST_F(LoopWatchdogTest, names_what_began_last_where_there_is_no_scope) {
  wait_until_known();
  run_on_loop([this] {
    note_loop_activity("GET", "/api/kernels");
    hold_until_logged("by GET /api/kernels");
  });
}

TEST_F(LoopWatchdogTest, says_that_the_loop_is_free_again_and_what_it_cost) {
  wait_until_known();
  run_on_loop([this] {
    const LoopScope scope("a call of", "package:Class");
    hold_until_logged("package:Class");
  });
  wait_for_stalls(1);
  EXPECT_THAT(log_.text(), ContainsRegex("was held for [0-9.]+ s .[0-9.]+ s of processor time. by a call of "
                                         "package:Class: nobody was answered meanwhile"));
}

TEST_F(LoopWatchdogTest, scopes_on_other_threads_are_nobodys) {
  const LoopScope scope("a call of", "package:Elsewhere");
  wait_until_known();
  run_on_loop([this] { hold_until_logged("has been held"); });
  EXPECT_THAT(log_.text(), Not(HasSubstr("Elsewhere")));
}

}  // namespace
}  // namespace nextgen_kernels
