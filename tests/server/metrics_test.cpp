#include "server_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;
using testing::Not;

using MetricsTest = ServerFixture;

TEST_F(MetricsTest, tell_of_kernels_and_requests) {
  settings_.loop_stalls = [] { return LoopStalls{.count = 3, .longest = std::chrono::milliseconds(1500)}; };
  start();
  const auto kernel_id = start_kernel();
  request("GET", "/api/kernels/0-0-0-0-0");
  request("GET", "/no/such/path");
  const auto response = request("GET", "/metrics");
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  for (const auto& line :
       {std::string("jupyter_server_info{version=\"1.2.3\"} 1"),
        std::string("kernel_currently_running_total{type=\"test\"} 1"),
        std::string("nextgen_kernels_event_listeners 0"),
        std::string("nextgen_kernels_event_loop_stalls_total 3"),
        std::string("nextgen_kernels_event_loop_longest_stall_seconds 1.5"),
        "nextgen_kernels_journal_lost_messages_total{kernel_id=\"" + kernel_id + "\",type=\"test\"} 0",
        "nextgen_kernels_kernel_restarts_total{kernel_id=\"" + kernel_id + "\",type=\"test\"} 0",
        std::string("http_request_duration_seconds_count{method=\"POST\",handler=\"/api/"
                    "kernels\",status_code=\"201\"} 1"),
        std::string("http_request_duration_seconds_count{method=\"GET\",handler=\"/api/kernels/"
                    "{kernel_id}\",status_code=\"404\"} 1"),
        std::string(
            "http_request_duration_seconds_count{method=\"GET\",handler=\"\",status_code=\"404\"} 1")})
    EXPECT_THAT(response.body, HasSubstr("\n" + line + "\n"));
  EXPECT_THAT(response.body, HasSubstr("process_resident_memory_bytes"));
  EXPECT_THAT(response.body, Not(HasSubstr("0-0-0-0-0")));
}

TEST_F(MetricsTest, need_the_token) {
  start();
  EXPECT_EQ(request_with("", "GET", "/metrics").status, 403u);
}

TEST_F(MetricsTest, may_be_open_to_everybody) {
  settings_.authenticate_prometheus = false;
  start();
  EXPECT_EQ(request_with("", "GET", "/metrics").status, 200u);
  EXPECT_EQ(request_with("", "GET", "/api/kernels").status, 403u);
}

TEST_F(MetricsTest, made_up_methods_make_no_series) {
  start();
  request("BREW", "/api/kernels");
  request("XYZZY", "/api/kernels");
  EXPECT_THAT(request("GET", "/metrics").body, Not(HasSubstr("XYZZY")));
}

}  // namespace
}  // namespace nextgen_kernels
