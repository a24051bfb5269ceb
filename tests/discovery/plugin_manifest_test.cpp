#include "discovery/plugin_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

const std::filesystem::path file = "/opt/share/jupyter/nextgen_kernels/plugins/limited.json";

json complete() {
  return json::parse(R"({
    "manifest_version": 1,
    "package": "limited-kernels", "version": "1.0.0", "abi": 1,
    "library": "../../../../lib/nextgen_kernels/plugins/liblimited.so",
    "classes": [
      {"reference": "limited:Provisioner", "kind": "provisioner",
       "bases": ["jupyter_client.provisioning.local_provisioner.LocalProvisioner"],
       "version": "1.2", "produces": ["jupyter-zmq 5.3"],
       "options": {"memory_limit": {"type": "string", "default": "2G", "help": "How much.",
                                    "required": true},
                   "cores": {"type": "number"}}},
      {"reference": "limited:Client", "kind": "client", "bases": ["base:Client"], "version": "1.0.0",
       "aliases": ["limited.clients:Client"],
       "understands": ["jupyter-zmq >=5,<6"], "provisioner_versions": ">=1,<2"},
      {"reference": "limited:Log", "kind": "listener", "kernel_names": ["python3"]}
    ],
    "entry_points": {
      "jupyter_client.kernel_provisioners": {"limited-provisioner": "limited:Provisioner"},
      "jupyter_kernel_client_registry": {"limited:Provisioner": "limited:Client"}
    }
  })");
}

Result<ParsedPluginManifest> parse(const json& document) {
  return parse_plugin_manifest(document.dump(), file);
}

std::string error_of(std::string_view text) {
  const auto parsed = parse_plugin_manifest(text, file);
  return parsed ? "no error" : parsed.error().message;
}

/// The error of a complete manifest after one change.
std::string error_with(const std::string& pointer, const json& value) {
  auto document = complete();
  document[json::json_pointer(pointer)] = value;
  return error_of(document.dump());
}

TEST(PluginManifest, reads_every_field) {
  const auto parsed = parse(complete());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_THAT(parsed->warnings, IsEmpty());
  const auto& manifest = parsed->manifest;
  EXPECT_EQ(manifest.file, file);
  EXPECT_EQ(manifest.package, "limited-kernels");
  EXPECT_EQ(manifest.version, "1.0.0");
  EXPECT_EQ(manifest.abi, 1);
  EXPECT_EQ(manifest.library, "/opt/lib/nextgen_kernels/plugins/liblimited.so");
  EXPECT_EQ(manifest.describe(), "plugin limited-kernels 1.0.0");
  ASSERT_THAT(manifest.classes, SizeIs(3));

  const auto& provisioner = manifest.classes[0];
  EXPECT_EQ(provisioner.reference.to_string(), "limited:Provisioner");
  EXPECT_EQ(provisioner.kind, PluginClassKind::provisioner);
  EXPECT_THAT(provisioner.bases,
              ElementsAre("jupyter_client.provisioning.local_provisioner:LocalProvisioner"_class));
  EXPECT_EQ(provisioner.version->text(), "1.2");
  ASSERT_THAT(provisioner.produces, SizeIs(1));
  EXPECT_EQ(provisioner.produces[0].to_string(), "jupyter-zmq 5.3");
  ASSERT_THAT(provisioner.options, SizeIs(2));
  EXPECT_EQ(provisioner.options[0].name, "cores");
  EXPECT_EQ(provisioner.options[0].type, PluginOptionType::number);
  EXPECT_FALSE(provisioner.options[0].default_value);
  EXPECT_EQ(provisioner.options[1].default_value, "2G");
  EXPECT_EQ(provisioner.options[1].help, "How much.");
  EXPECT_FALSE(provisioner.options[0].required);
  EXPECT_TRUE(provisioner.options[1].required);

  const auto& client = manifest.classes[1];
  EXPECT_EQ(client.kind, PluginClassKind::client);
  EXPECT_THAT(client.aliases, ElementsAre("limited.clients:Client"_class));
  EXPECT_EQ(client.understands.at(0).to_string(), "jupyter-zmq >=5,<6");
  EXPECT_EQ(client.provisioner_versions->text(), ">=1,<2");
  EXPECT_EQ(manifest.classes[2].kind, PluginClassKind::listener);
  EXPECT_THAT(manifest.classes[2].kernel_names, ElementsAre("python3"));

  ASSERT_THAT(manifest.provisioners, SizeIs(1));
  EXPECT_EQ(manifest.provisioners[0].name, "limited-provisioner");
  EXPECT_EQ(manifest.provisioners[0].describe_source(),
            "entry point of limited-kernels 1.0.0 (/opt/share/jupyter/nextgen_kernels/plugins/limited.json)");
  ASSERT_THAT(manifest.clients, SizeIs(1));
  EXPECT_EQ(manifest.clients[0].name, "limited:Provisioner");
  EXPECT_EQ(manifest.clients[0].value, "limited:Client");
}

