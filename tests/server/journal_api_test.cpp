#include <string>
#include <vector>

#include "kernel_websocket_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class JournalApiTest : public KernelWebSocketTest {
 protected:
  /// The lines of an answer.
  std::vector<nlohmann::json> messages(const std::string& kernel_id, const std::string& query = "") {
    const auto response = request("GET", "/api/nextgen/kernels/" + kernel_id + "/messages" + query);
    EXPECT_EQ(response.status, 200u) << response.body;
    EXPECT_EQ(response.header("Content-Type"), "application/x-ndjson");
    std::vector<nlohmann::json> lines;
    for (const auto line : split(response.body, '\n'))
      if (!line.empty()) lines.push_back(nlohmann::json::parse(line));
    EXPECT_EQ(response.header("Nextgen-Kernels-Next"), lines.back().at("next").dump());
    return lines;
  }

  static std::vector<std::string> texts(const std::vector<nlohmann::json>& lines) {
    std::vector<std::string> result;
    for (const auto& line : lines) {
      if (line.contains("message") && line.at("message").at("msg_type") == "stream")
        result.push_back(line.at("message").at("content").at("text"));
    }
    return result;
  }

  void receive(const std::string& kernel_id, Message::Pointer message) {
    on_loop([&] { kernels_->find_kernel(kernel_id)->conversation()->receive(std::move(message)); });
  }
};

TEST_F(JournalApiTest, serves_what_the_kernel_said_page_by_page) {
  start();
  const auto id = start_ready_kernel();
  print(id, {"one", "two", "three"});
  const auto lines = messages(id);
  EXPECT_THAT(texts(lines), ElementsAre("one", "two", "three"));
  EXPECT_EQ(lines[0].at("number"), 1);
  EXPECT_EQ(lines[0].at("message").at("content"), nlohmann::json({{"execution_state", "idle"}}));
  EXPECT_EQ(lines[1].at("number"), 2);
  EXPECT_EQ(lines[1].at("epoch"), 1);
  EXPECT_EQ(lines[1].at("cell_id"), nullptr);
  EXPECT_EQ(lines[1].at("message").at("channel"), "iopub");
  EXPECT_EQ(lines.back(), nlohmann::json({{"next", 5}, {"end", true}}));

  const auto page = messages(id, "?since=2&limit=2");
  EXPECT_THAT(texts(page), ElementsAre("one", "two"));
  EXPECT_EQ(page.back(), nlohmann::json({{"next", 4}, {"end", false}}));
  EXPECT_THAT(texts(messages(id, "?since=4&limit=2")), ElementsAre("three"));
  EXPECT_EQ(messages(id, "?since=99").back(), nlohmann::json({{"next", 5}, {"end", true}}));
}

TEST_F(JournalApiTest, finds_by_cell_by_request_and_by_channel_also_when_the_request_has_ended) {
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id, "&session_id=mine");
  const auto header = request_header("r1");
  socket.send_frame(
      WebSocketOpcode::binary,
      v1_payload(Channel::shell, {header, "{}", R"({"cellId": "cell-7"})", R"({"code": "1"})"}));
  wait_for_sent(1);
  print(id, {"of nobody"});
  say(id, Channel::iopub, "of_cell", request_header("r1"));
  receive(id, make_kernel_message(Channel::iopub, "status", R"({"execution_state":"idle"})",
                                  request_header("r1"), "kernel")
                  .value());
  say(id, Channel::shell, "execute_reply", request_header("r1"));
  EXPECT_EQ(on_loop([&] { return kernels_->find_kernel(id)->conversation()->requests().size(); }), 0u);
  const auto of_cell = messages(id, "?cell=cell-7");
  ASSERT_EQ(of_cell.size(), 4u);
  EXPECT_EQ(of_cell[0].at("message").at("msg_type"), "of_cell");
  EXPECT_EQ(of_cell[0].at("cell_id"), "cell-7");
  EXPECT_EQ(of_cell[0].at("requester"), "mine");
  EXPECT_EQ(messages(id, "?parent=r1").size(), 4u);
  EXPECT_EQ(messages(id, "?parent=r1&channel=shell").size(), 2u);
  EXPECT_EQ(messages(id, "?parent=r1&msg_types=status").size(), 2u);
  EXPECT_EQ(messages(id, "?cell=other").size(), 1u);
}

