#include "runtime/zmq_router.h"

#include <array>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "wire/zmtp.h"

namespace nextgen_kernels {
namespace {

/// What a DEALER says before messages follow.
std::string dealer_hello() {
  return ZmtpDecoder::greeting() + std::string(
                                       "\x04\x1C\x05READY\x0BSocket-Type\0\0\0\x06"
                                       "DEALER",
                                       30);
}

class ZmqRouterTest : public testing::Test {
 protected:
  ZmqRouterTest() {
    auto router =
        ZmqRouter::listen(loop_.get_executor(), "127.0.0.1", [this](const ZmqRouter::Frames& message) {
          ++messages_;
          return std::optional(message);
        });
    router_ = std::move(*router);
    peer_.connect({asio::ip::make_address("127.0.0.1"), router_->port()});
    peer_.non_blocking(true);
  }

  /// Says it, and reads what is answered until the connection ends, or the answer ends so.
  std::string converse(const std::string& said, const std::string& end_of_answer = "never") {
    asio::write(peer_, asio::buffer(said));
    std::string answer;
    while (!answer.ends_with(end_of_answer)) {
      loop_.poll();
      std::array<char, 4096> bytes{};
      boost::system::error_code error;
      answer.append(bytes.data(), peer_.read_some(asio::buffer(bytes), error));
      if (error && error != asio::error::would_block) break;
    }
    return answer;
  }

  asio::io_context loop_;
  std::unique_ptr<ZmqRouter> router_;
  asio::ip::tcp::socket peer_{loop_};
  int messages_ = 0;
};

TEST_F(ZmqRouterTest, answers_messages) {
  converse(dealer_hello() + std::string("\0\x05hello", 7), std::string("\0\x05hello", 7));
  EXPECT_EQ(messages_, 1);
}

TEST_F(ZmqRouterTest, ends_the_connection_of_a_peer_that_says_too_much) {
  std::string commands;
  for (int i = 0; i < ZmqRouter::most_steps; ++i) commands += "\x04\x02\x01X";
  converse(dealer_hello() + commands + std::string("\0\x05hello", 7));
  EXPECT_EQ(messages_, 0);
}

}  // namespace
}  // namespace nextgen_kernels
