#include <regex>

#include "server_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class RestApiTest : public ServerFixture {
 protected:
  RestApiTest() {
    using Json = RegistryModels::Json;
    settings_.registry_models = {
        .registry = [] { return Json{{"mappings", Json::array()}}; },
        .explain = [](const std::string& provisioner, const std::string& kernel_name) -> Result<Json> {
          if (provisioner == "unknown") return make_error(ErrorCode::not_found, "no such provisioner");
          return Json{{"asked", provisioner}, {"kernel", kernel_name}};
        },
        .doctor = [] { return Json{{"problems", Json::array()}}; }};
  }
};

const std::string no_kernel = "00000000-0000-0000-0000-000000000000";

// Server
// ------------------------------------------------------------------------------------------------------------

TEST_F(RestApiTest, tells_its_version) {
  start();
  const auto response = request("GET", "/api");
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.json(), nlohmann::json({{"version", "1.2.3"}}));
  EXPECT_EQ(response.header("Content-Type"), "application/json");
  EXPECT_EQ(response.header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(response.header("Content-Security-Policy"),
            "frame-ancestors 'self'; report-uri /api/security/csp-report; default-src 'none'");
}

TEST_F(RestApiTest, tells_strangers_its_version_and_does_not_count_that_as_activity) {
  start();
  const auto before = request("GET", "/api/status").json().at("last_activity");
  for (const std::string headers : {"", "Authorization: token wrong\r\n"}) {
    const auto response = request_with(headers, "GET", "/api");
    EXPECT_EQ(response.status, 200u);
    EXPECT_EQ(response.json(), nlohmann::json({{"version", "1.2.3"}}));
  }
  EXPECT_EQ(request_with("", "HEAD", "/api").status, 200u);
  EXPECT_EQ(request_with("", "GET", "/login").status, 200u);
  EXPECT_EQ(request_with("", "POST", "/api").status, 403u);
  EXPECT_EQ(request_with("Origin: http://evil.example\r\n", "GET", "/api").status, 404u);
  EXPECT_EQ(request_with("", "GET", "/api/").status, 403u);
  EXPECT_EQ(request("GET", "/api/status").json().at("last_activity"), before);
}

TEST_F(RestApiTest, tells_its_status) {
  start();
  start_kernel();
  const auto status = request("GET", "/api/status").json();
  EXPECT_EQ(status.at("kernels"), 1);
  EXPECT_EQ(status.at("connections"), 0);
  const std::regex timestamp(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)");
  EXPECT_TRUE(std::regex_match(status.at("started").get<std::string>(), timestamp));
  EXPECT_TRUE(std::regex_match(status.at("last_activity").get<std::string>(), timestamp));
}

TEST_F(RestApiTest, looking_at_the_status_is_no_activity) {
  start();
  const auto before = request("GET", "/api/status").json().at("last_activity");
  request("GET", "/api?no_track_activity=1");
  EXPECT_EQ(request("GET", "/api/status").json().at("last_activity"), before);
  request("GET", "/api");
  EXPECT_NE(request("GET", "/api/status").json().at("last_activity"), before);
}

TEST_F(RestApiTest, tells_who_one_is) {
  start();
  const auto me = request("GET", "/api/me?permissions=%7B%22kernels%22%3A%5B%22read%22%5D%7D").json();
  EXPECT_TRUE(me.at("identity").at("username").is_string());
  EXPECT_EQ(me.at("permissions"), nlohmann::json({{"kernels", {"read"}}, {"updatable_fields", {"color"}}}));
  for (const auto* malformed : {"%7B", "[]", "%7B%22kernels%22%3A1%7D", "%7B%22kernels%22%3A%5B1%5D%7D"})
    EXPECT_EQ(request("GET", std::string("/api/me?permissions=") + malformed).status, 400u) << malformed;
}

TEST_F(RestApiTest, one_may_choose_ones_color) {
  start();
  const auto changed = request("PATCH", "/api/me", R"({"color": "red"})");
  EXPECT_EQ(changed.status, 200u);
  EXPECT_EQ(changed.json().at("status"), "success");
  EXPECT_EQ(request("GET", "/api/me").json().at("identity").at("color"), "red");
  for (const std::string bad : {"", "{}", "[]", R"({"name": "x"})", R"({"color": 3})"})
    EXPECT_EQ(request("PATCH", "/api/me", bad).status, 400u) << bad;
  EXPECT_EQ(request("GET", "/api/me").json().at("identity").at("color"), "red");
}

