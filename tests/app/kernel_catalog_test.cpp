#include "app/kernel_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <stdlib.h>

#include "../support/temporary_directory.h"
#include "app/registry_model.h"
#include "app/registry_tables.h"
#include "base/strings.h"
#include "clients/zmq/jupyter_server_kernel_client.h"
#include "discovery/plugin_abi_version.h"
#include "provisioners/local/local_provisioner.h"

namespace nextgen_kernels {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class KernelCatalogTest : public testing::Test {
 protected:
  KernelCatalogTest() {
    options_.fallback_client_class = JupyterServerKernelClient::reference;
    options_.default_kernel_name = "python3";
    options_.plugin_path = {(directory_.path() / "plugins").native()};
    options_.python_path = {(directory_.path() / "site").native()};
    std::filesystem::create_directories(options_.plugin_path.front());
    std::filesystem::create_directories(options_.python_path.front());
    paths_.data_path = {directory_.path() / "data"};
    directory_.write("lib/libspark.so", "");
  }

  void install_python(std::string_view entry_points) const {
    directory_.write("site/spark_kernels-1.2.dist-info/entry_points.txt", entry_points);
  }
  void install_plugin(const json& changes = json::object()) const {
    json manifest = {{"manifest_version", 1},
                     {"package", "native"},
                     {"version", "1.0"},
                     {"abi", plugin_abi_version},
                     {"library", "../lib/libspark.so"},
                     {"classes",
                      {{{"reference", "native:Provisioner"},
                        {"kind", "provisioner"},
                        {"bases", {LocalProvisioner::reference}}},
                       {{"reference", "native:Client"}, {"kind", "client"}}}},
                     {"entry_points",
                      {{"jupyter_client.kernel_provisioners", {{"native-provisioner", "native:Provisioner"}}},
                       {"jupyter_kernel_client_registry", {{"native:Provisioner", "native:Client"}}}}}};
    manifest.update(changes);
    directory_.write("plugins/native.json", manifest.dump());
  }
  void install_spec(const std::string& name, const std::string& provisioner,
                    const json& metadata = json::object()) const {
    json spec = {{"argv", {"kernel"}},
                 {"language", "scala"},
                 {"metadata", {{"kernel_provisioner", {{"provisioner_name", provisioner}}}}}};
    spec["metadata"].merge_patch(metadata);
    directory_.write("data/kernels/" + name + "/kernel.json", spec.dump());
  }

  std::unique_ptr<KernelCatalog> make() const {
    auto catalog = KernelCatalog::make(options_, paths_, {});
    EXPECT_TRUE(catalog) << catalog.error().message;
    return std::move(*catalog);
  }

