#include <future>

#include "server_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

class SessionTest : public ServerFixture {
 protected:
  nlohmann::json create(const std::string& body) {
    const auto response = request("POST", "/api/sessions", body);
    EXPECT_EQ(response.status, 201u) << response.body;
    return response.json();
  }
  nlohmann::json create_notebook(const std::string& path) {
    return create(nlohmann::json{{"path", path}, {"name", path}, {"type", "notebook"}}.dump());
  }
  static std::string id_of(const nlohmann::json& model) { return model.at("id").get<std::string>(); }
  static std::string kernel_of(const nlohmann::json& model) { return id_of(model.at("kernel")); }
  nlohmann::json patch(const nlohmann::json& session, const std::string& body) {
    const auto response = request("PATCH", "/api/sessions/" + id_of(session), body);
    EXPECT_EQ(response.status, 200u) << response.body;
    return response.json();
  }
  std::size_t count_kernels() { return request("GET", "/api/kernels").json().size(); }
};

TEST_F(SessionTest, creates_a_session_with_a_kernel) {
  start();
  const auto response =
      request("POST", "/api/sessions",
              R"({"path": "a/b.ipynb", "type": "notebook", "name": "b.ipynb", "kernel": {"name": "other"}})");
  EXPECT_EQ(response.status, 201u);
  const auto model = response.json();
  EXPECT_EQ(response.header("Location"), "/api/sessions/" + id_of(model));
  EXPECT_EQ(model.at("path"), "a/b.ipynb");
  EXPECT_EQ(model.at("name"), "b.ipynb");
  EXPECT_EQ(model.at("type"), "notebook");
  EXPECT_EQ(model.at("kernel").at("name"), "other");
  EXPECT_EQ(model.at("notebook"), nlohmann::json({{"path", "a/b.ipynb"}, {"name", "b.ipynb"}}));
  EXPECT_EQ(request("GET", "/api/sessions").json().at(0).at("id"), model.at("id"));
  EXPECT_EQ(request("GET", "/api/sessions/" + id_of(model)).json().at("kernel").at("id"),
            model.at("kernel").at("id"));
}

TEST_F(SessionTest, shows_strings_where_the_creator_gave_none) {
  start();
  const auto model =
      create(R"({"path": "x", "type": "console", "name": null, "kernel": {"id": null, "name": null}})");
  EXPECT_EQ(model.at("name"), "");
  EXPECT_EQ(model.at("kernel").at("name"), "test");
  EXPECT_FALSE(model.contains("notebook"));
}

TEST_F(SessionTest, understands_the_old_form_of_a_notebook) {
  start();
  const auto model = create(R"({"id": "ignored", "notebook": {"path": "old.ipynb"}})");
  EXPECT_EQ(model.at("path"), "old.ipynb");
  EXPECT_EQ(model.at("type"), "notebook");
  EXPECT_EQ(create(R"({"notebook": {"name": "older.ipynb"}})").at("path"), "older.ipynb");
}

TEST_F(SessionTest, gives_the_same_session_for_the_same_path) {
  start();
  const auto first = create_notebook("a.ipynb");
  const auto second = create(R"({"path": "a.ipynb", "type": "notebook", "kernel": {"name": "other"}})");
  EXPECT_EQ(second.at("id"), first.at("id"));
  EXPECT_EQ(second.at("kernel").at("id"), first.at("kernel").at("id"));
  EXPECT_EQ(count_kernels(), 1u);
}

TEST_F(SessionTest, requests_at_once_for_one_path_get_one_kernel) {
  script_.launch_allowed = false;
  start();
  const std::string body = R"({"path": "a.ipynb", "type": "notebook"})";
  std::vector<std::future<TestResponse>> responses;
  for (int i = 0; i < 4; ++i)
    responses.push_back(
        std::async(std::launch::async, [&] { return request("POST", "/api/sessions", body); }));
  wait_until([this] { return script_.launches == 1; });
  on_loop([this] { script_.change(script_.launch_allowed, true); });
  const auto first = responses[0].get().json();
  for (std::size_t i = 1; i < responses.size(); ++i)
    EXPECT_EQ(responses[i].get().json().at("id"), first.at("id"));
  EXPECT_EQ(count_kernels(), 1u);
}

TEST_F(SessionTest, attaches_to_a_kernel_that_runs) {
  start();
  const auto kernel = start_kernel();
  const auto model = create(R"({"path": "a", "type": "console", "kernel": {"id": ")" + kernel + R"("}})");
  EXPECT_EQ(kernel_of(model), kernel);
  EXPECT_EQ(count_kernels(), 1u);
}