TEST_F(RestApiTest, the_kernel_id_may_stand_in_the_environment) {
  start();
  const auto model = request("POST", "/api/kernels", R"({"env": {"KERNEL_ID": "1-2-3-4-5"}})");
  EXPECT_EQ(model.status, 201u);
  EXPECT_EQ(model.json().at("id"), "1-2-3-4-5");
  EXPECT_EQ(request("POST", "/api/kernels", R"({"env": {"KERNEL_ID": "x"}})").status, 400u);
  EXPECT_EQ(
      request("POST", "/api/kernels", R"({"kernel_id": "2-2-3-4-5", "env": {"KERNEL_ID": "1-2-3-4-5"}})")
          .status,
      400u);
}

TEST_F(RestApiTest, tells_the_mappings_of_the_registry) {
  start();
  EXPECT_EQ(request("GET", "/api/nextgen/registry").json(),
            nlohmann::json({{"mappings", nlohmann::json::array()}}));
}

TEST_F(RestApiTest, explains_the_client_of_a_provisioner) {
  start();
  EXPECT_EQ(request("GET", "/api/nextgen/registry/explain?provisioner=a%3AB&kernel_name=r").json(),
            nlohmann::json({{"asked", "a:B"}, {"kernel", "r"}}));
  EXPECT_EQ(request("GET", "/api/nextgen/registry/explain?provisioner=unknown").status, 404u);
  EXPECT_EQ(request("GET", "/api/nextgen/registry/explain").status, 400u);
}

TEST_F(RestApiTest, tells_the_problems_of_packages) {
  start();
  EXPECT_EQ(request("GET", "/api/nextgen/registry/doctor").json(),
            nlohmann::json({{"problems", nlohmann::json::array()}}));
}