TEST(PluginManifest, declares_its_classes) {
  const auto declarations = parse(complete())->manifest.class_declarations();
  ASSERT_THAT(declarations, SizeIs(3));
  EXPECT_EQ(declarations[0].kind, ClassKind::provisioner);
  EXPECT_EQ(declarations[0].source, "plugin limited-kernels 1.0.0");
  EXPECT_THAT(declarations[0].bases, SizeIs(1));
  EXPECT_EQ(declarations[1].kind, ClassKind::client);
  EXPECT_THAT(declarations[1].aliases, SizeIs(1));
  EXPECT_EQ(declarations[1].understands.size(), 1);
  EXPECT_EQ(declarations[2].kind, ClassKind::listener);
}

TEST(PluginManifest, a_client_can_be_for_some_kernels_only) {
  auto document = complete();
  document["entry_points"]["jupyter_kernel_client_registry"] = json::parse(R"({
    "limited:Provisioner": [
      "limited:Client",
      {"client": "limited:RClient", "kernel_names": ["ir"], "languages": ["R"], "kernel_clients": ["fast"],
       "labels": {"tier": "gpu"}, "priority": -2}],
    "other:Provisioner": {"client": "limited:Client"}})");
  const auto parsed = parse(document);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_THAT(parsed->warnings, IsEmpty());
  const auto& clients = parsed->manifest.clients;
  ASSERT_THAT(clients, SizeIs(3));
  EXPECT_EQ(clients[0].value, "limited:Client");
  EXPECT_TRUE(clients[0].criteria.empty());
  EXPECT_EQ(clients[1].name, "limited:Provisioner");
  EXPECT_EQ(clients[1].value, "limited:RClient");
  EXPECT_EQ(clients[1].criteria.describe(),
            "kernel name ir, language R, metadata.kernel_client fast, label tier=gpu");
  EXPECT_EQ(clients[1].priority, -2);
  EXPECT_EQ(clients[1].path, file.native());
  EXPECT_EQ(clients[2].name, "other:Provisioner");
}

