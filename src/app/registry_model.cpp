#include "app/registry_model.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "kernels/provisioner_aware_kernel_manager.h"

namespace nextgen_kernels {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

Json reference_or_null(const std::optional<ClassReference>& reference) {
  return reference ? Json(reference->to_string()) : Json(nullptr);
}

Json aliases_of(const ClassDeclaration* declaration) {
  auto aliases = Json::array();
  if (declaration)
    for (const auto& alias : declaration->aliases) aliases.push_back(alias.to_string());
  return aliases;
}

Json client_or_null(const Resolution& resolution) {
  return reference_or_null(resolution.client);
}

/// What is set of them, as a configuration would say it.
Json criteria_model(const MappingCriteria& criteria) {
  auto model = Json::object();
  if (!criteria.kernel_names.empty()) model["kernel_names"] = criteria.kernel_names;
  if (!criteria.languages.empty()) model["languages"] = criteria.languages;
  if (!criteria.kernel_clients.empty()) model["kernel_clients"] = criteria.kernel_clients;
  if (!criteria.labels.empty()) model["labels"] = criteria.labels;
  return model;
}

Json mapping_model(const MappingInfo& info) {
  const auto& mapping = *info.mapping;
  return {{"provisioner", mapping.provisioner.to_string()},
          {"client", mapping.client.to_string()},
          {"provisioner_alias", reference_or_null(mapping.provisioner_alias)},
          {"client_alias", reference_or_null(mapping.client_alias)},
          {"source", mapping.options.source},
          {"precedence", to_string(mapping.precedence)},
          {"priority", mapping.options.priority},
          {"for", mapping.options.criteria.describe()},
          {"criteria", criteria_model(mapping.options.criteria)},
          {"state", to_string(info.state)},
          {"reason", info.reason},
          {"provisioner_version", text_or_null(info.provisioner_version)},
          {"client_version", text_or_null(info.client_version)},
          {"understood_provisioner_versions", text_or_null(info.understood_provisioner_versions)}};
}

Json provisioner_model(const KernelCatalog& catalog, const ClassTable& classes,
                       const NamedProvisioner& named) {
  const auto resolution = catalog.registry().get_client_for_provisioner(named.provisioner);
  auto produces = Json::array();
  std::optional<std::string> version;
  const auto* declaration = classes.find(named.provisioner);
  if (declaration) {
    for (const auto& contract : declaration->produces) produces.push_back(contract.to_string());
    if (declaration->version) version = declaration->version->text();
  }
  return {{"name", named.name},
          {"provisioner", named.provisioner.to_string()},
          {"aliases", aliases_of(declaration)},
          {"version", text_or_null(version)},
          {"produces", std::move(produces)},
          {"source", named.source},
          {"default", named.name == catalog.provisioners().default_provisioner_name()},
          {"available", named.unavailable.empty()},
          {"reason", named.unavailable},
          {"client", client_or_null(*resolution)},
          {"matched_by", to_string(resolution->matched_by)}};
}

/// A client class that is declared, mapped to or the fallback, for `clients`.
struct KnownClient {
  std::string source;
  MappingInfo::State state = MappingInfo::State::declared;
  std::string reason = {};
  int mappings = 0;
};

Json clients_model(const KernelCatalog& catalog, const ClassTable& classes) {
  std::map<ClassReference, KnownClient> clients;
  for (const auto& declaration : classes.classes())
    if (declaration->kind == ClassKind::client)
      clients.insert_or_assign(declaration->reference, KnownClient{.source = declaration->source});
  for (const auto& info : catalog.registry().registered_mappings()) {
    auto& client =
        clients.try_emplace(info.mapping->client, KnownClient{.source = info.mapping->options.source})
            .first->second;
    ++client.mappings;
    client.state = std::max(client.state, info.state);
    if (client.reason.empty()) client.reason = info.reason;
  }
  const auto fallback = catalog.registry().fallback_client_class();
  if (fallback) clients.try_emplace(*fallback, KnownClient{.source = "fallback client"});
  auto models = Json::array();
  for (const auto& [reference, client] : clients) {
    const auto* declaration = classes.find(reference);
    auto understands = Json::array();
    if (declaration)
      for (const auto& contract : declaration->understands) understands.push_back(contract.to_string());
    models.push_back({{"client", reference.to_string()},
                      {"aliases", aliases_of(declaration)},
                      {"version", declaration && declaration->version ? Json(declaration->version->text())
                                                                      : Json(nullptr)},
                      {"understands", std::move(understands)},
                      {"source", client.source},
                      {"mappings", client.mappings},
                      {"fallback", reference == fallback},
                      {"state", to_string(client.state)},
                      {"reason", client.reason}});
  }
  return models;
}

Json plugin_model(const DiscoveredPlugin& plugin) {
  const auto& manifest = plugin.manifest;
  auto classes = Json::array();
  for (const auto& one : manifest.classes)
    classes.push_back({{"reference", one.reference.to_string()}, {"kind", to_string(one.kind)}});
  return {{"package", manifest.package},
          {"version", manifest.version},
          {"manifest", manifest.file.native()},
          {"library", manifest.library.native()},
          {"abi", manifest.abi},
          {"classes", std::move(classes)},
          {"reason", plugin.unusable}};
}

Result<KernelSpec> find_spec(const KernelCatalog& catalog, const std::string& name) {
  const auto entries = catalog.kernel_specs().list();
  const auto entry = std::ranges::find(entries, to_lower(name), &KernelSpecEntry::name);
  if (entry != entries.end() && entry->status == KernelSpecStatus::unavailable)
    return load_kernel_spec(entry->name, entry->resource_dir);
  return catalog.kernel_specs().get_kernel_spec(name);
}

std::optional<NamedProvisioner> find_named(const KernelProvisionerFactory& provisioners,
                                           const std::string& name) {
  auto all = provisioners.provisioners();
  const auto found = std::ranges::find(all, name, &NamedProvisioner::name);
  if (found == all.end()) return std::nullopt;
  return std::move(*found);
}

/// What `explain` was asked about: the provisioner, and maybe a kernel spec.
struct Question {
  ClassReference provisioner;
  std::optional<NamedProvisioner> named = {};
  std::optional<KernelSpec> spec = {};
};

Question question_about(NamedProvisioner named, std::optional<KernelSpec> spec) {
  auto reference = named.alias.value_or(named.provisioner);
  return {.provisioner = std::move(reference), .named = std::move(named), .spec = std::move(spec)};
}

/// Kernels of the spec, by its provisioner.
Result<Question> question_about(const KernelCatalog& catalog, KernelSpec spec) {
  const auto& provisioners = catalog.provisioners();
  const auto name =
      spec.provisioner.name.empty() ? provisioners.default_provisioner_name() : spec.provisioner.name;
  if (auto named = find_named(provisioners, name)) return question_about(*std::move(named), std::move(spec));
  auto missing = provisioners.find(name);
  return make_error(ErrorCode::not_found, "Kernel spec {} cannot be used: {}", spec.name,
                    missing ? "its provisioner changes just now" : missing.error().message);
}

Result<Question> read_question(const KernelCatalog& catalog, const std::string& asked,
                               const std::string& kernel_name) {
  if (asked.empty())
    return make_error(ErrorCode::invalid_argument,
                      "Which provisioner? Give its name, the name of a kernel spec, or module:Class");
  std::optional<KernelSpec> spec;
  if (!kernel_name.empty()) {
    auto found = find_spec(catalog, kernel_name);
    if (!found) return std::unexpected(found.error());
    spec = *std::move(found);
  }
  if (auto named = find_named(catalog.provisioners(), asked))
    return question_about(*std::move(named), std::move(spec));
  if (!spec) {
    auto found = find_spec(catalog, asked);
    if (found) return question_about(catalog, *std::move(found));
    if (found.error().code != ErrorCode::not_found) return std::unexpected(found.error());
  }
  const bool is_name = asked.find_first_of(":.") == std::string::npos;
  if (const auto missing = catalog.provisioners().find(asked); is_name && !missing)
    return make_error(missing.error().code, "There is no kernel spec {:?} here. {}",
                      replace_invalid_utf8(asked), missing.error().message);
  auto reference = ClassReference::parse(asked);
  if (!reference) return std::unexpected(reference.error());
  return Question{.provisioner = *std::move(reference), .spec = std::move(spec)};
}

}  // namespace