TEST_F(RestApiTest, knows_paths_and_methods) {
  start();
  const auto unknown = request("GET", "/api/nothing");
  EXPECT_EQ(unknown.status, 404u);
  EXPECT_EQ(unknown.json().at("reason"), "Not Found");
  const auto refused = request("PUT", "/api/kernels");
  EXPECT_EQ(refused.status, 405u);
  EXPECT_EQ(refused.header("Allow"), "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(request("BREW", "/api/kernels").status, 405u);
}

TEST_F(RestApiTest, answers_head_without_a_body) {
  start();
  const auto get = request("GET", "/api");
  const auto head = request("HEAD", "/api");
  EXPECT_EQ(head.status, 200u);
  EXPECT_EQ(head.header("Content-Length"), get.header("Content-Length"));
  EXPECT_TRUE(head.body.empty());
}

TEST_F(RestApiTest, redirects_from_a_trailing_slash) {
  start();
  const auto response = request("GET", "/api/kernels/?token=secret-token");
  EXPECT_EQ(response.status, 302u);
  EXPECT_EQ(response.header("Location"), "/api/kernels?token=secret-token");
  EXPECT_EQ(request("GET", "//evil.example/").status, 404u);
  EXPECT_EQ(request("POST", "/api/kernels/").status, 404u);
}

TEST_F(RestApiTest, lives_below_its_base_url) {
  settings_.base_url = "/a%40b/";
  start();
  EXPECT_EQ(request("GET", "/a%40b/api").status, 200u);
  EXPECT_EQ(request("GET", "/a@b/api").status, 200u);
  EXPECT_EQ(request("GET", "/api").status, 404u);
  const auto created = request("POST", "/a%40b/api/kernels");
  EXPECT_EQ(created.header("Location"), "/a%40b/api/kernels/" + created.json().at("id").get<std::string>());
  EXPECT_EQ(request("GET", "/a@b").header("Location"), "/a%40b/");
  EXPECT_EQ(request("GET", "/a@b/").status, 200u);
  EXPECT_EQ(request("GET", "/a@b/api/kernelspecs").json().at("kernelspecs").size(), 2u);
}

TEST_F(RestApiTest, refuses_a_base_url_that_is_no_path) {
  KernelSpecManager specs({});
  MultiKernelManager kernels(loop_.get_executor(), specs, {}, {});
  for (const auto* base_url : {"", "lab", "/lab", "lab/", "/%zz/", "/?/", "//"}) {
    settings_.base_url = base_url;
    EXPECT_FALSE(Server::make(loop_.get_executor(), kernels, specs, settings_)) << base_url;
  }
}

// Who comes in
// ------------------------------------------------------------------------------------------------------

TEST_F(RestApiTest, refuses_strangers_everywhere) {
  start();
  const auto kernel = start_kernel();
  for (const auto& target : {std::string("/api/status"), std::string("/api/kernels"),
                             "/api/kernels/" + kernel, "/api/kernels/" + kernel + "/channels",
                             std::string("/"), std::string("/static/page.js"), std::string("/api/nothing")}) {
    const auto response = request_with("", "GET", target);
    EXPECT_EQ(response.status, 403u) << target;
    EXPECT_EQ(response.json(),
              nlohmann::json({{"message", "Forbidden"}, {"reason", "Forbidden"}, {"traceback", ""}}));
    EXPECT_EQ(request_with("Authorization: token wrong\r\n", "GET", target).status, 403u) << target;
  }
  EXPECT_EQ(request_with("", "DELETE", "/api/kernels/" + kernel).status, 403u);
  EXPECT_EQ(request("GET", "/api/kernels").json().size(), 1u);
}

TEST_F(RestApiTest, lets_everybody_in_without_a_token) {
  settings_.token = "";
  start();
  EXPECT_EQ(request_with("", "POST", "/api/kernels").status, 201u);
  EXPECT_EQ(request_with("Authorization: token \r\n", "GET", "/api/kernels").status, 200u);
  EXPECT_EQ(request_with("Origin: http://evil.example\r\n", "POST", "/api/kernels").status, 404u);
}

TEST_F(RestApiTest, a_proxy_that_is_trusted_says_how_clients_came) {
  settings_.trust_xheaders = true;
  start();
  const auto cookies_with = [this](const std::string& headers) {
    return request_with(headers, "GET", "/?token=secret-token").header("Set-Cookie") +
           request_with(headers, "GET", "/login").header("Set-Cookie");
  };
  for (const std::string headers : {"X-Forwarded-Proto: https\r\n", "X-Scheme: https\r\n"})
    EXPECT_THAT(cookies_with(headers), testing::ContainsRegex("SameSite=Lax; Secure.*SameSite=Lax; Secure"));
  EXPECT_THAT(cookies_with(""), Not(HasSubstr("Secure")));
}

TEST_F(RestApiTest, what_others_say_of_their_scheme_means_nothing) {
  start();
  const auto page = request_with("X-Forwarded-Proto: https\r\n", "GET", "/?token=secret-token");
  EXPECT_THAT(page.header("Set-Cookie"), Not(HasSubstr("Secure")));
}

TEST_F(RestApiTest, tells_browsers_how_to_get_in) {
  start();
  const auto page = request_with("Accept: text/html\r\n", "GET", "/");
  EXPECT_EQ(page.status, 302u);
  EXPECT_EQ(page.header("Location"), "/login?next=%2F");
  const auto login = request_with("", "GET", "/login");
  EXPECT_EQ(login.status, 200u);
  EXPECT_THAT(login.header("Content-Type"), HasSubstr("text/html"));
  EXPECT_THAT(login.body, Not(HasSubstr("secret-token")));
}

TEST_F(RestApiTest, gives_browsers_a_cookie_for_the_token) {
  start();
  const auto page = request_with("", "GET", "/?token=secret-token");
  EXPECT_EQ(page.status, 200u);
  const auto cookie = page.header("Set-Cookie");
  EXPECT_THAT(cookie, HasSubstr("; HttpOnly; SameSite=Lax; Path=/"));
  EXPECT_THAT(cookie, Not(HasSubstr("secret-token")));
  const auto header = "Cookie: " + cookie.substr(0, cookie.find(';')) + "\r\n";
  EXPECT_EQ(request_with(header, "GET", "/").status, 200u);
  EXPECT_THAT(request_with(header, "GET", "/").header("Set-Cookie"), testing::StartsWith("_xsrf="));
  EXPECT_EQ(request_with(header, "GET", "/api/kernels").status, 200u);
  EXPECT_EQ(request_with(header, "POST", "/api/kernels").status, 403u);
  const auto own = fmt::format("{}Origin: http://localhost:{}\r\n", header, port_);
  EXPECT_EQ(request_with(own, "POST", "/api/kernels").status, 201u);
  EXPECT_EQ(request_with(header + "Origin: http://evil.example\r\n", "POST", "/api/kernels").status, 404u);
  EXPECT_EQ(request_with(header + "Origin: http://evil.example\r\n", "GET", "/api/kernels").status, 404u);
}

TEST_F(RestApiTest, does_not_answer_under_foreign_names) {
  start();
  TestConnection connection(port_);
  connection.send("GET /api?token=secret-token HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_EQ(connection.receive().status, 403u);
}

TEST_F(RestApiTest, answers_preflight_requests_of_strangers) {
  start();
  const auto response = request_with(
      "Origin: https://lab.example\r\nAccess-Control-Request-Headers: authorization,content-type\r\n",
      "OPTIONS", "/api/kernels");
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.header("Access-Control-Allow-Origin"), "https://lab.example");
  EXPECT_EQ(response.header("Access-Control-Allow-Headers"),
            "accept, content-type, authorization, x-xsrftoken");
  EXPECT_EQ(response.header("Access-Control-Allow-Methods"), "GET, PUT, POST, PATCH, DELETE, OPTIONS");
  EXPECT_EQ(response.header("Allow"), "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(request_with("", "OPTIONS", "*").status, 200u);
}

// Kernels
// -----------------------------------------------------------------------------------------------------------

TEST_F(RestApiTest, starts_a_kernel) {
  start();
  const auto response = request("POST", "/api/kernels", R"({"name": "other", "path": null})");
  EXPECT_EQ(response.status, 201u);
  const auto model = response.json();
  const auto id = model.at("id").get<std::string>();
  EXPECT_EQ(response.header("Location"), "/api/kernels/" + id);
  EXPECT_EQ(model.at("name"), "other");
  EXPECT_EQ(model.at("connections"), 0);
  EXPECT_TRUE(std::regex_match(model.at("last_activity").get<std::string>(),
                               std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)")));
  EXPECT_THAT((std::vector<std::string>{"starting", "idle"}),
              testing::Contains(model.at("execution_state").get<std::string>()));
  EXPECT_EQ(model.at("provisioner"), "tests.provisioners:ScriptedProvisioner");
  EXPECT_EQ(model.at("provisioner_info"), nlohmann::json({{"pid", 4711}}));
  EXPECT_EQ(model.at("matched_by"), "configured");
  EXPECT_EQ(model.at("restart_count"), 0);
  EXPECT_FALSE(model.contains("reason"));
  EXPECT_EQ(request("GET", "/api/kernels/" + id).json().at("id"), id);
  EXPECT_EQ(request("GET", "/api/kernels").json().at(0).at("id"), id);
}

TEST_F(RestApiTest, starts_the_default_kernel_when_no_name_is_given) {
  start();
  for (const auto* body : {"", "{}", "null", R"({"name": null})"})
    EXPECT_EQ(request("POST", "/api/kernels", body).json().at("name"), "test") << body;
}

TEST_F(RestApiTest, passes_environment_and_path_on) {
  start();
  std::filesystem::create_directories(directory_ / "work");
  const auto response = request("POST", "/api/kernels",
                                R"({"path": "work/a.ipynb", "env": {"KERNEL_X": "1", "LD_PRELOAD": "x"}})");
  EXPECT_EQ(response.status, 201u);
  const auto launch = on_loop([this] { return script_.launch_requests.at(0); });
  EXPECT_EQ(launch.environment.at("KERNEL_X"), "1");
  EXPECT_FALSE(launch.environment.contains("LD_PRELOAD"));
  EXPECT_EQ(std::filesystem::weakly_canonical(launch.working_directory),
            std::filesystem::weakly_canonical(directory_ / "work"));
}

TEST_F(RestApiTest, refuses_bodies_of_wrong_types_and_syntax) {
  start();
  const auto message_of = [this](const std::string& body) {
    const auto response = request("POST", "/api/kernels", body);
    EXPECT_EQ(response.status, 400u) << body;
    return response.json().at("message").get<std::string>();
  };
  EXPECT_EQ(message_of("{"), "Invalid JSON in body of request");
  EXPECT_THAT(message_of("[]"), HasSubstr("must be an object"));
  EXPECT_THAT(message_of(R"({"name": 1})"), HasSubstr("'name' must be a string, not number"));
  EXPECT_THAT(message_of(R"({"path": {}})"), HasSubstr("'path' must be a string, not object"));
  EXPECT_THAT(message_of(R"({"kernel_id": []})"), HasSubstr("'kernel_id' must be a string, not array"));
  EXPECT_THAT(message_of(R"({"kernel_id": "../x"})"), HasSubstr("is no kernel id"));
  EXPECT_THAT(message_of(R"({"env": []})"), HasSubstr("'env' must be an object"));
  EXPECT_THAT(message_of(R"({"env": {"A": null}})"), HasSubstr("'A' is null"));
  EXPECT_EQ(on_loop([this] { return script_.launches; }), 0);
}

TEST_F(RestApiTest, keeps_to_a_given_kernel_id) {
  start();
  const std::string body = R"({"kernel_id": "1-2-3-4-a_b"})";
  EXPECT_EQ(request("POST", "/api/kernels", body).json().at("id"), "1-2-3-4-a_b");
  const auto again = request("POST", "/api/kernels", body);
  EXPECT_EQ(again.status, 201u);
  EXPECT_EQ(again.json().at("id"), "1-2-3-4-a_b");
  EXPECT_EQ(request("POST", "/api/kernels", R"({"kernel_id": "1-2-3-4-a_b", "name": "other"})").status, 409u);
  EXPECT_EQ(request("GET", "/api/kernels").json().size(), 1u);
}

TEST_F(RestApiTest, says_that_a_kernel_spec_is_unknown) {
  start();
  const auto response = request("POST", "/api/kernels", R"({"name": "nope"})");
  EXPECT_EQ(response.status, 404u);
  EXPECT_EQ(response.json().at("message"), "Kernel spec nope not found. There are: other, test");
}

TEST_F(RestApiTest, a_kernel_spec_that_names_something_missing_is_not_itself_unknown) {
  script_.launch_error = Error{ErrorCode::not_found, "Executable 'kernel' not found"};
  start();
  const auto response = request("POST", "/api/kernels");
  EXPECT_EQ(response.status, 503u);
  EXPECT_THAT(response.json().at("message").get<std::string>(),
              AllOf(HasSubstr("Executable 'kernel' not found"), Not(HasSubstr("There are"))));
}

TEST_F(RestApiTest, says_why_a_kernel_did_not_start) {
  script_.launch_error = Error{ErrorCode::io, "no such program"};
  start();
  const auto response = request("POST", "/api/kernels");
  EXPECT_EQ(response.status, 500u);
  EXPECT_EQ(response.json().at("message"), "no such program");
  EXPECT_TRUE(request("GET", "/api/kernels").json().empty());
}

TEST_F(RestApiTest, ends_a_kernel) {
  start();
  const auto id = start_kernel();
  const auto response = request("DELETE", "/api/kernels/" + id);
  EXPECT_EQ(response.status, 204u);
  EXPECT_EQ(response.header("Content-Length"), "");
  EXPECT_EQ(request("GET", "/api/kernels/" + id).status, 404u);
  EXPECT_EQ(request("DELETE", "/api/kernels/" + id).status, 404u);
}

TEST_F(RestApiTest, says_that_a_kernel_is_unknown) {
  start();
  for (const auto& id : {no_kernel, std::string("x"), std::string("a%20b")}) {
    for (const auto& [method, action] :
         {std::pair("GET", ""), std::pair("DELETE", ""), std::pair("POST", "/interrupt"),
          std::pair("POST", "/restart"), std::pair("GET", "/channels")}) {
      const auto response = request(method, "/api/kernels/" + id + action);
      EXPECT_EQ(response.status, 404u) << method << action;
      EXPECT_THAT(response.json().at("message").get<std::string>(), HasSubstr("Kernel does not exist: "));
    }
  }
}

TEST_F(RestApiTest, interrupts_a_kernel) {
  start();
  const auto id = start_kernel();
  EXPECT_EQ(request("POST", "/api/kernels/" + id + "/interrupt", "{}").status, 204u);
  EXPECT_EQ(on_loop([this] { return script_.interrupts; }), 1);
  on_loop([this] { script_.interrupt_error = Error{ErrorCode::unavailable, "it is gone"}; });
  const auto failed = request("POST", "/api/kernels/" + id + "/interrupt");
  EXPECT_EQ(failed.status, 500u);
  EXPECT_EQ(failed.json().at("message"), "it is gone");
}

TEST_F(RestApiTest, an_interrupt_of_a_kernel_that_takes_none_now_is_a_conflict) {
  start();
  on_loop([this] { script_.connect_allowed = false; });
  const auto starting = start_kernel();
  const auto refused = request("POST", "/api/kernels/" + starting + "/interrupt");
  EXPECT_EQ(refused.status, 409u);
  EXPECT_THAT(refused.json().at("message").get<std::string>(), HasSubstr("is starting"));
  on_loop([this] { script_.launch_error = Error{ErrorCode::io, "no such program"}; });
  request("POST", "/api/kernels/" + starting + "/restart");
  const auto dead = request("POST", "/api/kernels/" + starting + "/interrupt");
  EXPECT_EQ(dead.status, 409u);
  EXPECT_THAT(dead.json().at("message").get<std::string>(), HasSubstr("no such program"));
}

TEST_F(RestApiTest, restarts_a_kernel) {
  start();
  const auto id = start_kernel();
  const auto response = request("POST", "/api/kernels/" + id + "/restart", "{}");
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.json().at("id"), id);
  EXPECT_EQ(response.json().at("restart_count"), 1);
  on_loop([this] { script_.launch_error = Error{ErrorCode::io, "no such program"}; });
  const auto failed = request("POST", "/api/kernels/" + id + "/restart");
  EXPECT_EQ(failed.status, 500u);
  EXPECT_EQ(failed.json().at("message"), "Exception restarting kernel: no such program");
  const auto dead = request("GET", "/api/kernels/" + id).json();
  EXPECT_EQ(dead.at("execution_state"), "dead");
  EXPECT_EQ(dead.at("reason"), "no such program");
}

// Kernel specs
// ------------------------------------------------------------------------------------------------------

TEST_F(RestApiTest, lists_kernel_specs_default_first) {
  write_file("kernels/test/logo-64x64.png", "png");
  write_file("kernels/broken/kernel.json", "{");
  start();
  const auto response = request("GET", "/api/kernelspecs");
  EXPECT_EQ(response.status, 200u);
  const auto list = nlohmann::ordered_json::parse(response.body);
  EXPECT_EQ(list.at("default"), "test");
  std::vector<std::string> names;
  for (const auto& [name, model] : list.at("kernelspecs").items()) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("test", "other"));
  const auto& test = list.at("kernelspecs").at("test");
  EXPECT_EQ(test.at("name"), "test");
  EXPECT_EQ(test.at("spec").at("display_name"), "Test");
  EXPECT_EQ(test.at("spec").at("argv"), nlohmann::ordered_json({"test"}));
  EXPECT_EQ(test.at("resources"),
            nlohmann::ordered_json({{"logo-64x64", "/kernelspecs/test/logo-64x64.png"}}));
  TestConnection connection(port_);
  connection.send(make_request_text(
      "Authorization: token secret-token\r\nIf-None-Match: " + response.header("ETag") + "\r\n", "GET",
      "/api/kernelspecs"));
  EXPECT_EQ(connection.receive().status, 304u);
}

TEST_F(RestApiTest, the_default_kernel_is_one_that_exists) {
  std::filesystem::remove_all(directory_ / "kernels/test");
  start();
  EXPECT_EQ(request("GET", "/api/kernelspecs").json().at("default"), "other");
  EXPECT_EQ(request("POST", "/api/kernels").json().at("name"), "other");
  const auto session = request("POST", "/api/sessions", R"({"path": "a", "type": "notebook"})");
  EXPECT_EQ(session.json().at("kernel").at("name"), "other");
}

TEST_F(RestApiTest, without_kernel_specs_a_start_says_why_and_what_to_type) {
  std::filesystem::remove_all(directory_ / "kernels");
  start();
  EXPECT_EQ(request("GET", "/api/kernelspecs").json().at("default"), "test");
  const auto refused = request("POST", "/api/kernels");
  EXPECT_EQ(refused.status, 404u);
  EXPECT_THAT(refused.json().at("message").get<std::string>(),
              AllOf(HasSubstr("Kernel spec test not found. No kernel spec was found"),
                    HasSubstr("pip install ipykernel")));
}

TEST_F(RestApiTest, a_post_to_the_root_is_answered_as_by_jupyter_server) {
  start();
  EXPECT_EQ(request("POST", "/").status, 200u);
}

TEST_F(RestApiTest, shows_one_kernel_spec) {
  start();
  EXPECT_EQ(request("GET", "/api/kernelspecs/test").json().at("spec").at("metadata"),
            nlohmann::json({{"a", 1}}));
  const auto unknown = request("GET", "/api/kernelspecs/nope");
  EXPECT_EQ(unknown.status, 404u);
  EXPECT_EQ(unknown.json().at("message"), "Kernel spec nope not found");
}

TEST_F(RestApiTest, serves_the_files_of_a_kernel_spec) {
  write_file("kernels/test/logo-64x64.png", "png bytes");
  write_file("kernels/test/kernel.js", "js");
  start();
  const auto png = request("GET", "/kernelspecs/test/logo-64x64.png");
  EXPECT_EQ(png.body, "png bytes");
  EXPECT_EQ(png.header("Content-Type"), "image/png");
  EXPECT_EQ(png.header("Cache-Control"), "max-age=2592000");
  EXPECT_NE(png.header("Last-Modified"), "");
  EXPECT_EQ(request_with("Authorization: token secret-token\r\nIf-None-Match: " + png.header("ETag") + "\r\n",
                         "GET", "/kernelspecs/test/logo-64x64.png")
                .status,
            304u);
  const auto head = request("HEAD", "/kernelspecs/test/kernel.js");
  EXPECT_EQ(head.status, 200u);
  EXPECT_EQ(head.header("Content-Length"), "2");
  EXPECT_EQ(head.header("Content-Type"), "text/javascript");
}

TEST_F(RestApiTest, serves_no_file_outside_a_kernel_spec) {
  write_file("secret.txt", "secret");
  start();
  for (const auto* target :
       {"/kernelspecs/test/../../secret.txt", "/kernelspecs/test/..%2f..%2fsecret.txt",
        "/kernelspecs/test/%2e%2e/%2e%2e/secret.txt", "/kernelspecs/test/nothing.png",
        "/kernelspecs/../secret.txt", "/kernelspecs/test//etc/passwd", "/kernelspecs/test/."}) {
    const auto response = request("GET", target);
    EXPECT_EQ(response.status, 404u) << target;
    EXPECT_THAT(response.body, Not(HasSubstr("secret\"")));
  }
}

// The page
// ----------------------------------------------------------------------------------------------------------

TEST_F(RestApiTest, serves_the_page_with_a_policy_of_its_own) {
  start();
  const auto page = request("GET", "/");
  EXPECT_EQ(page.status, 200u);
  EXPECT_THAT(page.header("Content-Type"), HasSubstr("text/html"));
  EXPECT_THAT(page.header("Content-Security-Policy"), HasSubstr("script-src 'self'"));
  EXPECT_EQ(page.header("Referrer-Policy"), "no-referrer");
  for (const auto* file : {"page.js", "page.css", "icon.svg"})
    EXPECT_EQ(request("GET", std::string("/static/") + file).status, 200u) << file;
  EXPECT_EQ(request("GET", "/static/nothing.js").status, 404u);
}

}  // namespace
}  // namespace nextgen_kernels
