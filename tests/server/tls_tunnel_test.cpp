#include "server/tls_tunnel.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

class TlsTunnelTest : public testing::Test {
 protected:
  using Ends = std::pair<ClientSocket, ClientSocket>;

  /// A tunnel between two connections, whose other ends are `client_` and `server_`.
  void begin() {
    auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    client_.emplace(make_socket_pair(loop_.get_executor()).value());
    server_.emplace(make_socket_pair(loop_.get_executor()).value());
    tasks_.spawn("tunnel", run_tls_tunnel(std::move(context), std::move(client_->first),
                                          std::move(server_->first), end_, std::chrono::hours(1)));
    loop_.poll();
  }

  asio::io_context loop_;
  TaskGroup tasks_{loop_.get_executor()};
  std::shared_ptr<TlsTunnelEnd> end_ = std::make_shared<TlsTunnelEnd>(loop_.get_executor());
  std::optional<Ends> client_;
  std::optional<Ends> server_;
};

TEST_F(TlsTunnelTest, ends_at_once_when_it_is_cut) {
  begin();
  bool is_told = false;
  const auto wait = [](std::shared_ptr<TlsTunnelEnd> end, bool* told) -> Task<void> {
    co_await end->wait();
    *told = true;
  };
  tasks_.spawn("wait for the end", wait(end_, &is_told));
  loop_.poll();
  EXPECT_FALSE(tasks_.empty());
  end_->cut();
  loop_.restart();
  loop_.run();
  EXPECT_TRUE(tasks_.empty());
  EXPECT_TRUE(is_told);
  char byte = 0;
  boost::system::error_code error;
  client_->second.read_some(asio::buffer(&byte, 1), error);
  EXPECT_TRUE(error);
}

TEST_F(TlsTunnelTest, says_so_when_it_has_ended_by_itself) {
  begin();
  tasks_.spawn("wait for the end", end_->wait());
  server_->second.close();  // Before the handshake.
  loop_.restart();
  loop_.run();
  EXPECT_TRUE(tasks_.empty());
}

}  // namespace
}  // namespace nextgen_kernels