TEST_F(SessionTest, starts_a_kernel_under_an_id_that_is_free) {
  start();
  const auto model =
      create(R"({"path": "a", "type": "console", "kernel": {"id": "1-2-3-4-5", "name": "other"}})");
  EXPECT_EQ(kernel_of(model), "1-2-3-4-5");
  EXPECT_EQ(model.at("kernel").at("name"), "other");
}

TEST_F(SessionTest, tells_the_kernel_whose_it_is) {
  start();
  const auto model = create(R"({"path": "a.ipynb", "type": "notebook", "name": "a.ipynb"})");
  const auto name_at_launch = [this](std::size_t launch) {
    return on_loop(
        [this, launch] { return script_.launch_requests.at(launch).environment.at("JPY_SESSION_NAME"); });
  };
  EXPECT_EQ(name_at_launch(0), (std::filesystem::absolute(directory_) / "a.ipynb").string());
  patch(model, R"({"path": "b.ipynb", "name": "b.ipynb"})");
  EXPECT_EQ(request("POST", "/api/kernels/" + kernel_of(model) + "/restart").status, 200u);
  EXPECT_EQ(name_at_launch(1), (std::filesystem::absolute(directory_) / "b.ipynb").string());
}

TEST_F(SessionTest, refuses_incomplete_and_wrong_bodies) {
  start();
  const auto message_of = [this](const std::string& body) {
    const auto response = request("POST", "/api/sessions", body);
    EXPECT_EQ(response.status, 400u) << body;
    return response.json().at("message").get<std::string>();
  };
  EXPECT_EQ(message_of(""), "No JSON data provided");
  EXPECT_EQ(message_of("{"), "Invalid JSON in body of request");
  EXPECT_EQ(message_of(R"({"type": "notebook"})"), "Missing field in JSON data: path");
  EXPECT_EQ(message_of(R"({"path": "a"})"), "Missing field in JSON data: type");
  EXPECT_THAT(message_of(R"({"path": 1, "type": "x"})"), HasSubstr("'path' must be a string, not number"));
  EXPECT_THAT(message_of(R"({"path": "a", "type": {}})"), HasSubstr("'type' must be a string"));
  EXPECT_THAT(message_of(R"({"path": "a", "type": "x", "name": []})"), HasSubstr("'name' must be a string"));
  EXPECT_THAT(message_of(R"({"path": "a", "type": "x", "kernel": "k"})"),
              HasSubstr("'kernel' must be an object"));
  EXPECT_THAT(message_of(R"({"path": "a", "type": "x", "kernel": {"id": 1}})"),
              HasSubstr("'id' must be a string"));
  EXPECT_THAT(message_of(R"({"path": "a", "type": "x", "kernel": {"id": "no id"}})"),
              HasSubstr("is no kernel id"));
  EXPECT_THAT(message_of(R"({"path": "a\u0000b", "type": "x"})"), HasSubstr("'path' has a zero byte"));
  EXPECT_THAT(message_of(R"({"path": "a", "type": "x", "name": "a\u0000b"})"),
              HasSubstr("'name' has a zero byte"));
  EXPECT_EQ(request("POST", "/api/kernels", R"({"path": "a\u0000b"})").status, 400u);
  const std::string longer(PATH_MAX, 'a');
  EXPECT_THAT(message_of(R"({"type": "x", "path": ")" + longer + R"("})"),
              HasSubstr("'path' has 4096 bytes, but a path has at most 4095"));
  EXPECT_THAT(message_of(R"({"type": "x", "path": "a", "name": ")" + longer + R"("})"),
              HasSubstr("'name' has 4096 bytes"));
  EXPECT_THAT(message_of(R"({"notebook": {"path": ")" + longer + R"("}})"), HasSubstr("'path' has 4096"));
  EXPECT_EQ(request("POST", "/api/kernels", R"({"path": ")" + longer + R"("})").status, 400u);
  const auto session = create(R"({"type": "x", "path": ")" + longer.substr(1) + R"("})");
  EXPECT_EQ(request("PATCH", "/api/sessions/" + id_of(session), R"({"path": ")" + longer + R"("})").status,
            400u);
  EXPECT_THAT(message_of(R"({"notebook": 1})"), HasSubstr("'notebook' must be an object"));
}

TEST_F(SessionTest, says_that_a_kernel_spec_is_unknown) {
  start();
  const auto response =
      request("POST", "/api/sessions", R"({"path": "a", "type": "x", "kernel": {"name": "nope"}})");
  EXPECT_EQ(response.status, 501u);
  EXPECT_EQ(response.json().at("message"),
            "The 'nope' kernel is not available. Please pick another suitable kernel instead, or install "
            "that kernel.");
  EXPECT_EQ(response.json().at("short_message"), "nope not found");
  EXPECT_TRUE(request("GET", "/api/sessions").json().empty());
}