  TemporaryDirectory directory_;
  ServerOptions options_;
  JupyterPaths paths_;
};

auto problem(const std::string& subject, const std::string& message) {
  return AllOf(Field(&RegistryProblem::subject, HasSubstr(subject)),
               Field(&RegistryProblem::message, HasSubstr(message)));
}

/// What is wrong, but for the kernel specs there are not: most of these tests need none.
std::vector<RegistryProblem> problems_of(const KernelCatalog& catalog) {
  auto found = catalog.problems();
  std::erase_if(found, [](const RegistryProblem& problem) { return problem.subject == "kernel specs"; });
  return found;
}

TEST_F(KernelCatalogTest, without_packages_there_are_the_built_in_classes_and_no_problems) {
  const auto catalog = make();
  EXPECT_THAT(problems_of(*catalog), IsEmpty());
  const auto model = registry_model(*catalog);
  EXPECT_EQ(model.at("mappings").size(), 2);
  EXPECT_EQ(model.at("provisioners").at(1).at("name"), "local-provisioner");
  EXPECT_EQ(model.at("provisioners").at(1).at("default"), true);
  for (const auto& provisioner : model.at("provisioners"))
    EXPECT_EQ(provisioner.at("produces"), nlohmann::ordered_json::array({"jupyter-zmq 5.3"}));
  EXPECT_EQ(model.at("clients").at(0).at("understands"),
            nlohmann::ordered_json::array({"jupyter-zmq >=5,<6"}));
}

TEST_F(KernelCatalogTest, a_provisioner_of_unknown_contract_may_have_the_shared_client) {
  install_python("[jupyter_client.kernel_provisioners]\nspark = spark:Provisioner\n");
  const auto catalog = make();
  const auto resolution = catalog->registry().get_client_for_provisioner("spark:Provisioner"_class);
  ASSERT_TRUE(resolution->client) << resolution->refusal;
  EXPECT_EQ(resolution->matched_by, MatchedBy::fallback);
}

TEST_F(KernelCatalogTest, python_classes_are_declared_and_refused_with_the_reason) {
  install_python(
      "[jupyter_client.kernel_provisioners]\nspark = spark:Provisioner\n"
      "[jupyter_kernel_client_registry]\nspark:Provisioner = spark:Client\n");
  install_spec("spark", "spark");
  const auto catalog = make();
  const auto resolution = catalog->registry().get_client_for_provisioner("spark:Provisioner"_class);
  EXPECT_FALSE(resolution->client) << "another client would not understand it";
  EXPECT_THAT(resolution->refusal, HasSubstr("its class is Python"));
  EXPECT_EQ(registry_model(*catalog).at("mappings").back().at("state"), "declared");
  const auto specs = catalog->kernel_specs().list();
  ASSERT_EQ(specs.at(0).status, KernelSpecStatus::unavailable);
  EXPECT_THAT(specs.at(0).spec.error().message, HasSubstr("its class is Python"));
  EXPECT_THAT(problems_of(*catalog),
              AllOf(Contains(problem("spark:Provisioner", "mapped to spark:Client, which cannot be used")),
                    Contains(problem("spark", "provisioner spark:Provisioner cannot be used")),
                    Contains(problem("kernel spec spark", "its class is Python"))));
}

TEST_F(KernelCatalogTest, a_configured_client_that_nobody_brings_is_refused) {
  options_.provisioner_client_mappings = {{std::string(LocalProvisioner::reference), "nobody:Client"}};
  const auto catalog = make();
  const auto resolution =
      catalog->registry().get_client_for_provisioner(*ClassReference::parse(LocalProvisioner::reference));
  EXPECT_FALSE(resolution->client);
  EXPECT_THAT(resolution->refusal, AllOf(HasSubstr("nobody:Client"), HasSubstr("no plugin that was found")));
}

TEST_F(KernelCatalogTest, classes_of_a_plugin_are_used_as_declared) {
  install_plugin();
  const auto catalog = make();
  EXPECT_THAT(problems_of(*catalog), IsEmpty());
  const auto resolution = catalog->registry().get_client_for_provisioner("native:Provisioner"_class);
  ASSERT_TRUE(resolution->client) << resolution->refusal;
  EXPECT_EQ(resolution->client->to_string(), "native:Client");
  EXPECT_TRUE(catalog->registry().classes()->is_subclass(
      "native:Provisioner"_class, *ClassReference::parse(LocalProvisioner::reference)));
}

TEST_F(KernelCatalogTest, classes_of_an_unusable_plugin_are_refused_with_the_reason) {
  install_plugin({{"library", "libgone.so"}});
  install_spec("native", "native-provisioner");
  const auto catalog = make();
  EXPECT_THAT(catalog->registry().get_client_for_provisioner("native:Provisioner"_class)->refusal,
              AllOf(HasSubstr("plugin native 1.0"), HasSubstr("libgone.so is missing")));
  EXPECT_THAT(catalog->kernel_specs().list().at(0).spec.error().message, HasSubstr("libgone.so is missing"));
}

TEST_F(KernelCatalogTest, a_plugin_cannot_take_the_place_of_a_built_in_class) {
  install_plugin({{"classes", {{{"reference", LocalProvisioner::reference}, {"kind", "provisioner"}}}}});
  const auto catalog = make();
  EXPECT_THAT(problems_of(*catalog), Contains(problem("native.json", "is declared twice")));
}

TEST_F(KernelCatalogTest, jupyters_short_names_mean_the_built_in_classes) {
  const auto by_alias = nlohmann::json::array({"jupyter_client.provisioning:LocalProvisioner"});
  install_plugin({{"classes",
                   {{{"reference", "native:Provisioner"}, {"kind", "provisioner"}, {"bases", by_alias}},
                    {{"reference", "native:Client"}, {"kind", "client"}}}},
                  {"entry_points",
                   {{"jupyter_kernel_client_registry",
                     {{"jupyter_client.provisioning:LocalProvisioner", "native:Client"}}}}}});
  install_python(
      "[jupyter_client.kernel_provisioners]\nmine = jupyter_client.provisioning:LocalProvisioner\n");
  options_.provisioner_client_mappings = {{"jupyter_client.LocalProvisioner", "native:Client"}};
  options_.fallback_client_class = "nextgen_kernels_api.services.kernels.JupyterServerKernelClient";
  const auto catalog = make();
  EXPECT_THAT(problems_of(*catalog), IsEmpty());
  EXPECT_TRUE(catalog->provisioners().find("mine")) << "a built-in class by another name";
  EXPECT_EQ(catalog->registry().fallback_client_class()->to_string(), JupyterServerKernelClient::reference);
  const auto derived = catalog->registry().get_client_for_provisioner("native:Provisioner"_class);
  EXPECT_EQ(derived->matched_by, MatchedBy::base);
  EXPECT_EQ(derived->client, ClassReference("native:Client"));

  const auto explained = explain_model(*catalog, "mine", "");
  ASSERT_TRUE(explained) << explained.error().message;
  EXPECT_EQ(explained->at("provisioner"), LocalProvisioner::reference);
  EXPECT_EQ(explained->at("provisioner_alias"), "jupyter_client.provisioning:LocalProvisioner");
  EXPECT_THAT(render_explanation(*explained, {}),
              AllOf(HasSubstr("jupyter_client.provisioning:LocalProvisioner is another name of class"),
                    HasSubstr("(there called jupyter_client:LocalProvisioner)")));
  EXPECT_THAT(render_mappings(registry_model(*catalog), {}),
              HasSubstr("provisioner_client_mappings (as jupyter_client:LocalProvisioner)"));
}

TEST_F(KernelCatalogTest, a_plugin_cannot_take_an_alias_of_a_built_in_class) {
  install_plugin({{"classes",
                   {{{"reference", "native:Provisioner"},
                     {"kind", "provisioner"},
                     {"aliases", {"jupyter_client:LocalProvisioner"}}},
                    {{"reference", "native:Client"}, {"kind", "client"}}}}});
  const auto catalog = make();
  EXPECT_THAT(
      problems_of(*catalog),
      Contains(problem("native.json", "but it is another name of class jupyter_client.provisioning")));
  EXPECT_EQ(catalog->registry().get_client_for_provisioner("native:Provisioner"_class)->client,
            ClassReference("native:Client"));
}

TEST_F(KernelCatalogTest, a_malformed_entry_point_is_a_problem) {
  install_python("[jupyter_client.kernel_provisioners]\nspark = no reference\n");
  EXPECT_THAT(make()->problems(), Contains(problem("jupyter_client.kernel_provisioners", "no reference")));
}

TEST_F(KernelCatalogTest, criteria_of_manifests_and_configuration_choose_by_the_kernel_spec) {
  install_plugin({{"entry_points",
                   {{"jupyter_client.kernel_provisioners", {{"native-provisioner", "native:Provisioner"}}},
                    {"jupyter_kernel_client_registry",
                     {{"native:Provisioner",
                       {{{"client", "native:Client"}, {"kernel_clients", {"fast"}}, {"priority", 3}},
                        JupyterServerKernelClient::reference}}}}}}});
  options_.conditional_client_mappings.objects = {
      R"({"provisioner": "native:Provisioner", "client": "native:Client", "labels": {"tier": "gpu"}})"};
  install_spec("plain", "native-provisioner", {{"labels", "none"}});
  install_spec("fast", "native-provisioner", {{"kernel_client", "fast"}});
  install_spec("gpu", "native-provisioner", {{"labels", {{"tier", "gpu"}, {"cards", 2}}}});
  const auto catalog = make();
  EXPECT_THAT(catalog->registry().problems(), IsEmpty());
  EXPECT_THAT(catalog->registry().conflicts(), IsEmpty());
  const auto source_for = [&](const std::string& kernel) {
    const auto explained = explain_model(*catalog, "native-provisioner", kernel);
    EXPECT_TRUE(explained) << explained.error().message;
    return explained->at("client").get<std::string>() + ", " + explained->at("source").get<std::string>();
  };
  EXPECT_THAT(source_for("plain"), HasSubstr("JupyterServerKernelClient, entry point"));
  EXPECT_THAT(source_for("fast"), HasSubstr("native:Client, entry point"));
  EXPECT_EQ(source_for("gpu"),
            "native:Client, configuration, KernelClientRegistry.conditional_client_mappings");
  EXPECT_EQ(explain_model(*catalog, "native-provisioner", "gpu")->at("kernel").at("labels").dump(),
            R"({"tier":"gpu"})")
      << "what is no text is no label";

  const auto model = registry_model(*catalog);
  EXPECT_THAT(model.at("mappings").dump(), HasSubstr(R"("criteria":{"labels":{"tier":"gpu"}})"));
  EXPECT_THAT(render_mappings(model, {}),
              AllOf(HasSubstr("metadata.kernel_client fast; priority 3"), HasSubstr("label tier=gpu ")));
}

TEST_F(KernelCatalogTest, malformed_criteria_are_an_error_that_names_the_trait) {
  options_.conditional_client_mappings.objects = {
      R"({"provisioner": "p:P", "client": "c:C", "lang": ["r"]})"};
  const auto catalog = KernelCatalog::make(options_, paths_, {});
  ASSERT_FALSE(catalog);
  EXPECT_THAT(catalog.error().message,
              HasSubstr("KernelClientRegistry.conditional_client_mappings[0].lang is not known"));
}

TEST_F(KernelCatalogTest, a_spec_whose_provisioner_does_not_take_its_config_is_unavailable) {
  const auto config = [](json options) {
    return json{{"kernel_provisioner", {{"config", std::move(options)}}}};
  };
  install_spec("bare", "existing-provisioner");
  install_spec("local", "local-provisioner", config({{"memory", "2G"}}));
  install_spec("number", "existing-provisioner", config({{"connection_file", 7}}));
  install_spec("typo", "existing-provisioner", config({{"connection_fil", "kernel.json"}}));
  install_spec("zgood", "existing-provisioner", config({{"connection_file", "kernel.json"}}));
  const auto catalog = make();
  const auto specs = catalog->kernel_specs().list();
  ASSERT_EQ(specs.size(), 5);
  EXPECT_EQ(specs[4].status, KernelSpecStatus::usable);
  EXPECT_THAT(
      problems_of(*catalog),
      testing::ElementsAre(
          problem("kernel spec bare", "existing-provisioner needs option connection_file in"),
          problem(
              "kernel spec local",
              "local-provisioner has no option \"memory\" in metadata.kernel_provisioner.config. There are: "
              "transport"),
          problem("kernel spec number", "Option connection_file of existing-provisioner must be a string"),
          problem("kernel spec typo", "Did you mean \"connection_file\"?")));
}

/// A plugin that registers its client when it is loaded, in the way that the variable names.
class RegisteringPlugin : public KernelCatalogTest {
 protected:
  ~RegisteringPlugin() override { ::unsetenv("REGISTERING_PLUGIN"); }

