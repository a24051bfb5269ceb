#include "base/stable_list.h"

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

struct Member {
  Member(StableList<Member>& list, std::string member_name)
      : name(std::move(member_name)), membership(list, *this) {}

  std::string name;
  StableList<Member>::Membership membership;
};

class StableListTest : public testing::Test {
 protected:
  void add(const std::string& name) { members_.push_back(std::make_unique<Member>(*list_, name)); }
  void remove(const std::string& name) {
    std::erase_if(members_, [&name](const auto& member) { return member->name == name; });
  }
  /// The names that are visited, while `during` does something at each.
  template <typename During>
  std::vector<std::string> visit(During during) {
    std::vector<std::string> names;
    list_->for_each([&](const Member& member) {
      const auto name = member.name;
      names.push_back(name);
      during(name);
    });
    return names;
  }

  std::unique_ptr<StableList<Member>> list_ = std::make_unique<StableList<Member>>();
  std::vector<std::unique_ptr<Member>> members_;
};

using Names = std::vector<std::string>;

TEST_F(StableListTest, visits_in_the_order_of_joining) {
  for (const auto* name : {"a", "b", "c"}) add(name);
  remove("b");
  add("b");
  EXPECT_EQ(visit([](const auto&) {}), Names({"a", "c", "b"}));
  EXPECT_EQ(list_->size(), 3);
}

TEST_F(StableListTest, a_member_may_leave_while_it_is_visited) {
  for (const auto* name : {"a", "b", "c"}) add(name);
  EXPECT_EQ(visit([this](const auto& name) { remove(name); }), Names({"a", "b", "c"}));
  EXPECT_TRUE(list_->empty());
}

TEST_F(StableListTest, others_that_leave_are_not_visited_any_more) {
  for (const auto* name : {"a", "b", "c", "d"}) add(name);
  EXPECT_EQ(visit([this](const auto& name) {
              if (name != "a") return;
              remove("b");
              remove("d");
            }),
            Names({"a", "c"}));
}

TEST_F(StableListTest, those_that_join_meanwhile_wait_for_the_next_visit) {
  add("a");
  EXPECT_EQ(visit([this](const auto&) { add("more"); }), Names({"a"}));
  remove("a");
  EXPECT_EQ(visit([this](const auto&) {
              remove("more");
              add("after");
            }),
            Names({"more"}));
  EXPECT_EQ(visit([](const auto&) {}), Names({"after"}));
}

TEST_F(StableListTest, visits_may_be_nested) {
  for (const auto* name : {"a", "b", "c"}) add(name);
  std::vector<Names> inner;
  EXPECT_EQ(visit([&](const auto& name) {
              inner.push_back(visit([this](const auto& inner_name) {
                if (inner_name == "b") remove("b");
              }));
              if (name == "a") remove("c");
            }),
            Names({"a"}));
  EXPECT_EQ(inner, std::vector<Names>({{"a", "b", "c"}}));
}

TEST_F(StableListTest, may_be_destroyed_while_it_is_visited) {
  for (const auto* name : {"a", "b"}) add(name);
  EXPECT_EQ(visit([this](const auto&) { list_.reset(); }), Names({"a"}));
  members_.clear();  // Their places know that there is nothing to leave.
}

}  // namespace
}  // namespace nextgen_kernels
