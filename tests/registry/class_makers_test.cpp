#include "registry/class_makers.h"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

struct Animal {
  virtual ~Animal() = default;
  virtual std::string sound() const = 0;
};
struct Dog : Animal {
  explicit Dog(std::string name) : name_(std::move(name)) {}
  std::string sound() const override { return name_ + " barks"; }
  std::string name_;
};

using AnimalMakers = ClassMakers<Animal, const std::string&>;

AnimalMakers with_dog() {
  AnimalMakers makers;
  EXPECT_TRUE(
      makers.add("zoo:Dog"_class, [](const std::string& name) { return std::make_unique<Dog>(name); }));
  return makers;
}

TEST(ClassMakers, makes_an_object_of_the_class) {
  EXPECT_EQ(with_dog().make("zoo.Dog"_class, "Rex").value()->sound(), "Rex barks");
  EXPECT_TRUE(with_dog().contains("zoo:Dog"_class));
}

TEST(ClassMakers, an_unknown_class_is_an_error_that_suggests_a_known_one) {
  const auto made = with_dog().make("zoo:Dogs"_class, "Rex");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::not_found);
  EXPECT_THAT(made.error().message, HasSubstr("did you mean zoo:Dog?"));
}

TEST(ClassMakers, a_second_maker_is_refused) {
  auto makers = with_dog();
  EXPECT_EQ(makers.add("zoo.Dog"_class, nullptr).error().code, ErrorCode::already_exists);
}

TEST(ClassMakers, an_exception_in_a_maker_is_an_error) {
  AnimalMakers makers;
  ASSERT_TRUE(makers.add("zoo:Cat"_class, [](const std::string&) -> Result<std::unique_ptr<Animal>> {
    throw std::runtime_error("no milk");
  }));
  ASSERT_TRUE(
      makers.add("zoo:Ghost"_class, [](const std::string&) -> Result<std::unique_ptr<Animal>> { throw 1; }));
  EXPECT_THAT(makers.make("zoo:Cat"_class, "Tom").error().message, HasSubstr("zoo:Cat failed: no milk"));
  EXPECT_FALSE(makers.make("zoo:Ghost"_class, "").has_value());
}

}  // namespace
}  // namespace nextgen_kernels
