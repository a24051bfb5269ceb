#include <memory>

#include <benchmark/benchmark.h>

#include "base/log.h"
#include "registry/kernel_client_registry.h"

namespace nextgen_kernels {
namespace {

/// A registry as a large site would have it: 200 mapped provisioners, and one that derives from a mapped one.
std::unique_ptr<KernelClientRegistry> large_registry() {
  set_log_level(LogLevel::error);
  auto registry = std::make_unique<KernelClientRegistry>();
  for (int i = 0; i < 200; ++i)
    (void)registry->register_from_string(fmt::format("site.provisioners.package_{}:Provisioner", i),
                                         fmt::format("site.clients.package_{}:Client", i));
  (void)registry->define_class({.reference = "site.provisioners.derived:Provisioner"_class,
                                .kind = ClassKind::provisioner,
                                .bases = {"site.provisioners.package_7:Provisioner"_class}});
  return registry;
}

void cached_resolve(benchmark::State& state) {
  static const auto registry = large_registry();
  const ClassReference provisioner = "site.provisioners.derived:Provisioner"_class;
  for (auto _ : state) benchmark::DoNotOptimize(registry->get_client_for_provisioner(provisioner));
}
BENCHMARK(cached_resolve)->Threads(1)->Threads(2);

void cached_resolve_with_context(benchmark::State& state) {
  const auto registry = large_registry();
  const ClassReference provisioner = "site.provisioners.derived:Provisioner"_class;
  const KernelContext context{.kernel_name = "python3", .language = "python"};
  for (auto _ : state) benchmark::DoNotOptimize(registry->get_client_for_provisioner(provisioner, context));
}
BENCHMARK(cached_resolve_with_context);

void resolve_by_criteria(benchmark::State& state) {
  const auto registry = large_registry();
  const ClassReference provisioner = "site.provisioners.package_7:Provisioner"_class;
  (void)registry->register_client(provisioner, "site.clients:R"_class, {.criteria = {.languages = {"r"}}});
  const KernelContext context{.kernel_name = "python3", .language = "python"};
  for (auto _ : state) benchmark::DoNotOptimize(registry->get_client_for_provisioner(provisioner, context));
}
BENCHMARK(resolve_by_criteria);

void register_and_unregister(benchmark::State& state) {
  const auto registry = large_registry();
  for (auto _ : state)
    benchmark::DoNotOptimize(registry->register_scoped("a:Provisioner"_class, "a:Client"_class));
}
BENCHMARK(register_and_unregister)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace nextgen_kernels
