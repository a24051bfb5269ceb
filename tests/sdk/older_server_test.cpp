/// \file What the SDK does in a server whose tables are shorter than those it was compiled with.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <nextgen_kernels/plugin.h>

namespace nextgen_kernels::plugin {
namespace {

/// A table as a server fills it whose ABI ends before `end`: nothing of it may be read there, and nothing
/// could, as the memory ends with it.
template <typename Table>
class ShortTable {
 public:
  ShortTable(Table table, std::size_t end) : bytes_(new std::byte[end]) {
    table.size = end;
    std::memcpy(bytes_.get(), &table, end);
  }
  const Table* get() const { return reinterpret_cast<const Table*>(bytes_.get()); }

 private:
  std::unique_ptr<std::byte[]> bytes_;
};

/// A server that knows nothing of adoption. Its objects are these tables.
class OlderServer : public testing::Test {
 protected:
  OlderServer() {
    self = this;
    detail::host = &host_;
  }
  ~OlderServer() override {
    detail::host = nullptr;
    self = nullptr;
  }

  struct Told {
    std::string result;
    std::string error;

    nk_reply reply() {
      return {
          this,
          [](void* told, nk_string result) { static_cast<Told*>(told)->result = detail::from_abi(result); },
          [](void* told, std::int32_t, nk_string message) {
            static_cast<Told*>(told)->error = detail::from_abi(message);
          }};
    }
  };

  template <typename Table>
  static Table poisoned() {
    Table table;
    std::memset(&table, 0xff, sizeof table);
    return table;
  }
  static nk_provisioner_functions provisioner() {
    auto table = poisoned<nk_provisioner_functions>();
    table.destroy = [](void*) {};
    return table;
  }
  static nk_client_functions client() {
    auto table = poisoned<nk_client_functions>();
    table.destroy = [](void*) {};
    table.connect = [](void*, nk_string info, std::uint64_t timeout, nk_reply reply) {
      self->connected_ = std::string(detail::from_abi(info)) + " " + std::to_string(timeout);
      reply.succeed(reply.context, detail::to_abi(R"({"status":"ok"})"));
    };
    return table;
  }

  static inline OlderServer* self = nullptr;
  std::string connected_;
  const ShortTable<nk_provisioner_functions> provisioner_{
      provisioner(), offsetof(nk_provisioner_functions, adoption_record)};
  const ShortTable<nk_client_functions> client_{client(), offsetof(nk_client_functions, adoption_record)};
  nk_host host_ = {.size = offsetof(nk_host, library),
                   .abi_version = NK_ABI_VERSION,
                   .server_version = detail::to_abi("0.0.9"),
                   .log = nullptr,
                   .post = nullptr,
                   .start_timer = nullptr,
                   .cancel_timer = nullptr,
                   .deliver = nullptr,
                   .create_base_provisioner =
                       [](nk_context*, nk_string, void* derived, const nk_base_provisioner_hooks*,
                          const nk_provisioner_functions** functions, nk_reply) {
                         *functions = self->provisioner_.get();
                         return derived;
                       },
                   .create_base_client =
                       [](nk_context*, nk_string, void* derived, const nk_base_client_hooks*,
                          const nk_client_functions** functions, nk_reply) {
                         *functions = self->client_.get();
                         return derived;
                       },
                   .liveness_changed = nullptr,
                   .library = nullptr,
                   .register_client = nullptr,
                   .refuse = nullptr};
  const Context context_{nullptr, Json::object({{"kernel_id", "id"}, {"kernel_name", "name"}})};
};

TEST_F(OlderServer, a_derived_provisioner_hands_nothing_over) {
  LocalProvisioner provisioner(context_);
  EXPECT_TRUE(provisioner.adoption_record().is_null());
  Told told;
  detail::call_with_reply<Json>(
      told.reply(), [&](Reply<Json> reply) { provisioner.adopt_kernel(Json::object(), std::move(reply)); });
  EXPECT_EQ(told.error, "This provisioner takes no kernels over");
}

TEST_F(OlderServer, what_it_does_not_tell_of_a_kernel_is_empty) {
  EXPECT_EQ(context_.language(), "");
  EXPECT_EQ(context_.username(), "");
  EXPECT_EQ(context_.kernel_spec(), Json::object());
  EXPECT_EQ(context_.options(), Json::object());
  EXPECT_THROW(context_.option("every"), Error);
}

TEST_F(OlderServer, a_refusal_is_an_error_in_its_words) {
  class RefusingClient : public JupyterServerKernelClient {
   public:
    using JupyterServerKernelClient::JupyterServerKernelClient;
    Delivery message_to_send(const Message& message) override {
      return refuse(message, "QuotaError", "no quota is left");
    }
  };
  RefusingClient client(context_);
  try {
    client.send(Message(nk_message{}));
    FAIL() << "it was sent";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "QuotaError: no quota is left");
  }
}

TEST_F(OlderServer, a_plugin_registers_no_client) {
  try {
    register_client<LocalProvisioner, JupyterServerKernelClient>();
    FAIL() << "nothing was registered";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("nextgen-kernels 0.0.9 does not let plugins register clients"),
              std::string::npos);
  }
}

TEST_F(OlderServer, a_derived_client_connects_in_the_place_of_a_reconnect) {
  JupyterServerKernelClient client(context_);
  EXPECT_TRUE(client.adoption_record().is_null());
  Told told;
  detail::call_with_reply<Json>(told.reply(), [&](Reply<Json> reply) {
    client.reconnect(Json::object({{"a", 1}}), nullptr, std::chrono::seconds(2), std::move(reply));
  });
  EXPECT_EQ(connected_, "{\"a\":1} 2000");
  EXPECT_EQ(told.result, R"({"status":"ok"})");
}

}  // namespace
}  // namespace nextgen_kernels::plugin
