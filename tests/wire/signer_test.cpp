#include "wire/signer.h"

#include <array>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view key = "a0436f6c-1916-498b-8eb9-e81ab9368e84";
constexpr std::array<std::string_view, 4> parts{R"({"msg_id":"1"})", "{}", "{}", R"({"code":"1+1"})"};

// Expected values: Python's hmac.new(key, digestmod=…) over the four parts.
constexpr std::string_view sha256_signature =
    "571f54ca20ac469366661f0eb466e6d650eee65ae12436bc786b76a5eb890b86";

std::string signature_with(std::string_view scheme, std::string_view with_key = key) {
  auto signer = Signer::make(scheme, with_key);
  return signer ? signer->sign(parts) : signer.error().message;
}

TEST(Signer, agrees_with_python_hmac) {
  EXPECT_EQ(signature_with("hmac-sha256"), sha256_signature);
  EXPECT_EQ(signature_with("hmac-md5"), "37f4267b25e796a8318ade0a326ef59d");
  EXPECT_EQ(signature_with("hmac-sha1"), "c06f5d47eb1a8eb4b7d92c192e3c42b785adad62");
  EXPECT_EQ(signature_with("hmac-sha512"),
            "3323e28f48012cc273df4e6a0e13ec530df18b45009a0d76f67cfd1d63fed976d17fe0bd0fe6d101d4534ba88d04e0fd"
            "4a467449ad1cd2e24e7a849cf094dbe0");
}

TEST(Signer, knows_digests_by_hashlibs_names) {
  EXPECT_EQ(signature_with("hmac-sha3_256"),
            "1900775030926daf740d103e74f17c267e79dbf52f14cdd9aa08d5c624f8f5e7");
  EXPECT_EQ(signature_with("hmac-blake2b"),
            "1b5574c9712a10292d2f40ad8a6af79c6ce3ef0f1129f75b4db522842b0c7322e84ada95044be8cdf4d6085d5663195a"
            "530eabc78e65dfc4235dddbbddecb73d");
}

TEST(Signer, keys_longer_than_a_block_are_digested_first) {
  EXPECT_EQ(signature_with("hmac-sha256", std::string(200, 'k')),
            "22e1c174da876fac26658d2696ea27f281b1e9588a0ca356a0cb7e4442058e1e");
}

TEST(Signer, signs_again_and_after_a_move) {
  auto first = Signer::make("hmac-sha256", key);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->sign(parts), sha256_signature);
  EXPECT_EQ(first->sign(parts), sha256_signature);
  Signer second = std::move(*first);
  EXPECT_EQ(second.sign(parts), sha256_signature);
}

TEST(Signer, verifies_what_it_signed) {
  auto signer = Signer::make("hmac-sha256", key);
  ASSERT_TRUE(signer);
  EXPECT_TRUE(signer->verify(parts, sha256_signature));
}

TEST(Signer, refuses_any_other_signature) {
  auto signer = Signer::make("hmac-sha256", key);
  ASSERT_TRUE(signer);
  for (std::size_t i = 0; i < sha256_signature.size(); ++i) {
    std::string wrong(sha256_signature);
    wrong[i] = wrong[i] == '0' ? '1' : '0';
    EXPECT_FALSE(signer->verify(parts, wrong)) << i;
  }
  EXPECT_FALSE(signer->verify(parts, sha256_signature.substr(1)));
  EXPECT_FALSE(signer->verify(parts, std::string(sha256_signature) + '0'));
  auto changed = parts;
  changed[3] = R"({"code":"1+2"})";
  EXPECT_FALSE(signer->verify(changed, sha256_signature));
}

TEST(Signer, says_unsigned_or_invalid_and_never_the_key) {
  auto signer = Signer::make("hmac-sha256", key);
  ASSERT_TRUE(signer);
  const auto unsigned_message = signer->verify(parts, "");
  ASSERT_FALSE(unsigned_message);
  EXPECT_EQ(unsigned_message.error().code, ErrorCode::protocol);
  EXPECT_THAT(unsigned_message.error().message, HasSubstr("Unsigned message"));
  const auto invalid = signer->verify(parts, "00");
  ASSERT_FALSE(invalid);
  EXPECT_THAT(invalid.error().message, HasSubstr("Invalid signature"));
  EXPECT_THAT(invalid.error().message, Not(HasSubstr(key)));
  EXPECT_THAT(invalid.error().message, Not(HasSubstr(sha256_signature)));
}

TEST(Signer, an_empty_key_turns_signing_off) {
  auto signer = Signer::make("hmac-sha256", "");
  ASSERT_TRUE(signer);
  EXPECT_EQ(signer->sign(parts), "");
  EXPECT_TRUE(signer->verify(parts, ""));
  EXPECT_TRUE(signer->verify(parts, "anything"));
}

TEST(Signer, refuses_schemes_it_cannot_compute) {
  for (const std::string_view scheme :
       {"", "sha256", "hmac-", "hmac-nothing", "hmac-shake_128", "hmac-sha256 "}) {
    const auto signer = Signer::make(scheme, key);
    ASSERT_FALSE(signer) << scheme;
    EXPECT_EQ(signer.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(signer.error().message, HasSubstr(std::string(scheme)));
    EXPECT_THAT(signer.error().message, Not(HasSubstr(key)));
  }
}

}  // namespace
}  // namespace nextgen_kernels