TEST_F(SessionTest, says_why_the_kernel_of_a_known_spec_does_not_start) {
  script_.launch_error = Error{ErrorCode::not_found, "Executable 'kernel' not found"};
  start();
  const auto response = request("POST", "/api/sessions", R"({"path": "a", "type": "x"})");
  EXPECT_EQ(response.status, 503u);
  EXPECT_THAT(response.json().at("message").get<std::string>(), HasSubstr("Executable 'kernel' not found"));
}

TEST_F(SessionTest, leaves_nothing_behind_when_the_kernel_does_not_start) {
  script_.launch_error = Error{ErrorCode::io, "no such program"};
  start();
  const auto response = request("POST", "/api/sessions", R"({"path": "a", "type": "x"})");
  EXPECT_EQ(response.status, 500u);
  EXPECT_EQ(response.json().at("message"), "no such program");
  EXPECT_TRUE(request("GET", "/api/sessions").json().empty());
  on_loop([this] { script_.launch_error.reset(); });
  create(R"({"path": "a", "type": "x"})");
}

TEST_F(SessionTest, changes_path_name_and_type) {
  start();
  const auto session = create_notebook("a.ipynb");
  const auto changed = patch(
      session, R"({"path": "b.ipynb", "name": "b", "type": "file", "kernel": {"id": null, "name": null}})");
  EXPECT_EQ(changed.at("id"), session.at("id"));
  EXPECT_EQ(changed.at("path"), "b.ipynb");
  EXPECT_EQ(changed.at("name"), "b");
  EXPECT_EQ(changed.at("type"), "file");
  EXPECT_EQ(kernel_of(changed), kernel_of(session));
  EXPECT_EQ(patch(session, R"({"notebook": {"path": "c.ipynb", "name": "ignored"}})").at("path"), "c.ipynb");
}

TEST_F(SessionTest, changes_the_kernel_and_ends_the_old_one) {
  start();
  const auto session = create_notebook("a.ipynb");
  const auto changed = patch(session, R"({"kernel": {"name": "other"}})");
  EXPECT_EQ(changed.at("kernel").at("name"), "other");
  EXPECT_NE(kernel_of(changed), kernel_of(session));
  EXPECT_EQ(request("GET", "/api/kernels/" + kernel_of(session)).status, 404u);
  EXPECT_EQ(count_kernels(), 1u);
}

TEST_F(SessionTest, does_not_end_a_kernel_that_another_session_uses) {
  start();
  const auto first = create_notebook("a.ipynb");
  const auto second =
      create(R"({"path": "b", "type": "console", "kernel": {"id": ")" + kernel_of(first) + R"("}})");
  patch(first, R"({"kernel": {"name": "other"}})");
  EXPECT_EQ(request("GET", "/api/kernels/" + kernel_of(second)).status, 200u);
  EXPECT_EQ(count_kernels(), 2u);
}

TEST_F(SessionTest, takes_the_id_of_a_kernel_before_its_name) {
  start();
  const auto session = create_notebook("a.ipynb");
  const auto kernel = start_kernel();
  const auto changed = patch(session, R"({"kernel": {"id": ")" + kernel + R"(", "name": "other"}})");
  EXPECT_EQ(kernel_of(changed), kernel);
}

TEST_F(SessionTest, refuses_wrong_changes) {
  start();
  const auto session = create_notebook("a.ipynb");
  const auto target = "/api/sessions/" + id_of(session);
  EXPECT_EQ(request("PATCH", target).json().at("message"), "No JSON data provided");
  const auto unknown = request("PATCH", target, R"({"kernel": {"id": "1-2-3-4-5"}})");
  EXPECT_EQ(unknown.status, 400u);
  EXPECT_EQ(unknown.json().at("message"), "No such kernel: 1-2-3-4-5");
  const auto failed = request("PATCH", target, R"({"kernel": {"name": "nope"}})");
  EXPECT_EQ(failed.status, 501u);
  EXPECT_THAT(failed.json().at("message").get<std::string>(),
              HasSubstr("The 'nope' kernel could not be started: "));
  EXPECT_EQ(failed.json().at("short_message"), "Error starting kernel nope");
  EXPECT_EQ(kernel_of(request("GET", target).json()), kernel_of(session));
}