  std::unique_ptr<KernelCatalog> make_registering(const char* how, const json& changes = json::object()) {
    ::setenv("REGISTERING_PLUGIN", how, 1);
    json manifest = {
        {"library", (std::filesystem::path(TEST_PLUGINS) / "libnk_registering_plugin.so").native()},
        {"load_at_start", true},
        {"classes",
         {{{"reference", "registering:Provisioner"},
           {"kind", "provisioner"},
           {"bases", {LocalProvisioner::reference}}},
          {{"reference", "registering:Client"},
           {"kind", "client"},
           {"bases", {JupyterServerKernelClient::reference}}}}},
        {"entry_points",
         {{"jupyter_client.kernel_provisioners", {{"registering", "registering:Provisioner"}}}}}};
    manifest.update(changes);
    install_plugin(manifest);
    return make();
  }
};

TEST_F(RegisteringPlugin, what_it_registers_is_explained_with_its_source) {
  const auto catalog = make_registering("");
  EXPECT_THAT(problems_of(*catalog), IsEmpty());
  const auto explained = explain_model(*catalog, "registering", "");
  ASSERT_TRUE(explained) << explained.error().message;
  EXPECT_EQ(explained->at("client"), "registering:Client");
  EXPECT_EQ(explained->at("matched_by"), "exact");
  EXPECT_EQ(explained->at("source"), "programmatic, plugin native 1.0");
  EXPECT_EQ(explain_model(*catalog, "local-provisioner", "")->at("client"),
            JupyterServerKernelClient::reference)
      << "its mapping is for other kernels";
  EXPECT_THAT(render_mappings(registry_model(*catalog), {}),
              AllOf(HasSubstr("kernel name special, label tier=gpu; priority 2"),
                    HasSubstr("programmatic, plugin native 1.0")));
}

TEST_F(RegisteringPlugin, without_load_at_start_it_registers_when_a_kernel_needs_it) {
  const auto catalog = make_registering("", {{"load_at_start", false}});
  const auto client = [&] { return explain_model(*catalog, "registering", "")->at("client"); };
  EXPECT_EQ(client(), JupyterServerKernelClient::reference) << "the mapping of its base";
  install_spec("kernel", "registering");
  catalog->prepare_classes(catalog->kernel_specs().get_kernel_spec("kernel").value());
  EXPECT_EQ(client(), "registering:Client");
}

TEST_F(RegisteringPlugin, what_it_may_not_register_makes_it_unusable_in_words) {
  EXPECT_THAT(make_registering("malformed")->problems(),
              AllOf(Contains(problem("native.json", "\"no reference\"")),
                    Contains(problem("no reference", "could not map it to registering:Client"))));
  EXPECT_THAT(make_registering("a class that is not exported")->problems(),
              Contains(problem("native.json", "NEXTGEN_KERNELS_PLUGIN(...) does not name")));
  EXPECT_THAT(make_registering("a client as the provisioner")->problems(),
              Contains(problem("registering:Client", "could not map it")));
}

TEST_F(RegisteringPlugin, a_client_that_nobody_brings_is_refused) {
  const auto catalog = make_registering("a client that nobody brings");
  EXPECT_THAT(catalog->registry().get_client_for_provisioner("registering:Provisioner"_class)->refusal,
              HasSubstr("no plugin that was found brings it"));
}

TEST_F(KernelCatalogTest, a_class_of_a_plugin_takes_the_options_of_the_built_in_class_that_it_extends) {
  const auto transport = [](const char* value) {
    return json{{"kernel_provisioner", {{"config", {{"transport", value}}}}}};
  };
  install_plugin();
  install_spec("bad", "native-provisioner", transport("pigeon"));
  install_spec("good", "native-provisioner", transport("ipc"));
  const auto catalog = make();
  EXPECT_THAT(problems_of(*catalog),
              testing::ElementsAre(problem(
                  "kernel spec bad", "Option transport of native-provisioner must be one of tcp, ipc in")));
  const auto selected = catalog->select_provisioner(catalog->kernel_specs().get_kernel_spec("good").value());
  ASSERT_TRUE(selected) << selected.error().message;
  EXPECT_EQ(selected->options, (json{{"transport", "ipc"}}));
}

TEST_F(KernelCatalogTest, options_of_clients_and_listeners_come_from_configuration_and_manifest) {
  const json options = {{"level", {{"type", "string"}, {"default", "info"}, {"choices", {"info", "debug"}}}},
                        {"every", {{"type", "integer"}, {"required", true}}}};
  install_plugin({{"classes",
                   {{{"reference", "native:Provisioner"}, {"kind", "provisioner"}},
                    {{"reference", "native:Client"},
                     {"kind", "client"},
                     {"aliases", {"native.short:Client"}},
                     {"options", options}},
                    {{"reference", "native:Listener"}, {"kind", "listener"}, {"options", options}}}}});
  options_.class_options.objects = {R"({"class": "native.short.Client", "options": {"every": 5}})"};
  const auto catalog = make();
  EXPECT_EQ(catalog->class_options("native:Client"_class).value(), (json{{"every", 5}, {"level", "info"}}));
  EXPECT_THAT(problems_of(*catalog), testing::ElementsAre(problem("native:Listener",
                                                                  "native:Listener needs option every in "
                                                                  "KernelClientRegistry.class_options")));
  options_.class_options.objects = {R"({"class": "native:Client", "options": {"every": 5, "level": "loud"}})",
                                    R"({"class": "native:Listener", "options": {"every": 1}})",
                                    R"({"class": "native:Provisioner", "options": {}})",
                                    R"({"class": "nobody:Client", "options": {}})"};
  const auto refused = make();
  EXPECT_THAT(refused->registry().get_client_for_provisioner("native:Provisioner"_class)->refusal,
              HasSubstr("Option level of native:Client must be one of info, debug"));
  EXPECT_THAT(refused->problems(),
              AllOf(Contains(problem("native:Provisioner", "kernel specs give its options")),
                    Contains(problem("nobody:Client", "no plugin that was found brings this class")),
                    Not(Contains(problem("native:Listener", "")))));
}

TEST_F(KernelCatalogTest, malformed_class_options_are_an_error_that_names_the_trait) {
  options_.class_options.objects = {R"({"class": "native:Client"})"};
  const auto catalog = KernelCatalog::make(options_, paths_, {});
  ASSERT_FALSE(catalog);
  EXPECT_THAT(catalog.error().message, HasSubstr("KernelClientRegistry.class_options[0].options is missing"));
}

TEST_F(KernelCatalogTest, a_malformed_fallback_is_an_error_that_names_the_trait) {
  options_.fallback_client_class = "nothing";
  const auto catalog = KernelCatalog::make(options_, paths_, {});
  ASSERT_FALSE(catalog);
  EXPECT_THAT(catalog.error().message, HasSubstr("KernelClientRegistry.fallback_client_class"));
}

TEST_F(KernelCatalogTest, a_class_that_is_no_client_is_refused_as_one_where_it_is_said) {
  const json classes = {{{"reference", "native:Provisioner"}, {"kind", "provisioner"}},
                        {{"reference", "native:Client"}, {"kind", "client"}},
                        {{"reference", "native:Listener"}, {"kind", "listener"}}};
  const std::string local(LocalProvisioner::reference);
  install_plugin({{"classes", classes},
                  {"entry_points",
                   {{"jupyter_client.kernel_provisioners", {{"listening", "native:Listener"}}},
                    {"jupyter_kernel_client_registry", {{"native:Provisioner", "native:Listener"}}}}}});
  options_.provisioner_client_mappings = {{local, "native:Provisioner"}};
  const auto catalog = make();
  EXPECT_THAT(problems_of(*catalog),
              AllOf(Contains(problem("native:Provisioner", "native:Listener is declared as a listener, not")),
                    Contains(problem("kernel_provisioners", "native:Listener is declared as a listener")),
                    Contains(problem(local, "native:Provisioner is declared as a provisioner, not"))));
  EXPECT_EQ(catalog->registry().get_client_for_provisioner(*ClassReference::parse(local))->client,
            *ClassReference::parse(JupyterServerKernelClient::reference));

  for (const auto& wrong : {std::string("native:Listener"), std::string("native:Provisioner"), local}) {
    options_.fallback_client_class = wrong;
    const auto refused = KernelCatalog::make(options_, paths_, {});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message,
                AllOf(HasSubstr("KernelClientRegistry.fallback_client_class: " + wrong),
                      HasSubstr("not as a kernel client")));
  }
}

