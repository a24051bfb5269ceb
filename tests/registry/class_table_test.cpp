#include "registry/class_table.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ClassDeclaration provisioner(const ClassReference& reference, std::vector<ClassReference> bases = {}) {
  return {
      .reference = reference, .kind = ClassKind::provisioner, .bases = std::move(bases), .source = "test"};
}

std::vector<std::string> order(const ClassTable& table, const ClassReference& reference) {
  std::vector<std::string> names;
  for (const auto& one : table.linearization(reference)) names.emplace_back(one.qualified_name());
  return names;
}

TEST(ClassTable, a_class_that_is_not_declared_is_alone) {
  EXPECT_THAT(order(ClassTable(), "m:A"_class), ElementsAre("A"));
  EXPECT_EQ(ClassTable().find("m:A"_class), nullptr);
}

TEST(ClassTable, a_diamond_follows_c3) {
  ClassTable table;
  ASSERT_TRUE(table.define(provisioner("m:A"_class)));
  ASSERT_TRUE(table.define(provisioner("m:B"_class, {"m:A"_class})));
  ASSERT_TRUE(table.define(provisioner("m:C"_class, {"m:A"_class})));
  ASSERT_TRUE(table.define(provisioner("m:D"_class, {"m:B"_class, "m:C"_class})));
  EXPECT_THAT(order(table, "m:D"_class), ElementsAre("D", "B", "C", "A"));
  EXPECT_TRUE(table.is_subclass("m:D"_class, "m:A"_class));
  EXPECT_FALSE(table.is_subclass("m:A"_class, "m:D"_class));
}

TEST(ClassTable, every_order_of_declaration_gives_the_same_linearization) {
  std::vector<ClassDeclaration> declarations{
      provisioner("m:A"_class), provisioner("m:B"_class, {"m:A"_class}),
      provisioner("m:C"_class, {"m:A"_class}), provisioner("m:D"_class, {"m:B"_class, "m:C"_class}),
      provisioner("m:E"_class, {"m:D"_class, "m:Unknown"_class})};
  const auto by_reference = [](const auto& left, const auto& right) {
    return left.reference < right.reference;
  };
  do {
    ClassTable table;
    for (const auto& declaration : declarations) ASSERT_TRUE(table.define(declaration));
    EXPECT_THAT(order(table, "m:E"_class), ElementsAre("E", "D", "B", "C", "A", "Unknown"));
  } while (std::ranges::next_permutation(declarations, by_reference).found);
}

TEST(ClassTable, an_undeclared_base_is_a_root_until_it_is_declared) {
  ClassTable table;
  ASSERT_TRUE(table.define(provisioner("m:Leaf"_class, {"m:Base"_class})));
  EXPECT_THAT(order(table, "m:Leaf"_class), ElementsAre("Leaf", "Base"));
  ASSERT_TRUE(table.define(provisioner("m:Base"_class, {"m:Root"_class})));
  EXPECT_THAT(order(table, "m:Leaf"_class), ElementsAre("Leaf", "Base", "Root"));
}

TEST(ClassTable, pythons_object_is_no_base) {
  ClassTable table;
  ASSERT_TRUE(table.define(provisioner("m:A"_class, {"builtins:object"_class})));
  EXPECT_THAT(order(table, "m:A"_class), ElementsAre("A"));
}

TEST(ClassTable, an_inconsistent_order_is_an_error_that_names_the_classes) {
  ClassTable table;
  ASSERT_TRUE(table.define(provisioner("m:A"_class)));
  ASSERT_TRUE(table.define(provisioner("m:B"_class, {"m:A"_class})));
  const auto defined = table.define(provisioner("m:C"_class, {"m:A"_class, "m:B"_class}));
  ASSERT_FALSE(defined);
  EXPECT_THAT(defined.error().message, AllOf(HasSubstr("class m:C"), HasSubstr("m:A"), HasSubstr("m:B")));
  EXPECT_THAT(order(table, "m:C"_class), ElementsAre("C"));
  EXPECT_EQ(table.problem("m:C"_class), defined.error().message);
}