TEST_F(SessionTest, refuses_the_path_of_another) {
  start();
  const auto first = create_notebook("a.ipynb");
  const auto second = create_notebook("b.ipynb");
  const auto target = "/api/sessions/" + id_of(second);
  const auto refused = request("PATCH", target, R"({"path": "a.ipynb", "kernel": {"name": "other"}})");
  EXPECT_EQ(refused.status, 409u);
  EXPECT_THAT(refused.json().at("message").get<std::string>(), HasSubstr("a.ipynb"));
  const auto unchanged = request("GET", target).json();
  EXPECT_EQ(unchanged.at("path"), "b.ipynb");
  EXPECT_EQ(kernel_of(unchanged), kernel_of(second));
  EXPECT_EQ(patch(second, R"({"path": "b.ipynb", "name": "b"})").at("name"), "b") << "its own";
  EXPECT_EQ(count_kernels(), 2u);
}

TEST_F(SessionTest, that_gets_a_path_while_another_is_created_for_it_waits_for_it) {
  start();
  const auto session = create_notebook("a.ipynb");
  on_loop([this] { script_.launch_allowed = false; });
  auto created = std::async(std::launch::async, [this] { return create_notebook("b.ipynb"); });
  wait_until([this] { return script_.launches == 2; });
  auto changed = std::async(std::launch::async, [&] {
    return request("PATCH", "/api/sessions/" + id_of(session), R"({"path": "b.ipynb"})").status;
  });
  EXPECT_EQ(request("GET", "/api/sessions").json().size(), 1u);
  on_loop([this] { script_.change(script_.launch_allowed, true); });
  created.get();
  EXPECT_EQ(changed.get(), 409u);
}

TEST_F(SessionTest, gets_another_kernel_when_its_own_is_dead) {
  kernel_options_.restarts.autorestart = false;
  start();
  const auto session = create_notebook("a.ipynb");
  const auto kill = [&](const std::string& kernel) {
    run(on_loop([&] { return kernels_->find_kernel(kernel); })->kill_process());
    wait_until([&] { return kernels_->find_kernel(kernel)->execution_state() == ExecutionState::dead; });
  };
  kill(kernel_of(session));
  const auto again = create_notebook("a.ipynb");
  EXPECT_EQ(id_of(again), id_of(session));
  EXPECT_NE(kernel_of(again), kernel_of(session));
  EXPECT_NE(again.at("kernel").at("execution_state"), "dead");
  EXPECT_EQ(request("GET", "/api/kernels/" + kernel_of(session)).status, 404u);

  kill(kernel_of(again));
  const auto same =
      create(R"({"path": "a.ipynb", "type": "notebook", "kernel": {"id": ")" + kernel_of(again) + R"("}})");
  EXPECT_EQ(id_of(same), id_of(session));
  EXPECT_EQ(kernel_of(same), kernel_of(again)) << "the id is free";
  EXPECT_NE(same.at("kernel").at("execution_state"), "dead");
  EXPECT_EQ(request("GET", "/api/sessions").json().size(), 1u);
}

TEST_F(SessionTest, says_that_a_session_is_unknown) {
  start();
  for (const auto& [method, body] :
       {std::pair("GET", ""), std::pair("DELETE", ""), std::pair("PATCH", "{\"name\": \"x\"}")}) {
    const auto response = request(method, "/api/sessions/nope", body);
    EXPECT_EQ(response.status, 404u);
    EXPECT_EQ(response.json().at("message"), "Session not found: session_id='nope'");
  }
}

TEST_F(SessionTest, ends_with_its_kernel) {
  start();
  const auto session = create_notebook("a.ipynb");
  EXPECT_EQ(request("DELETE", "/api/sessions/" + id_of(session)).status, 204u);
  EXPECT_EQ(count_kernels(), 0u);
  EXPECT_EQ(request("DELETE", "/api/sessions/" + id_of(session)).status, 404u);
}

TEST_F(SessionTest, is_dropped_when_its_kernel_is_gone) {
  start();
  const auto session = create_notebook("a.ipynb");
  request("DELETE", "/api/kernels/" + kernel_of(session));
  EXPECT_TRUE(request("GET", "/api/sessions").json().empty());
  EXPECT_EQ(request("GET", "/api/sessions/" + id_of(session)).status, 404u);
  const auto again = create_notebook("a.ipynb");
  EXPECT_NE(again.at("id"), session.at("id"));
}

TEST_F(SessionTest, says_that_its_kernel_was_deleted_first) {
  start();
  const auto session = create_notebook("a.ipynb");
  request("DELETE", "/api/kernels/" + kernel_of(session));
  const auto response = request("DELETE", "/api/sessions/" + id_of(session));
  EXPECT_EQ(response.status, 410u);
  EXPECT_EQ(response.json().at("message"), "Kernel deleted before session");
  EXPECT_EQ(request("DELETE", "/api/sessions/" + id_of(session)).status, 404u);
}

}  // namespace
}  // namespace nextgen_kernels