TEST(PluginManifest, wrong_criteria_are_errors_that_name_the_place) {
  const auto error_of_mapping = [](const json& mapping) {
    return error_with("/entry_points/jupyter_kernel_client_registry", json::object({{"a:B", mapping}}));
  };
  const std::string place = R"(entry_points.jupyter_kernel_client_registry["a:B"])";
  EXPECT_THAT(error_of_mapping(json::object()), HasSubstr(place + ".client is missing"));
  EXPECT_THAT(error_of_mapping({{"client", "c:C"}, {"language", "r"}}),
              HasSubstr(place + ".language is not known, did you mean languages?; there are client,"));
  EXPECT_THAT(error_of_mapping({{"client", "c:C"}, {"languages", "r"}}),
              HasSubstr(place + ".languages must be a list, it is string"));
  EXPECT_THAT(error_of_mapping({{"client", "c:C"}, {"languages", json::array()}}),
              HasSubstr(place + ".languages is empty: leave it out"));
  EXPECT_THAT(error_of_mapping({{"client", "c:C"}, {"labels", {{"tier", 1}}}}),
              HasSubstr(place + ".labels.tier must be a string, it is number"));
  EXPECT_THAT(error_of_mapping({{"client", "c:C"}, {"priority", "high"}}),
              HasSubstr(place + ".priority must be a whole number"));
  EXPECT_THAT(error_of_mapping({{"client", "c:C"}, {"priority", std::int64_t{1} << 31}}),
              HasSubstr(place + ".priority must be a number from -2147483648 to 2147483647"));
  EXPECT_THAT(error_of_mapping({{"client", "c:C"}, {"priority", ~std::uint64_t{0}}}),
              HasSubstr(place + ".priority is too large a number"));
  EXPECT_THAT(error_of_mapping(json::array({"c:C", 5})),
              HasSubstr(place + "[1] must be a class reference or an object, it is number"));
}

TEST(PluginManifest, a_package_of_entry_points_only_needs_no_library) {
  const auto parsed = parse({{"manifest_version", 1}, {"package", "names"}, {"version", "1"}, {"abi", 1}});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_TRUE(parsed->manifest.library.empty());
  auto document = complete();
  document.erase("library");
  EXPECT_THAT(error_of(document.dump()), HasSubstr("library is missing"));
}

TEST(PluginManifest, an_absolute_library_stays_as_it_is) {
  auto document = complete();
  document["library"] = "/usr/lib/liblimited.so";
  EXPECT_EQ(parse(document)->manifest.library.filename(), "liblimited.so");
  EXPECT_TRUE(parse(document)->manifest.library.is_absolute());
}

TEST(PluginManifest, fields_that_are_not_known_are_warned_of) {
  auto document = complete();
  document["homepage"] = "x";
  document["classes"][1]["produces"] = json::array();
  document["entry_points"]["console_scripts"] = json::object();
  const auto parsed = parse(document);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_THAT(parsed->warnings,
              ElementsAre(StartsWith("homepage is not known"), StartsWith("classes[1].produces is not known"),
                          StartsWith("entry_points.console_scripts is not known")));
}

TEST(PluginManifest, wrong_types_are_errors_that_name_the_place) {
  EXPECT_THAT(error_with("/classes/1/bases/0", 5),
              AllOf(StartsWith(file.native()), HasSubstr("classes[1].bases[0] must be a string")));
  EXPECT_THAT(error_with("/package", 5), HasSubstr("package must be a string, it is number"));
  EXPECT_THAT(error_with("/abi", "1"), HasSubstr("abi must be a whole number, it is string"));
  EXPECT_THAT(error_with("/abi", 1.0), HasSubstr("abi must be a whole number"));
  EXPECT_THAT(error_with("/classes", json::object()), HasSubstr("classes must be a list, it is object"));
  EXPECT_THAT(error_with("/classes/0", "x"), HasSubstr("classes[0] must be an object"));
  EXPECT_THAT(error_with("/classes/2/kernel_names", "x"),
              HasSubstr("classes[2].kernel_names must be a list"));
  EXPECT_THAT(error_with("/entry_points", 1), HasSubstr("entry_points must be an object"));
  EXPECT_THAT(error_with("/entry_points/jupyter_kernel_client_registry", json{{"a:B", 1}}),
              HasSubstr(R"(jupyter_kernel_client_registry["a:B"] must be a class reference or an object)"));
  EXPECT_THAT(error_with("/classes/0/options/cores", 1),
              HasSubstr("classes[0].options.cores must be an object"));
}