Json registry_model(const KernelCatalog& catalog) {
  const auto classes = catalog.registry().classes();
  auto mappings = Json::array();
  for (const auto& info : catalog.registry().registered_mappings()) mappings.push_back(mapping_model(info));
  auto provisioners = Json::array();
  for (const auto& named : catalog.provisioners().provisioners())
    provisioners.push_back(provisioner_model(catalog, *classes, named));
  auto plugins = Json::array();
  for (const auto& plugin : catalog.plugins()) plugins.push_back(plugin_model(plugin));
  const auto fallback = catalog.registry().fallback_client_class();
  return {{"mappings", std::move(mappings)},
          {"fallback_client_class", reference_or_null(fallback)},
          {"provisioners", std::move(provisioners)},
          {"clients", clients_model(catalog, *classes)},
          {"plugins", std::move(plugins)}};
}

Result<Json> explain_model(const KernelCatalog& catalog, const std::string& provisioner,
                           const std::string& kernel_name) {
  const auto question = read_question(catalog, provisioner, kernel_name);
  if (!question) return std::unexpected(question.error());
  const auto& named = question->named;
  const auto& reference = question->provisioner;

  KernelContext context;
  Json kernel = nullptr;
  if (question->spec) {
    context = kernel_context_of(*question->spec);
    kernel = {{"name", context.kernel_name},
              {"language", context.language},
              {"kernel_client", context.kernel_client},
              {"labels", context.labels}};
  }
  const auto resolution = catalog.registry().get_client_for_provisioner(reference, context);
  const bool is_alias = reference != resolution->provisioner;
  return Json{{"provisioner", resolution->provisioner.to_string()},
              {"provisioner_alias", is_alias ? Json(reference.to_string()) : Json(nullptr)},
              {"provisioner_name", named ? Json(named->name) : Json(nullptr)},
              {"provisioner_source", named ? Json(named->source) : Json(nullptr)},
              {"provisioner_reason", named ? named->unavailable : ""},
              {"kernel", std::move(kernel)},
              {"client", client_or_null(*resolution)},
              {"matched_by", to_string(resolution->matched_by)},
              {"source", resolution->source},
              {"refusal", resolution->refusal},
              {"steps", resolution->steps}};
}

Json doctor_model(const KernelCatalog& catalog) {
  auto problems = Json::array();
  for (const auto& problem : catalog.problems())
    problems.push_back(
        {{"subject", problem.subject}, {"source", problem.source}, {"message", problem.message}});
  return {{"problems", std::move(problems)}};
}

}  // namespace nextgen_kernels