TEST_F(JournalApiTest, finds_by_cell_as_long_as_there_is_something_of_it) {
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id, "&session_id=mine");
  on_loop([&] {
    const auto conversation = kernels_->find_kernel(id)->conversation();
    const auto run = [&](const std::string& request_id, const std::string& metadata) {
      const auto header = request_header(request_id);
      const auto request =
          decode_v1_message(v1_payload(Channel::shell, {header, "{}", metadata, "{}"})).value();
      conversation->record_request(request, conversation->audience_of("mine"));
      conversation->receive(make_kernel_message(Channel::iopub, "output", "{}", header, "kernel").value());
      conversation->receive(
          make_kernel_message(Channel::iopub, "status", R"({"execution_state":"idle"})", header, "kernel")
              .value());
      conversation->receive(make_kernel_message(Channel::shell, "a_reply", "{}", header, "kernel").value());
    };
    run("first", R"({"cellId": "cell-A"})");
    for (int i = 0; i < 10'050; ++i) run(std::to_string(i), "{}");
  });
  const auto lines = messages(id, "?cell=cell-A");
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0].at("cell_id"), "cell-A");
  EXPECT_EQ(lines[0].at("requester"), "mine");
}

TEST_F(JournalApiTest, any_message_is_one_line_with_its_buffers_in_base64) {
  start();
  const auto id = start_ready_kernel();
  const std::array<std::string_view, 4> parts = {R"({"msg_id":"m","msg_type":"comm_msg"})",
                                                 "{\n\"msg_id\":\r\n\"p\"}", "{}", "{\"a\":\n[1,\n2]}"};
  const std::array<std::string_view, 4> buffers = {"", "f", "fo", "foo"};
  receive(id, Message::make(Channel::iopub, parts, buffers).value());
  const auto lines = messages(id, "?since=2");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].at("message").at("content").at("a"), nlohmann::json({1, 2}));
  EXPECT_EQ(lines[0].at("message").at("buffers"), nlohmann::json({"", "Zg==", "Zm8=", "Zm9v"}));
}

TEST_F(JournalApiTest, says_what_is_gone) {
  kernel_options_.journal_limits.memory_messages = 3;
  start();
  const auto id = start_ready_kernel();
  print(id, {"one", "two", "three", "four"});
  EXPECT_THAT(texts(messages(id)), ElementsAre("two", "three", "four"));
  const auto lines = messages(id, "?since=1");
  EXPECT_EQ(lines[0], nlohmann::json({{"lost", {{"first", 1}, {"last", 2}}}}));
  EXPECT_THAT(texts(lines), ElementsAre("two", "three", "four"));
}

TEST_F(JournalApiTest, describes_the_journal_and_where_a_session_stands) {
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id, "&session_id=mine");
  print(id, {"one"});
  receive_v1(socket);
  const auto path = "/api/nextgen/kernels/" + id + "/journal";
  const auto model = request("GET", path + "?session_id=mine").json();
  EXPECT_EQ(model.at("first_number"), 1);
  EXPECT_EQ(model.at("next_number"), 3);
  EXPECT_EQ(model.at("epoch"), 1);
  EXPECT_EQ(model.at("listeners"), 1);
  EXPECT_EQ(model.at("overruns"), 0);
  const auto connection = model.at("connection");
  EXPECT_EQ(connection.at("journal"), socket.handshake.header("Nextgen-Kernels-Journal"));
  EXPECT_EQ(connection.at("first_frame").dump(), socket.handshake.header("Nextgen-Kernels-First-Frame"));
  EXPECT_EQ(connection.at("next_frame"), connection.at("first_frame").get<int>() + 2);
  EXPECT_EQ(connection.at("connected"), true);
  EXPECT_EQ(request("GET", path + "?session_id=other").json().at("connection"), nullptr);
  EXPECT_FALSE(request("GET", path).json().contains("connection"));
}

TEST_F(JournalApiTest, refuses_bad_queries) {
  start();
  const auto id = start_ready_kernel();
  const auto path = "/api/nextgen/kernels/" + id + "/messages";
  for (const auto& [query, told] :
       {std::pair("?since=x", "since"), std::pair("?limit=0", "limit"), std::pair("?limit=10001", "limit"),
        std::pair("?channel=hb", "channel"), std::pair("?msg_types=a&exclude_msg_types=b", "not both"),
        std::pair("?cell=a&cell=b", "cell is given 2 times")}) {
    const auto response = request("GET", path + query);
    EXPECT_EQ(response.status, 400u) << query;
    EXPECT_THAT(response.json().at("message").get<std::string>(), HasSubstr(told));
  }
  EXPECT_EQ(request("GET", "/api/nextgen/kernels/1-2-3-4-5/messages").status, 404u);
  EXPECT_EQ(request("GET", "/api/nextgen/kernels/1-2-3-4-5/journal").status, 404u);
  EXPECT_EQ(request_with("", "GET", path).status, 403u);
}

}  // namespace
}  // namespace nextgen_kernels
