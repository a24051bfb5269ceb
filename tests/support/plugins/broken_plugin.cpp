/// \file A library that is no plugin, in the way that a macro names.

#include <cstdlib>
#include <stdexcept>

#include <nextgen_kernels/abi.h>
#include <unistd.h>

#if defined(UNDEFINED_SYMBOL)

extern "C" int symbol_that_nobody_defines();

extern "C" const nk_plugin* nextgen_kernels_plugin(const nk_host*) {
  return symbol_that_nobody_defines() == 0 ? nullptr : nullptr;
}

#elif defined(THROWING_INITIALIZER) || defined(ABORTING_INITIALIZER) || defined(EXITING_INITIALIZER) || \
    defined(HANGING_INITIALIZER)

namespace {

/// Does the harm while the library is being loaded.
struct Initializer {
  Initializer() {
#if defined(THROWING_INITIALIZER)
    throw std::runtime_error("no licence");
#elif defined(ABORTING_INITIALIZER)
    std::abort();
#elif defined(EXITING_INITIALIZER)
    ::_exit(0);
#else
    while (true) ::pause();
#endif
  }
};
const Initializer initializer;

}  // namespace

extern "C" const nk_plugin* nextgen_kernels_plugin(const nk_host*) {
  return nullptr;
}

#elif defined(NO_ENTRY)

extern "C" int something_else() {
  return 1;
}

#elif defined(OTHER_ABI)

extern "C" const nk_plugin* nextgen_kernels_plugin(const nk_host*) {
  static const nk_plugin plugin = {sizeof(nk_plugin), 7, {"9.0", 3}, nullptr, 0, {}};
  return &plugin;
}

#elif defined(THROWING_ENTRY)

extern "C" const nk_plugin* nextgen_kernels_plugin(const nk_host*) {
  throw std::runtime_error("no");
}

#elif defined(NULL_ENTRY)

extern "C" const nk_plugin* nextgen_kernels_plugin(const nk_host*) {
  return nullptr;
}

#elif defined(SHORT_TABLE)

extern "C" const nk_plugin* nextgen_kernels_plugin(const nk_host*) {
  static const nk_plugin plugin = {sizeof(std::size_t) + 8, NK_ABI_VERSION, {"9.0", 3}, nullptr, 0, {}};
  return &plugin;
}

#elif defined(INCOMPLETE_CLASS)

extern "C" const nk_plugin* nextgen_kernels_plugin(const nk_host*) {
  static const nk_client_functions functions = {sizeof(nk_client_functions),
                                                nullptr,
                                                nullptr,
                                                nullptr,
                                                nullptr,
                                                nullptr,
                                                nullptr,
                                                nullptr,
                                                nullptr,
                                                nullptr};
  static const nk_class client = {sizeof(nk_class),
                                  {"broken:Client", 13},
                                  NK_CLASS_CLIENT,
                                  &functions,
                                  [](nk_context*, nk_string, nk_reply) -> void* { return nullptr; }};
  static const nk_class* const classes[] = {&client};
  static const nk_plugin plugin = {sizeof(nk_plugin), NK_ABI_VERSION, {"0.1.0", 5}, classes, 1, {}};
  return &plugin;
}

#endif
