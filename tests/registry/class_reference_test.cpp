#include "registry/class_reference.h"

#include <set>
#include <unordered_set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(ClassReference, both_forms_mean_the_same_class) {
  const auto colon = ClassReference::parse("package.module:Class").value();
  const auto dotted = ClassReference::parse("package.module.Class").value();
  EXPECT_EQ(colon, dotted);
  EXPECT_EQ(colon.hash(), dotted.hash());
  EXPECT_EQ(dotted.to_string(), "package.module:Class");
  EXPECT_EQ(dotted.module(), "package.module");
  EXPECT_EQ(dotted.qualified_name(), "Class");
}

TEST(ClassReference, a_nested_class_keeps_its_parts_and_equals_its_dotted_form) {
  const auto nested = ClassReference::parse("module:Outer.Inner").value();
  EXPECT_EQ(nested.module(), "module");
  EXPECT_EQ(nested.qualified_name(), "Outer.Inner");
  EXPECT_EQ(nested.to_string(), "module:Outer.Inner");
  EXPECT_EQ(nested, ClassReference::parse("module.Outer.Inner").value());
  EXPECT_EQ(std::unordered_set({nested}).count(ClassReference("module.Outer.Inner")), 1);
}

TEST(ClassReference, a_text_that_is_cut_inside_a_character_is_refused_like_any_other) {
  EXPECT_FALSE(
      ClassReference::parse("~=1.\x01"
                            "4~\xC3"));
}

TEST(ClassReference, different_classes_differ) {
  EXPECT_NE(ClassReference("m:A"), ClassReference("m:B"));
  EXPECT_NE(ClassReference("m:A"), ClassReference("n:A"));
  EXPECT_NE(ClassReference("m:A"), ClassReference("m:A.A"));
}

TEST(ClassReference, is_ordered_by_its_path) {
  const std::set<ClassReference> sorted{"b:A"_class, "a.B"_class, "a:A"_class};
  EXPECT_EQ(sorted.begin()->to_string(), "a:A");
  EXPECT_EQ(sorted.rbegin()->to_string(), "b:A");
}

TEST(ClassReference, a_class_made_in_a_python_function_has_a_reference) {
  EXPECT_EQ(ClassReference::parse("tests.test_x:test_y.<locals>.Provisioner").value().qualified_name(),
            "test_y.<locals>.Provisioner");
}

TEST(ClassReference, accepts_letters_of_any_alphabet) {
  EXPECT_EQ(ClassReference::parse("größe:Maß").value().to_string(), "größe:Maß");
}

TEST(ClassReference, formats_canonically) {
  EXPECT_EQ(fmt::format("{}", ClassReference("a.b.C")), "a.b:C");
}

class BadClassReference : public testing::TestWithParam<const char*> {};

TEST_P(BadClassReference, is_refused_with_an_example_of_both_forms) {
  const auto reference = ClassReference::parse(GetParam());
  ASSERT_FALSE(reference.has_value());
  EXPECT_EQ(reference.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(reference.error().message, AllOf(HasSubstr("\"my_package.provisioners:MyProvisioner\""),
                                               HasSubstr("\"my_package.provisioners.MyProvisioner\"")));
}

INSTANTIATE_TEST_SUITE_P(Texts, BadClassReference,
                         testing::Values("", "Class", ":", ".", "module:", ":Class", "module.", ".Class",
                                         "a:b:C", "a..b:C", "a:B..C", "a b:C", " a:C", "a:C ", "a:C\n",
                                         "1a:C", "a:1C", "a-b:C", "a:<locals>", "a:C.<locals>", "<locals>.C",
                                         "a/b:C", "a:C [extra]", "a:C()"));

TEST(ClassReference, the_error_shows_control_characters_escaped) {
  EXPECT_THAT(ClassReference::parse("a\x1b[31m").error().message, HasSubstr("\"a\\x1b[31m\""));
}

}  // namespace
}  // namespace nextgen_kernels
