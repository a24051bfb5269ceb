#include "server/metrics_handlers.h"

#include <fstream>
#include <iterator>

#include <unistd.h>

#include "base/descriptor_limit.h"
#include "runtime/process_usage.h"

namespace nextgen_kernels {
namespace {

using Type = MetricsText::Type;

double seconds_of(Timestamp time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// What this process uses, under the names that Prometheus' client libraries give it.
std::string process_metrics() {
  MetricsText text;
  std::ifstream file("/proc/self/stat");
  const auto stat = parse_process_stat(std::string(std::istreambuf_iterator<char>(file), {}));
  if (stat) {
    text.begin("process_cpu_seconds_total", Type::counter, "Processor time of this server, in seconds.");
    text.add(static_cast<double>(stat->cpu_ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK)));
    text.begin("process_resident_memory_bytes", Type::gauge, "Resident memory of this server.");
    text.add(static_cast<double>(stat->resident_pages) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  }
  if (const auto open = count_open_descriptors()) {
    text.begin("process_open_fds", Type::gauge, "Open file descriptors of this server.");
    text.add(static_cast<double>(*open));
    text.begin("process_max_fds", Type::gauge, "How many file descriptors this server may have open.");
    text.add(static_cast<double>(descriptor_limit()));
  }
  return text.text();
}

/// Measures how long a kernel takes from its launch until it takes requests; one that dies before is not
/// measured.
Task<void> measure_start(std::shared_ptr<KernelManager> kernel, std::shared_ptr<Histogram> starts) {
  const auto launched = std::chrono::steady_clock::now();
  if (!co_await kernel->wait_until_ready()) co_return;
  starts->observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - launched).count());
}

}  // namespace

void MetricsHandlers::add_routes(Router& router) {
  router.add(http::verb::get, "/metrics",
             [this](HttpRequest request) { return get_metrics(std::move(request)); });
}

void MetricsHandlers::note_request(http::verb method, std::string_view handler, http::status status,
                                   std::chrono::steady_clock::duration taken) {
  // Names that clients make up must not become series.
  const auto name =
      method == http::verb::unknown ? std::string("other") : std::string(http::to_string(method));
  requests_[{name, std::string(handler), static_cast<unsigned>(status)}].observe(
      std::chrono::duration<double>(taken).count());
}

void MetricsHandlers::note_kernel_event(const KernelEvent& event) {
  const bool succeeded = event.outcome == KernelEvent::Outcome::success;
  ++kernel_events_[{std::string(to_string(event.action)), succeeded ? "success" : "error"}];
  if (event.action != KernelAction::start || !succeeded) return;
  if (auto kernel = kernels_.find_kernel(event.kernel_id))
    tasks_.spawn("measure the start of a kernel", measure_start(std::move(kernel), starts_));
}

Task<Result<HttpResponse>> MetricsHandlers::get_metrics(HttpRequest) {
  co_await resources_.refresh();
  auto process = co_await pool_.run(process_metrics);
  MetricsText text;
  add_server(text);
  add_requests(text);
  add_kernels(text);
  add_usage(text);
  HttpResponse response;
  response.headers.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
  response.body = text.text() + process;
  co_return response;
}

void MetricsHandlers::add_server(MetricsText& text) const {
  text.begin("jupyter_server_info", Type::gauge, "The version of the server.");
  text.add({{"version", status_.version()}}, 1);
  text.begin("jupyter_server_started_timestamp_seconds", Type::gauge, "When the server was started.");
  text.add(seconds_of(status_.started()));
  text.begin("jupyter_server_last_activity_timestamp_seconds", Type::gauge, "When it was used last.");
  text.add(seconds_of(status_.last_activity()));
  text.begin("jupyter_server_active_duration_seconds", Type::gauge, "Time from the start to the last use.");
  text.add(seconds_of(status_.last_activity()) - seconds_of(status_.started()));
  text.begin("terminal_currently_running_total", Type::gauge, "Terminals; this server has none.");
  text.add(0);
  text.begin("nextgen_kernels_event_listeners", Type::gauge, "Clients that listen to events.");
  text.add(static_cast<double>(sources_.event_listeners()));
  const auto stalls = sources_.loop_stalls();
  text.begin("nextgen_kernels_event_loop_stalls_total", Type::counter,
             "Times that one task held the event loop for more than a second; the log names the task.");
  text.add(static_cast<double>(stalls.count));
  text.begin("nextgen_kernels_event_loop_longest_stall_seconds", Type::gauge,
             "The longest time that one task held the event loop, of those that were counted.");
  text.add(std::chrono::duration<double>(stalls.longest).count());
}

void MetricsHandlers::add_requests(MetricsText& text) const {
  text.begin("http_request_duration_seconds", Type::histogram,
             "Time until the head of a response, by method, route and status.");
  for (const auto& [kind, histogram] : requests_) {
    const auto& [method, handler, status] = kind;
    text.add({{"method", method}, {"handler", handler}, {"status_code", std::to_string(status)}}, histogram);
  }
}