TEST(ClassTable, a_base_declared_later_can_show_that_an_order_is_inconsistent) {
  ClassTable table;
  ASSERT_TRUE(table.define(provisioner("m:C"_class, {"m:A"_class, "m:B"_class})));
  ASSERT_TRUE(table.define(provisioner("m:D"_class, {"m:C"_class})));
  ASSERT_TRUE(table.define(provisioner("m:B"_class, {"m:A"_class}))) << "the base itself is right";
  ASSERT_EQ(table.problems().size(), 2);
  EXPECT_EQ(table.problems()[0].reference, ClassReference("m:C"));
  EXPECT_EQ(table.problems()[1].reference, ClassReference("m:D"));
  EXPECT_THAT(table.problems()[1].message, HasSubstr("m:C"));
  EXPECT_THAT(order(table, "m:B"_class), ElementsAre("B", "A"));
}

TEST(ClassTable, a_class_that_derives_from_itself_is_an_error_with_the_way_round) {
  ClassTable table;
  EXPECT_FALSE(table.define(provisioner("m:Self"_class, {"m:Self"_class})));
  ASSERT_TRUE(table.define(provisioner("m:A"_class, {"m:B"_class})));
  ASSERT_TRUE(table.define(provisioner("m:B"_class, {"m:C"_class})));
  ASSERT_TRUE(table.define(provisioner("m:Leaf"_class, {"m:A"_class})));
  const auto defined = table.define(provisioner("m:C"_class, {"m:A"_class}));
  ASSERT_FALSE(defined);
  EXPECT_THAT(defined.error().message, HasSubstr("m:C -> m:A -> m:B -> m:C"));
  EXPECT_TRUE(table.problem("m:A"_class).has_value());
  EXPECT_TRUE(table.problem("m:Leaf"_class).has_value());
  EXPECT_THAT(order(table, "m:Leaf"_class), ElementsAre("Leaf"));
}

TEST(ClassTable, naming_a_base_twice_is_an_error) {
  ClassTable table;
  const auto defined = table.define(provisioner("m:A"_class, {"m:B"_class, "m.B"_class}));
  ASSERT_FALSE(defined);
  EXPECT_THAT(defined.error().message, HasSubstr("twice"));
  EXPECT_TRUE(table.define(provisioner("m:B"_class))) << "it does not hurt the base";
}

TEST(ClassTable, declaring_the_same_again_is_accepted) {
  ClassTable table;
  ASSERT_TRUE(table.define(provisioner("m:A"_class, {"m:B"_class})));
  EXPECT_TRUE(table.define(provisioner("m.A"_class, {"m.B"_class})));
  EXPECT_EQ(table.classes().size(), 1);
}

TEST(ClassTable, declaring_a_class_differently_is_refused_with_both_sources) {
  ClassTable table;
  ASSERT_TRUE(table.define({.reference = "m:A"_class, .kind = ClassKind::client, .source = "plugin one"}));
  const auto again = table.define(
      {.reference = "m:A"_class, .kind = ClassKind::client, .bases = {"m:B"_class}, .source = "plugin two"});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::already_exists);
  EXPECT_THAT(again.error().message, AllOf(HasSubstr("plugin one"), HasSubstr("plugin two")));
  EXPECT_THAT(order(table, "m:A"_class), ElementsAre("A"));
}

ClassDeclaration with_alias(ClassDeclaration declaration, const ClassReference& alias) {
  declaration.aliases.push_back(alias);
  return declaration;
}

TEST(ClassTable, an_alias_means_its_class) {
  ClassTable table;
  ASSERT_TRUE(table.define(with_alias(provisioner("m.impl:A"_class), "m:A"_class)));
  ASSERT_TRUE(table.define(provisioner("m:B"_class, {"m:A"_class})));
  EXPECT_EQ(table.canonical("m.A"_class), ClassReference("m.impl:A"));
  EXPECT_EQ(table.canonical("m:B"_class), ClassReference("m:B"));
  EXPECT_EQ(table.find("m:A"_class), table.find("m.impl:A"_class));
  EXPECT_THAT(table.linearization("m:B"_class), ElementsAre("m:B"_class, "m.impl:A"_class));
  EXPECT_THAT(table.linearization("m:A"_class), ElementsAre("m.impl:A"_class));
  EXPECT_TRUE(table.is_subclass("m:B"_class, "m:A"_class));
  EXPECT_THAT(table.aliases(), ElementsAre("m:A"_class));
}

