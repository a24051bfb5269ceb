/// \file A plugin that registers its kernel client when it is loaded.

#include <string>

#include <nextgen_kernels/plugin.h>
#include <stdlib.h>

namespace nk = nextgen_kernels::plugin;

namespace {

class Provisioner : public nk::LocalProvisioner {
 public:
  using LocalProvisioner::LocalProvisioner;
};

class Client : public nk::JupyterServerKernelClient {
 public:
  using JupyterServerKernelClient::JupyterServerKernelClient;
};

class Unnamed : public nk::LocalProvisioner {
 public:
  using LocalProvisioner::LocalProvisioner;
};

/// Does what the variable REGISTERING_PLUGIN names.
void register_clients() {
  const char* const variable = ::getenv("REGISTERING_PLUGIN");
  const std::string what = variable == nullptr ? "" : variable;
  if (what == "malformed") return nk::register_from_string("no reference", "registering:Client");
  if (what == "a class that is not exported") return nk::register_client<Unnamed, Client>();
  if (what == "a client as the provisioner")
    return nk::register_from_string("registering:Client", "registering:Client");
  if (what == "a client that nobody brings")
    return nk::register_from_string("registering:Provisioner", "nobody:Client");
  nk::register_client<Provisioner, Client>();
  nk::register_client<nk::LocalProvisioner, Client>(
      {.kernel_names = {"special"}, .labels = {{"tier", "gpu"}}, .priority = 2});
}

}  // namespace

NEXTGEN_KERNELS_ON_LOAD(register_clients)

NEXTGEN_KERNELS_PLUGIN(nk::plugin_class<Provisioner>("registering:Provisioner"),
                       nk::plugin_class<Client>("registering:Client"))
