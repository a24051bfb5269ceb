#include "discovery/client_mapping_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

Result<std::vector<TextMapping>> parse(const std::vector<std::string>& objects) {
  return parse_client_mappings(objects, "Class.trait");
}

std::string error_of(const std::vector<std::string>& objects) {
  const auto parsed = parse(objects);
  return parsed ? "no error" : parsed.error().message;
}

TEST(ClientMappingJson, reads_every_member) {
  const auto parsed = parse({R"({"provisioner": "p:P", "client": "c:C", "kernel_names": ["a", "b"],
      "languages": ["scala"], "kernel_clients": ["fast"], "labels": {"tier": "gpu"}, "priority": 5})",
                             R"({"provisioner": "p:P", "client": "c:Other"})"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_THAT(*parsed, SizeIs(2));
  const auto& first = parsed->front();
  EXPECT_EQ(first.provisioner, "p:P");
  EXPECT_EQ(first.client, "c:C");
  EXPECT_EQ(first.options.criteria.describe(),
            "kernel name a or b, language scala, metadata.kernel_client fast, label tier=gpu");
  EXPECT_EQ(first.options.priority, 5);
  EXPECT_EQ(first.options.source, "Class.trait");
  EXPECT_TRUE(parsed->back().options.criteria.empty());
  EXPECT_THAT(parse({}).value(), IsEmpty());
}

TEST(ClientMappingJson, an_error_names_the_object_and_its_member) {
  const std::string good = R"({"provisioner": "p:P", "client": "c:C"})";
  EXPECT_EQ(error_of({good, R"({"client": "c:C"})"}), "Class.trait[1].provisioner is missing");
  EXPECT_EQ(error_of({R"({"provisioner": "p:P"})"}), "Class.trait[0].client is missing");
  EXPECT_THAT(error_of({R"({"provisioner": "p:P", "client": "c:C", "kernels": ["x"]})"}),
              StartsWith("Class.trait[0].kernels is not known"));
  EXPECT_THAT(error_of({R"({"provisioner": 5, "client": "c:C"})"}),
              StartsWith("Class.trait[0].provisioner must be a string"));
  EXPECT_THAT(error_of({"[]"}), HasSubstr("Class.trait[0] must be an object"));
}

}  // namespace
}  // namespace nextgen_kernels