void MetricsHandlers::add_kernels(MetricsText& text) const {
  const auto kernels = kernels_.list_kernels();
  std::map<std::string, int> by_type;
  std::map<std::string, int> by_state;
  for (const auto& kernel : kernels) {
    ++by_type[kernel->kernel_spec().name];
    ++by_state[std::string(to_string(kernel->execution_state()))];
  }
  text.begin("kernel_currently_running_total", Type::gauge, "Kernels, by kernel spec.");
  for (const auto& [type, count] : by_type) text.add({{"type", type}}, count);
  text.begin("nextgen_kernels_kernels", Type::gauge, "Kernels, by execution state.");
  for (const auto& [state, count] : by_state) text.add({{"state", state}}, count);

  const auto& pool = kernels_.pool();
  text.begin("nextgen_kernels_pool_ready_kernels", Type::gauge,
             "Kernels of the warm pool that wait for somebody, by kernel spec.");
  for (const auto& [type, size] : pool.sizes())
    text.add({{"type", type}}, static_cast<double>(pool.ready_count(type)));
  text.begin("nextgen_kernels_pool_size", Type::gauge, "How many of them there should be.");
  for (const auto& [type, size] : pool.sizes()) text.add({{"type", type}}, static_cast<double>(size));

  text.begin("nextgen_kernels_kernel_events_total", Type::counter,
             "What was done to kernels, and happened to them.");
  for (const auto& [event, count] : kernel_events_)
    text.add({{"action", event.first}, {"status", event.second}}, count);
  text.begin("nextgen_kernels_kernel_start_seconds", Type::histogram,
             "Time from the launch of a kernel until it took requests.");
  text.add({}, *starts_);

  const auto add = [&](std::string_view name, Type type, std::string_view help, const auto& value_of) {
    text.begin(name, type, help);
    for (const auto& kernel : kernels) {
      text.add({{"kernel_id", kernel->kernel_id()}, {"type", kernel->kernel_spec().name}},
               static_cast<double>(value_of(*kernel)));
    }
  };
  add("nextgen_kernels_kernel_connections", Type::gauge, "Open WebSockets of a kernel.",
      [](const KernelManager& kernel) { return kernel.connections(); });
  add("nextgen_kernels_kernel_restarts_total", Type::counter, "Restarts of a kernel, for whatever reason.",
      [](const KernelManager& kernel) { return kernel.restart_count(); });
  add("nextgen_kernels_kernel_messages_total", Type::counter,
      "Messages that a kernel sent, and ours about it.",
      [](const KernelManager& kernel) { return kernel.conversation()->journal().next_number() - 1; });
  add("nextgen_kernels_journal_memory_bytes", Type::gauge, "Memory that a kernel's messages take.",
      [](const KernelManager& kernel) { return kernel.conversation()->journal().memory_size(); });
  const auto add_of_journal = [&](std::string_view name, Type type, std::string_view help, auto member) {
    add(name, type, help, [member](const KernelManager& kernel) {
      return kernel.conversation()->journal().statistics().*member;
    });
  };
  add_of_journal("nextgen_kernels_journal_spilled_bytes", Type::gauge, "Messages of a kernel on disk.",
                 &JournalStatistics::spilled_bytes);
  add_of_journal("nextgen_kernels_journal_spill_failures_total", Type::counter,
                 "Writes of a kernel's messages to disk that failed.", &JournalStatistics::spill_failures);
  add_of_journal("nextgen_kernels_journal_overruns_total", Type::counter,
                 "Times that messages went before a listener had read them.", &JournalStatistics::overruns);
  add_of_journal("nextgen_kernels_journal_lost_messages_total", Type::counter,
                 "Messages that went before a listener had read them.", &JournalStatistics::lost_messages);
  add("nextgen_kernels_kernel_pending_requests", Type::gauge,
      "Requests to a kernel whose reply and idle have not both come.",
      [](const KernelManager& kernel) { return kernel.conversation()->requests().size(); });
  add("nextgen_kernels_kernel_executions", Type::gauge,
      "Executions that were asked for without a WebSocket, and run or wait.",
      [this](const KernelManager& kernel) { return sources_.executions(kernel.kernel_id()); });
}

/// Of kernels of this machine only.
void MetricsHandlers::add_usage(MetricsText& text) const {
  const auto add = [&](std::string_view name, std::string_view help, auto member) {
    text.begin(name, Type::gauge, help);
    for (const auto& kernel : kernels_.list_kernels()) {
      if (const auto look = resources_.look_at(*kernel))
        text.add({{"kernel_id", kernel->kernel_id()}, {"type", kernel->kernel_spec().name}},
                 static_cast<double>(look->usage.*member));
    }
  };
  add("nextgen_kernels_kernel_cpu_seconds",
      "Processor time of a kernel's processes that live; less when one ends.", &ProcessUsage::cpu_seconds);
  add("nextgen_kernels_kernel_memory_bytes", "Resident memory of a kernel's processes.",
      &ProcessUsage::memory_bytes);
  add("nextgen_kernels_kernel_processes", "Processes of a kernel.", &ProcessUsage::processes);
}

}  // namespace nextgen_kernels
