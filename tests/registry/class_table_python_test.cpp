#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/strings.h"
#include "registry/class_table.h"

namespace nextgen_kernels {
namespace {

/// Classes 0, 1, 2 … in an order in which Python can define them: bases have smaller numbers.
using Hierarchy = std::vector<std::vector<std::size_t>>;

Hierarchy random_hierarchy(std::mt19937& random) {
  Hierarchy hierarchy(2 + random() % 11);
  for (std::size_t number = 1; number < hierarchy.size(); ++number) {
    std::vector<std::size_t> earlier(number);
    for (std::size_t i = 0; i < number; ++i) earlier[i] = i;
    std::ranges::shuffle(earlier, random);
    earlier.resize(std::min<std::size_t>(random() % 4, number));
    // Mostly in an order that can be consistent, sometimes in any order.
    if (random() % 3 != 0) std::ranges::sort(earlier, std::greater{});
    hierarchy[number] = earlier;
  }
  return hierarchy;
}

ClassReference class_number(std::size_t number) {
  return ClassReference::parse(fmt::format("m:C{}", number)).value();
}
ClassReference alias_of_class(std::size_t number) {
  return ClassReference::parse(fmt::format("package:C{}", number)).value();
}

/// For each hierarchy one line: for each class its __mro__, or "-" when it, or one of its bases, cannot be
/// defined.
std::string python_program(const std::vector<Hierarchy>& hierarchies) {
  std::string program = R"(
def show(hierarchy):
    classes, shown = {}, []
    for number, bases in enumerate(hierarchy):
        try:
            classes[number] = type(f"C{number}", tuple(classes[base] for base in bases), {})
            shown.append(",".join(cls.__name__ for cls in classes[number].__mro__[:-1]))
        except (TypeError, KeyError):
            shown.append("-")
    print(" ".join(shown))
)";
  for (const auto& hierarchy : hierarchies) {
    program += "show([";
    for (const auto& bases : hierarchy) program += fmt::format("[{}],", fmt::join(bases, ","));
    program += "])\n";
  }
  return program;
}

std::vector<std::string> run_python(const std::string& program) {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("nk_class_table_{}.py", ::getpid());
  std::ofstream(path) << program;
  std::FILE* pipe = ::popen(fmt::format("python3 -I '{}'", path.string()).c_str(), "r");
  std::string output;
  char buffer[4096];
  for (std::size_t count = 0; (count = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    output.append(buffer, count);
  EXPECT_EQ(::pclose(pipe), 0);
  std::filesystem::remove(path);
  std::vector<std::string> lines;
  for (const auto line : split(output, '\n')) lines.emplace_back(line);
  return lines;
}

std::string show(const ClassTable& table, std::size_t number) {
  const auto reference = class_number(number);
  if (table.problem(reference)) return "-";
  std::vector<std::string> names;
  for (const auto& one : table.linearization(reference)) names.emplace_back(one.qualified_name());
  return fmt::format("{}", fmt::join(names, ","));
}

TEST(ClassTable, agrees_with_pythons_mro_on_random_hierarchies_declared_in_any_order) {
  std::mt19937 random(20240607);  // Fixed: a failure can be repeated.
  std::vector<Hierarchy> hierarchies(600);
  for (auto& hierarchy : hierarchies) hierarchy = random_hierarchy(random);
  const auto expected = run_python(python_program(hierarchies));
  ASSERT_GE(expected.size(), hierarchies.size());

  std::size_t consistent = 0, inconsistent = 0;
  for (std::size_t i = 0; i < hierarchies.size(); ++i) {
    const auto& hierarchy = hierarchies[i];
    std::vector<std::size_t> order_of_declaration(hierarchy.size());
    for (std::size_t number = 0; number < hierarchy.size(); ++number) order_of_declaration[number] = number;
    std::ranges::shuffle(order_of_declaration, random);
    ClassTable table;
    for (const auto number : order_of_declaration) {
      ClassDeclaration declaration{.reference = class_number(number),
                                   .kind = ClassKind::provisioner,
                                   .aliases = {alias_of_class(number)}};
      // Which name of a base is used makes no difference.
      for (const auto base : hierarchy[number])
        declaration.bases.push_back(random() % 2 == 0 ? class_number(base) : alias_of_class(base));
      (void)table.define(declaration);  // Problems are compared below, when all bases are known.
    }
    std::vector<std::string> shown;
    for (std::size_t number = 0; number < hierarchy.size(); ++number) {
      shown.push_back(show(table, number));
      ++(shown.back() == "-" ? inconsistent : consistent);
    }
    EXPECT_EQ(fmt::format("{}", fmt::join(shown, " ")), expected[i]) << "hierarchy " << i;
  }
  EXPECT_GT(consistent, 1000U);
  EXPECT_GT(inconsistent, 100U);
}

}  // namespace
}  // namespace nextgen_kernels
