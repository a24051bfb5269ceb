#include "config/server_traits.h"

namespace nextgen_kernels {
namespace {

constexpr std::int64_t mebibyte = 1024 * 1024;

TraitValue text(std::string value) {
  return value;
}
TraitValue integer(std::int64_t value) {
  return value;
}

}  // namespace

const std::vector<ServerTrait>& server_traits() {
  static const std::vector<ServerTrait> traits = {
      {{.class_name = "ServerApp",
        .name = "ip",
        .default_value = text("127.0.0.1"),
        .help = "The IP address or host name to listen on; * means all interfaces."},
       &ServerOptions::ip},
      {{.class_name = "ServerApp",
        .name = "port",
        .type = TraitType::integer,
        .default_value = integer(8888),
        .help = "The port to listen on; 0 lets the system choose a free one.",
        .environment_variable = "JUPYTER_PORT",
        .minimum = 0,
        .maximum = 65535},
       &ServerOptions::port},
      {{.class_name = "ServerApp",
        .name = "port_retries",
        .type = TraitType::integer,
        .default_value = integer(50),
        .help = "How many further ports to try when the port is taken.",
        .environment_variable = "JUPYTER_PORT_RETRIES",
        .minimum = 0,
        .maximum = 65535},
       &ServerOptions::port_retries},
      {{.class_name = "ServerApp",
        .name = "root_dir",
        .default_value = text(""),
        .help = "The directory that the paths of notebooks are relative to. Empty: where the server is "
                "started."},
       &ServerOptions::root_dir},
      {{.class_name = "ServerApp",
        .name = "log_level",
        .type = TraitType::log_level,
        .default_value = text("INFO"),
        .help = "Log messages of this level and above."},
       &ServerOptions::log_level},
      {{.class_name = "ServerApp",
        .name = "log_file",
        .default_value = text(""),
        .help = "The file to append log messages to. Empty: standard error."},
       &ServerOptions::log_file},
      {{.class_name = "ServerApp",
        .name = "allow_origin",
        .default_value = text(""),
        .help = "The origin whose pages may use the server from a browser, such as https://example.org; * "
                "means any. "
                "Empty: only the server's own."},
       &ServerOptions::allow_origin},
      {{.class_name = "ServerApp",
        .name = "authenticate_prometheus",
        .type = TraitType::boolean,
        .default_value = true,
        .help = "Whether /metrics needs the token as everything else does."},
       &ServerOptions::authenticate_prometheus},
      {{.class_name = "ServerApp",
        .name = "max_body_size",
        .type = TraitType::integer,
        .default_value = integer(512 * mebibyte),
        .help = "The largest request body that is accepted, in bytes.",
        .minimum = 1},
       &ServerOptions::max_body_size},
      {{.class_name = "ServerApp",
        .name = "websocket_ping_interval",
        .type = TraitType::number,
        .default_value = 30.0,
        .help = "Seconds between the pings that keep a WebSocket open and find out that a client is gone; 0 "
                "sends "
                "none.",
        .minimum = 0,
        .maximum = 86400},
       &ServerOptions::websocket_ping_interval},
      {{.class_name = "IdentityProvider",
        .name = "token",
        .help = "The token that every request must carry. None: a random one, shown at start. Empty: no "
                "authentication. Other users can see it on the command line; the environment and a file are "
                "safer.",
        .environment_variable = "JUPYTER_TOKEN",
        .environment_file_variable = "JUPYTER_TOKEN_FILE",
        .deprecated_names = {"ServerApp.token", "NotebookApp.token"},
        .secret = true},
       &ServerOptions::token},
      {{.class_name = "MappingKernelManager",
        .name = "default_kernel_name",
        .default_value = text("python3"),
        .help = "The kernel spec of a kernel that is asked for without a name."},
       &ServerOptions::default_kernel_name},
      {{.class_name = "MappingKernelManager",
        .name = "kernel_info_timeout",
        .type = TraitType::number,
        .default_value = 60.0,
        .help = "Seconds that a starting kernel has to answer; after that it is killed and the start has "
                "failed.",
        .minimum = 0.001,
        .maximum = 86400},
       &ServerOptions::kernel_info_timeout},
      {{.class_name = "MappingKernelManager",
        .name = "root_dir",
        .default_value = text(""),
        .help = "The directory that the working directories of kernels are relative to. Empty: "
                "ServerApp.root_dir."},
       &ServerOptions::kernel_root_dir},
      {{.class_name = "MappingKernelManager",
        .name = "cull_idle_timeout",
        .type = TraitType::number,
        .default_value = 0.0,
        .help = "Seconds without activity after which a kernel is shut down; 0 never does it. A kernel "
                "spec may "
                "have its own, metadata.cull_idle_timeout.",
        .minimum = 0,
        .maximum = 1e9},
       &ServerOptions::cull_idle_timeout},
      {{.class_name = "MappingKernelManager",
        .name = "cull_interval",
        .type = TraitType::number,
        .default_value = 300.0,
        .help = "Seconds between two looks for kernels to cull.",
        .minimum = 0.001,
        .maximum = 1e9},
       &ServerOptions::cull_interval},
      {{.class_name = "MappingKernelManager",
        .name = "cull_connected",
        .type = TraitType::boolean,
        .default_value = false,
        .help = "Cull also kernels that clients are connected to."},
       &ServerOptions::cull_connected},
      {{.class_name = "MappingKernelManager",
        .name = "cull_busy",
        .type = TraitType::boolean,
        .default_value = false,
        .help = "Cull also kernels that are busy."},
       &ServerOptions::cull_busy},
      {{.class_name = "MappingKernelManager",
        .name = "pool",
        .type = TraitType::dictionary,
        .default_value = Dictionary{},
        .help = "How many kernels to keep started before anybody asks for one, by the name of the kernel "
                "spec; they "
                "make a start take milliseconds. It wins over metadata.pool of a kernel spec."},
       &ServerOptions::pool},
      {{.class_name = "MappingKernelManager",
        .name = "client_envs",
        .type = TraitType::text_list,
        .default_value = TextList{"*"},
        .help =
            "The environment variables, besides KERNEL_*, that clients may set for their kernels. * means "
            "any "
            "but those that decide what is run or loaded (PATH, PYTHONPATH, LD_*, ...), which must be "
            "named.",
        .deprecated_names = {"KernelGatewayApp.client_envs", "EnterpriseGatewayApp.client_envs"}},
       &ServerOptions::client_envs},
      {{.class_name = "KernelManager",
        .name = "shutdown_wait_time",
        .type = TraitType::number,
        .default_value = 5.0,
        .help = "Seconds that a kernel has to end when it is shut down; after half of them it is terminated, "
                "after "
                "all of them killed.",
        .minimum = 0,
        .maximum = 86400},
       &ServerOptions::shutdown_wait_time},
      {{.class_name = "KernelManager",
        .name = "autorestart",
        .type = TraitType::boolean,
        .default_value = true,
        .help = "Restart a kernel that ended by itself."},
       &ServerOptions::autorestart},
      {{.class_name = "KernelManager",
        .name = "transport",
        .type = TraitType::choice,
        .default_value = text("tcp"),
        .help = "How the sockets of local kernels are reached: tcp, or ipc, which other users of the machine "
                "cannot "
                "reach.",
        .choices = {"tcp", "ipc"}},
       &ServerOptions::transport},
      {{.class_name = "KernelManager",
        .name = "ip",
        .default_value = text("127.0.0.1"),
        .help = "The IP address that local kernels listen on, with the transport tcp."},
       &ServerOptions::kernel_ip},
      {{.class_name = "KernelRestarter",
        .name = "restart_limit",
        .type = TraitType::integer,
        .default_value = integer(5),
        .help = "How many times in a row a kernel is restarted before it is left dead.",
        .minimum = 0},
       &ServerOptions::restart_limit},
      {{.class_name = "KernelRestarter",
        .name = "stable_start_time",
        .type = TraitType::number,
        .default_value = 10.0,
        .help = "Seconds after which a kernel counts as well started, and its restarts are counted anew.",
        .minimum = 0,
        .maximum = 86400},
       &ServerOptions::stable_start_time},
      {{.class_name = "KernelSpecManager",
        .name = "ensure_native_kernel",
        .type = TraitType::boolean,
        .default_value = true,
        .help = "Offer python3 when ipykernel is installed, even when no kernel spec of that name is."},
       &ServerOptions::ensure_native_kernel},
      {{.class_name = "KernelSpecManager",
        .name = "allowed_kernelspecs",
        .type = TraitType::text_list,
        .default_value = TextList{},
        .help = "The names of the kernel specs that are offered. Empty: all.",
        .deprecated_names = {"KernelSpecManager.whitelist"}},
       &ServerOptions::allowed_kernelspecs},
      {{.class_name = "KernelProvisionerFactory",
        .name = "default_provisioner_name",
        .default_value = text("local-provisioner"),
        .help = "The provisioner of kernel specs that name none.",
        .environment_variable = "JUPYTER_DEFAULT_PROVISIONER_NAME"},
       &ServerOptions::default_provisioner_name},
      {{.class_name = "KernelClientRegistry",
        .name = "fallback_client_class",
        .default_value = text("nextgen_kernels_api.services.kernels.client:JupyterServerKernelClient"),
        .help = "The kernel client class (module:Class) for provisioners that none is registered for. Empty: "
                "such "
                "kernels do not start.",
        .deprecated_names = {"KernelManager.client_class", "ProvisionerAwareKernelManager.client_class"}},
       &ServerOptions::fallback_client_class},
      {{.class_name = "KernelClientRegistry",
        .name = "provisioner_client_mappings",
        .type = TraitType::dictionary,
        .default_value = Dictionary{},
        .help = "Kernel client classes (module:Class) by provisioner class; these win over what packages "
                "register."},
       &ServerOptions::provisioner_client_mappings},
      {{.class_name = "KernelClientRegistry",
        .name = "conditional_client_mappings",
        .type = TraitType::object_list,
        .default_value = ObjectList{},
        .help = "Kernel client classes for some kernels of a provisioner class: objects with provisioner, "
                "client, and any of kernel_names, languages, kernel_clients (lists), labels (an object), "
                "priority."},
       &ServerOptions::conditional_client_mappings},
      {{.class_name = "KernelClientRegistry",
        .name = "plugin_path",
        .type = TraitType::text_list,
        .default_value = TextList{},
        .help = "Directories with manifests of plugins, searched before nextgen_kernels/plugins in Jupyter's "
                "data directories."},
       &ServerOptions::plugin_path},
      {{.class_name = "KernelClientRegistry",
        .name = "python_path",
        .type = TraitType::text_list,
        .default_value = TextList{},
        .help = "Site-packages folders whose Python distributions are read for entry points. Empty: those of "
                "the Python environment in use."},
       &ServerOptions::python_path},
      {{.class_name = "KernelJournal",
        .name = "memory_limit_bytes",
        .type = TraitType::integer,
        .default_value = integer(256 * mebibyte),
        .help = "How many bytes of a kernel's messages are kept in memory for listeners that are behind or "
                "reconnect.",
        .minimum = 1},
       &ServerOptions::journal_memory_limit_bytes},
  };
  return traits;
}

const TraitTable& server_trait_table() {
  static const TraitTable table = [] {
    std::vector<TraitDefinition> definitions;
    for (const auto& trait : server_traits()) definitions.push_back(trait.definition);
    return TraitTable(
        std::move(definitions),
        {
            {"ip", "ServerApp.ip"},
            {"port", "ServerApp.port"},
            {"port-retries", "ServerApp.port_retries"},
            {"notebook-dir", "ServerApp.root_dir"},
            {"log-level", "ServerApp.log_level"},
            {"transport", "KernelManager.transport"},
            {"plugin-path", "KernelClientRegistry.plugin_path"},
            {"python-path", "KernelClientRegistry.python_path"},
        },
        {
            {"debug", "ServerApp.log_level", "DEBUG", "Log everything; short for --log-level=DEBUG."},
            {"no-browser", "", "", "Accepted as Jupyter Server does; this server opens no browser."},
        },
        {
            {"Application", "ServerApp"},
            {"JupyterApp", "ServerApp"},
            {"PasswordIdentityProvider", "IdentityProvider"},
            {"MultiKernelManager", "MappingKernelManager"},
            {"AsyncMultiKernelManager", "MappingKernelManager"},
            {"AsyncMappingKernelManager", "MappingKernelManager"},
            {"AsyncKernelManager", "KernelManager"},
            {"ProvisionerAwareKernelManager", "KernelManager"},
            {"IOLoopKernelManager", "KernelManager"},
            {"AsyncIOLoopKernelManager", "KernelManager"},
            {"ServerKernelManager", "KernelManager"},
            {"IOLoopKernelRestarter", "KernelRestarter"},
            {"AsyncIOLoopKernelRestarter", "KernelRestarter"},
        });
  }();
  return table;
}

}  // namespace nextgen_kernels