TEST_F(KernelCatalogTest, explains_by_name_by_class_and_for_a_kernel) {
  install_plugin();
  install_spec("native", "native-provisioner");
  const auto catalog = make();
  const auto by_name = explain_model(*catalog, "native-provisioner", "");
  ASSERT_TRUE(by_name) << by_name.error().message;
  EXPECT_EQ(by_name->at("client"), "native:Client");
  EXPECT_EQ(by_name->at("matched_by"), "exact");
  EXPECT_TRUE(by_name->at("kernel").is_null());
  const auto for_kernel = explain_model(*catalog, "native.Provisioner", "Native");
  ASSERT_TRUE(for_kernel) << for_kernel.error().message;
  EXPECT_EQ(for_kernel->at("kernel").at("language"), "scala");
  EXPECT_EQ(for_kernel->at("steps"), by_name->at("steps"));

  EXPECT_THAT(explain_model(*catalog, "nativ-provisioner", "").error().message,
              AllOf(HasSubstr("There is no kernel spec \"nativ-provisioner\" here"),
                    HasSubstr("Did you mean \"native-provisioner\"?")));
  EXPECT_EQ(explain_model(*catalog, "a:b:c", "").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(explain_model(*catalog, "", "").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(explain_model(*catalog, "native-provisioner", "nope").error().code, ErrorCode::not_found);
}

TEST_F(KernelCatalogTest, explains_by_the_name_of_a_kernel_spec) {
  install_plugin({{"entry_points",
                   {{"jupyter_client.kernel_provisioners", {{"native-provisioner", "native:Provisioner"}}},
                    {"jupyter_kernel_client_registry",
                     {{"native:Provisioner", {{{"client", "native:Client"}, {"languages", {"scala"}}}}}}}}}});
  install_spec("native3.11", "native-provisioner");
  install_spec("lost", "gone-provisioner");
  const auto catalog = make();
  const auto explained = explain_model(*catalog, "native3.11", "");
  ASSERT_TRUE(explained) << explained.error().message;
  EXPECT_EQ(explained->at("provisioner_name"), "native-provisioner");
  EXPECT_EQ(explained->at("kernel").at("name"), "native3.11");
  EXPECT_EQ(explained->at("client"), "native:Client") << "a mapping for its kernels only";
  EXPECT_EQ(*explained, *explain_model(*catalog, "native-provisioner", "native3.11"));
  EXPECT_THAT(explain_model(*catalog, "lost", "").error().message,
              AllOf(HasSubstr("lost"), HasSubstr("There is no kernel provisioner \"gone-provisioner\"")));
  EXPECT_EQ(explain_model(*catalog, "", "").error().code, ErrorCode::invalid_argument);
}

TEST_F(KernelCatalogTest, a_fallback_that_nobody_configured_is_the_default) {
  options_.fallback_client_is_default = true;
  const auto unconfigured = make();
  EXPECT_EQ(explain_model(*unconfigured, "some:Provisioner", "")->at("source"), "default");
  options_.fallback_client_is_default = false;
  EXPECT_EQ(explain_model(*make(), "some:Provisioner", "")->at("source"), "configuration");
}

TEST_F(KernelCatalogTest, a_spec_whose_client_cannot_be_had_is_unavailable) {
  install_plugin({{"entry_points",
                   {{"jupyter_client.kernel_provisioners", {{"native-provisioner", "native:Provisioner"}}},
                    {"jupyter_kernel_client_registry",
                     {{"native:Provisioner",
                       {{{"client", "gone:Client"}, {"kernel_names", {"lost"}}}, "native:Client"}}}}}}});
  install_spec("lost", "native-provisioner");
  install_spec("sound", "native-provisioner");
  install_spec("without", "local-provisioner");
  const auto status_of = [](KernelCatalog& catalog, const std::string& name) {
    for (const auto& entry : catalog.kernel_specs().list())
      if (entry.name == name) return entry.status;
    return KernelSpecStatus::absent;
  };
  const auto catalog = make();
  EXPECT_EQ(status_of(*catalog, "lost"), KernelSpecStatus::unavailable);
  EXPECT_EQ(status_of(*catalog, "sound"), KernelSpecStatus::usable);
  EXPECT_THAT(problems_of(*catalog),
              Contains(problem("kernel spec lost", "client gone:Client cannot be used")));
  EXPECT_THAT(catalog->kernel_specs().get_kernel_spec("lost").error().message, HasSubstr("gone:Client"));

  options_.fallback_client_class.clear();
  options_.provisioner_client_mappings = {{std::string(LocalProvisioner::reference), "gone:Client"}};
  EXPECT_EQ(status_of(*make(), "without"), KernelSpecStatus::unavailable);
}

TEST_F(KernelCatalogTest, a_client_whose_library_did_not_load_is_tried_again_when_the_file_changes) {
  install_plugin();
  install_spec("native", "native-provisioner");
  const auto catalog = make();
  ASSERT_EQ(catalog->kernel_specs().list().at(0).status, KernelSpecStatus::usable);
  const auto spec = catalog->kernel_specs().get_kernel_spec("native").value();
  catalog->prepare_classes(spec);
  catalog->prepare_classes(spec);
  EXPECT_FALSE(catalog->provisioners().find("native-provisioner"));
  install_spec("another", "local-provisioner");  // The listing that was made before is old now.
  EXPECT_THAT(catalog->kernel_specs().get_kernel_spec("native").error().message, HasSubstr("libspark.so"));
  directory_.write("lib/libspark.so", "another one");
  EXPECT_TRUE(catalog->kernel_specs().get_kernel_spec("native"));
  EXPECT_TRUE(catalog->provisioners().find("native-provisioner"));
  EXPECT_TRUE(catalog->registry().get_client_for_provisioner("native:Provisioner"_class)->client);
}

TEST_F(KernelCatalogTest, what_a_package_says_in_vain_of_built_in_classes_is_a_problem) {
  const std::string local(LocalProvisioner::reference);
  install_plugin({{"entry_points",
                   {{"jupyter_client.kernel_provisioners", {{"local-provisioner", "native:Provisioner"}}},
                    {"jupyter_kernel_client_registry", {{local, "native:Client"}}}}}});
  const auto catalog = make();
  EXPECT_EQ(catalog->provisioners().find("local-provisioner")->provisioner.to_string(), local);
  EXPECT_THAT(
      problems_of(*catalog),
      testing::UnorderedElementsAre(
          problem("local-provisioner", "nobody can take the name of a built-in one"),
          problem(local, "its mapping to native:Client is not used, because that to nextgen_kernels")));
  options_.provisioner_client_mappings = {{local, "native:Client"}};
  EXPECT_THAT(problems_of(*make()), testing::SizeIs(1)) << "what is configured is not in vain";
}

TEST_F(KernelCatalogTest, tables_fit_their_width) {
  install_plugin({{"entry_points",
                   {{"jupyter_client.kernel_provisioners", {{"native-provisioner", "native:Provisioner"}}},
                    {"jupyter_kernel_client_registry",
                     {{"native:Provisioner",
                       {{{"client", "native:Client"}, {"labels", {{"a_label", "with-a-long-value"}}}},
                        {{"client", "another_package.of_a_long_name:Client"}, {"languages", {"r"}}}}}}}}}});
  install_spec("native", "native-provisioner", {{"kernel_provisioner", {{"config", {{"no", "option"}}}}}});
  const auto catalog = make();
  const auto model = registry_model(*catalog);
  constexpr TableStyle narrow{.width = 80};
  for (const auto& text :
       {render_mappings(model, narrow), render_provisioners(model, narrow), render_clients(model, narrow),
        render_explanation(*explain_model(*catalog, "native-provisioner", ""), narrow)}) {
    for (const auto line : split(text, '\n'))
      if (!line.contains(directory_.path().native())) EXPECT_LE(line.size(), 80U) << line << "\n" << text;
  }
  const auto mappings = render_mappings(model, narrow);
  EXPECT_THAT(mappings, AllOf(HasSubstr("LocalProvisioner "), Not(HasSubstr("jupyter_client.provisioning")),
                              HasSubstr("built in")));
  EXPECT_THAT(mappings, HasSubstr("native:Client")) << "two classes are called Client";
  EXPECT_THAT(render_mappings(model, {}), HasSubstr(LocalProvisioner::reference));
  EXPECT_THAT(mappings, HasSubstr("[1]\n"));
  EXPECT_THAT(mappings, HasSubstr("\n[1]  its class is Python, and this build hosts no Python classes\n"));
  EXPECT_THAT(render_problems(doctor_model(*catalog), narrow),
              AllOf(HasSubstr("kernel spec native"), HasSubstr("\n  native-provisioner has no option")));
}

TEST_F(KernelCatalogTest, tables_escape_control_characters_and_colour_only_terminals) {
  const auto model = nlohmann::ordered_json::parse(
      R"({"problems": [{"subject": "a\u001bb", "source": "", "message": "m"}]})");
  const auto plain = render_problems(model, {});
  EXPECT_EQ(plain, "SUBJECT  SOURCE  PROBLEM\na\\x1bb   -       m\n\n1 problem.\n");
  EXPECT_THAT(render_problems(model, {.coloring = Coloring::terminal}), HasSubstr("\x1b[1mSUBJECT\x1b[0m"));
  EXPECT_THAT(plain, Not(HasSubstr("\x1b")));
  install_spec("sound", "local-provisioner");
  EXPECT_EQ(render_problems(doctor_model(*make()), {.coloring = Coloring::terminal}), "No problems.\n");
}

}  // namespace
}  // namespace nextgen_kernels
