#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "synthetic_kernel/connection_file.h"
#include "synthetic_kernel/synthetic_kernel.h"

namespace nk = nextgen_kernels;
namespace synthetic = nextgen_kernels::synthetic;

int main(int argc, char** argv) {
  CLI::App app{"A Jupyter kernel that does what its tests and benchmarks ask for."};
  std::string connection_path;
  std::optional<int> exit_status;
  synthetic::KernelOptions options;
  app.add_option("connection_file", connection_path, "Jupyter connection file")->required();
  app.add_option("--exit-at-once", exit_status, "Write a line to standard error and exit with this status");
  app.add_flag_callback(
      "--never-answer", [&] { options.answers = synthetic::KernelOptions::Answers::none; },
      "Listen, and answer nothing but the heartbeat");
  app.add_flag_callback(
      "--no-heartbeat", [&] { options.heartbeat = synthetic::KernelOptions::Heartbeat::ignore; },
      "Do not answer the heartbeat");
  app.add_flag_callback(
      "--ignore-shutdown", [&] { options.shutdown = synthetic::KernelOptions::Shutdown::ignore; },
      "Do not end by a shutdown_request or SIGTERM");
  app.add_flag_callback(
      "--ignore-interrupt", [&] { options.interrupt = synthetic::KernelOptions::Interrupt::ignore; },
      "Do not end what runs by SIGINT or an interrupt_request");
  app.add_flag_callback(
      "--omit-iopub-welcome", [&] { options.iopub_welcome = synthetic::KernelOptions::IopubWelcome::omit; },
      "Speak protocol 5.3, without iopub_welcome");
  app.add_flag_callback(
      "--late-stdin", [&] { options.stdin_binding = synthetic::KernelOptions::StdinBinding::late; },
      "Bind stdin only once the first request on shell is answered");
  app.add_flag_callback(
      "--omit-status", [&] { options.status = synthetic::KernelOptions::Status::omit; }, "Publish no status");
  app.add_option("--log-end", options.end_log,
                 "Add a line for each signal, interrupt_request and shutdown_request to this file");
  CLI11_PARSE(app, argc, argv);

  if (exit_status) {
    std::fprintf(stderr, "synthetic kernel: exiting with status %d, as told\n", *exit_status);
    return *exit_status;
  }
  const auto connection = synthetic::read_connection_file(connection_path);
  if (!connection) {
    std::fprintf(stderr, "synthetic kernel: %s\n", connection.error().message.c_str());
    return 1;
  }
  try {
    synthetic::SyntheticKernel(*connection, options).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "synthetic kernel: %s\n", error.what());
    return 1;
  }
  return 0;
}