TEST(PluginManifest, values_that_mean_nothing_are_errors_that_name_the_place) {
  EXPECT_THAT(error_with("/manifest_version", 2),
              HasSubstr("manifest_version is 2; this program reads version 1"));
  EXPECT_THAT(error_with("/package", "a b"), HasSubstr(R"(package "a b" is not a name)"));
  EXPECT_THAT(error_with("/version", "first"), HasSubstr(R"(version: "first" is not a version)"));
  EXPECT_THAT(error_with("/abi", 1L << 40), HasSubstr("abi must be a small number"));
  EXPECT_THAT(error_with("/abi", ~std::uint64_t{0}), HasSubstr("abi is too large a number"));
  EXPECT_THAT(error_with("/classes/0/kind", "kernel"),
              HasSubstr(R"(classes[0].kind must be one of provisioner, client, listener, it is "kernel")"));
  EXPECT_THAT(error_with("/classes/0/reference", "Limited"),
              HasSubstr(R"(classes[0].reference: "Limited" is not a class reference)"));
  EXPECT_THAT(error_with("/classes/0/produces/0", "?"), HasSubstr("classes[0].produces[0]: "));
  EXPECT_THAT(error_with("/classes/1/provisioner_versions", "1"),
              HasSubstr("classes[1].provisioner_versions: "));
  EXPECT_THAT(error_with("/classes/0/options/cores/type", "float"),
              HasSubstr("classes[0].options.cores.type must be one of string, integer"));
  EXPECT_THAT(
      error_with("/classes/0/options/cores/default", "two"),
      HasSubstr("classes[0].options.cores.default must be of the option's type, number, it is string"));
  EXPECT_THAT(error_with("/library", ""), HasSubstr("library is empty"));
}

TEST(PluginManifest, required_fields_that_are_missing_are_named) {
  for (const auto* field : {"manifest_version", "package", "version", "abi"}) {
    auto document = complete();
    document.erase(field);
    EXPECT_THAT(error_of(document.dump()), HasSubstr(std::string(field) + " is missing"));
  }
  auto document = complete();
  document["classes"][1].erase("reference");
  EXPECT_THAT(error_of(document.dump()), HasSubstr("classes[1].reference is missing"));
}

TEST(PluginManifest, text_that_is_no_json_object_is_an_error) {
  EXPECT_THAT(error_of("{\n  \"abi\": 1,,\n}"), AllOf(StartsWith(file.native()), HasSubstr("line 2")));
  EXPECT_THAT(error_of(""), StartsWith(file.native()));
  EXPECT_THAT(error_of("[]"), HasSubstr("must be a JSON object, it is array"));
  EXPECT_THAT(error_of("\xff"), StartsWith(file.native()));
  EXPECT_THAT(error_of("{\"abi\": 1e999}"), HasSubstr("out of range"));
  EXPECT_THAT(error_of(std::string(100, '[') + std::string(100, ']')), HasSubstr("nested more than 64"));
  EXPECT_THAT(error_of(std::string(max_plugin_manifest_size + 1, ' ')), HasSubstr("larger than"));
  EXPECT_LT(error_of('"' + std::string(100'000, 'x')).size(), 300);
}

TEST(PluginOptionType, accepts_values_of_its_json_type) {
  EXPECT_TRUE(accepts(PluginOptionType::number, 1));
  EXPECT_TRUE(accepts(PluginOptionType::integer, 1));
  EXPECT_FALSE(accepts(PluginOptionType::integer, 1.5));
  EXPECT_TRUE(accepts(PluginOptionType::boolean, true));
  EXPECT_FALSE(accepts(PluginOptionType::boolean, 1));
  EXPECT_TRUE(accepts(PluginOptionType::array, json::array()));
  EXPECT_TRUE(accepts(PluginOptionType::object, json::object()));
  EXPECT_FALSE(accepts(PluginOptionType::string, nullptr));
}

}  // namespace
}  // namespace nextgen_kernels