TEST(ClassTable, an_alias_that_becomes_known_later_counts_for_earlier_classes) {
  ClassTable table;
  ASSERT_TRUE(table.define(provisioner("m:C"_class, {"m:B"_class})));
  ASSERT_TRUE(table.define(provisioner("m:B"_class, {"m:A"_class})));
  ASSERT_TRUE(table.define(with_alias(provisioner("m.impl:A"_class, {"m:Root"_class}), "m:A"_class)));
  EXPECT_THAT(order(table, "m:C"_class), ElementsAre("C", "B", "A", "Root"));
  EXPECT_TRUE(table.is_subclass("m:C"_class, "m.impl:A"_class));
}

TEST(ClassTable, naming_a_base_by_two_names_is_naming_it_twice) {
  ClassTable table;
  ASSERT_TRUE(table.define(provisioner("m:B"_class, {"m:A"_class, "m.impl:A"_class})));
  EXPECT_FALSE(table.problem("m:B"_class));
  ASSERT_TRUE(table.define(with_alias(provisioner("m.impl:A"_class), "m:A"_class)));
  EXPECT_THAT(table.problem("m:B"_class).value_or(""), HasSubstr("names its base m.impl:A twice"));
}

TEST(ClassTable, an_alias_of_a_derived_class_is_found_to_be_a_cycle) {
  ClassTable table;
  ASSERT_TRUE(table.define(provisioner("m:B"_class, {"m:A"_class})));
  const auto defined = table.define(with_alias(provisioner("m:C"_class, {"m:B"_class}), "m:A"_class));
  ASSERT_FALSE(defined);
  EXPECT_THAT(defined.error().message, HasSubstr("a class derives from itself"));
}

TEST(ClassTable, an_alias_of_two_classes_stays_that_of_the_first_and_both_are_named) {
  ClassTable table;
  auto second = with_alias(provisioner("m:B"_class), "m:Alias"_class);
  second.source = "second package";
  ASSERT_TRUE(table.define(with_alias(provisioner("m:A"_class), "m:Alias"_class)));
  for (int again = 0; again < 2; ++again) {
    const auto defined = table.define(second);
    ASSERT_FALSE(defined);
    EXPECT_EQ(defined.error().code, ErrorCode::already_exists);
    EXPECT_THAT(defined.error().message, AllOf(HasSubstr("m:Alias"), HasSubstr("m:A,"), HasSubstr("m:B"),
                                               HasSubstr("test"), HasSubstr("second package")));
  }
  EXPECT_EQ(table.canonical("m:Alias"_class), ClassReference("m:A"));
  EXPECT_NE(table.find("m:B"_class), nullptr) << "the class itself is declared";
}

TEST(ClassTable, an_alias_cannot_be_a_class_of_its_own) {
  ClassTable table;
  ASSERT_TRUE(table.define(with_alias(provisioner("m:A"_class), "m:Alias"_class)));
  const auto of_alias = table.define(provisioner("m:Alias"_class));
  ASSERT_FALSE(of_alias);
  EXPECT_THAT(of_alias.error().message, HasSubstr("m:Alias is declared by test, but that is another name"));

  ASSERT_TRUE(table.define(provisioner("m:B"_class)));
  const auto of_class = table.define(with_alias(provisioner("m:C"_class), "m:B"_class));
  ASSERT_FALSE(of_class);
  EXPECT_THAT(of_class.error().message, HasSubstr("m:B is to be another name of class m:C"));
  EXPECT_EQ(table.canonical("m:B"_class), ClassReference("m:B"));
}

TEST(ClassTable, a_hostile_depth_is_refused) {
  ClassTable table;
  const auto name = [](std::size_t number) {
    return ClassReference::parse(fmt::format("m:C{}", number)).value();
  };
  for (std::size_t i = 1; i < ClassTable::max_linearization; ++i)
    ASSERT_TRUE(table.define(provisioner(name(i), {name(i - 1)})));
  const auto defined = table.define(
      provisioner(name(ClassTable::max_linearization), {name(ClassTable::max_linearization - 1)}));
  ASSERT_FALSE(defined);
  EXPECT_EQ(defined.error().code, ErrorCode::invalid_argument);
}

TEST(ClassTable, lists_its_classes_sorted) {
  ClassTable table;
  ASSERT_TRUE(table.define(provisioner("m:B"_class)));
  ASSERT_TRUE(table.define(provisioner("m:A"_class)));
  EXPECT_EQ(table.classes().front()->reference, ClassReference("m:A"));
  EXPECT_THAT(table.problems(), IsEmpty());
}

}  // namespace
}  // namespace nextgen_kernels
