#include "runtime/process_usage.h"

#include <filesystem>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nextgen_kernels {
namespace {

std::string stat_of(const std::string& name) {
  return "42 (" + name +
         ") S 7 42 40 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 3 0 100 1000000 256 18446744073709551615 1";
}

TEST(ProcessUsage, reads_what_proc_says) {
  for (const std::string name : {"python3", "", "a b", ") R 1 1", "(((", "))) S"}) {
    const auto stat = parse_process_stat(stat_of(name));
    ASSERT_TRUE(stat) << name;
    EXPECT_EQ(stat->pid, 42);
    EXPECT_EQ(stat->parent, 7);
    EXPECT_EQ(stat->session, 40);
    EXPECT_EQ(stat->cpu_ticks, 200u);
    EXPECT_EQ(stat->threads, 3);
    EXPECT_EQ(stat->resident_pages, 256u);
  }
}

TEST(ProcessUsage, refuses_what_is_not_that) {
  for (const std::string text :
       {"", "42", "42 (a)", "42 (a) S 7 42", "x (a) S 7 42 40 0 -1 4 1 0 0 0 150 50 0 0 20 0 3 0 1 1 256 1",
        "42 (a) S x 42 40 0 -1 4 1 0 0 0 150 50 0 0 20 0 3 0 1 1 256 1", ") (", " () "})
    EXPECT_FALSE(parse_process_stat(text)) << text;
}

TEST(ProcessUsage, measures_a_process_with_its_children) {
  // A child with a child of its own; both wait until we are done.
  int gate[2];
  int ready[2];
  ASSERT_EQ(::pipe(gate), 0);
  ASSERT_EQ(::pipe(ready), 0);
  const auto child = ::fork();
  if (child == 0) {
    ::close(gate[1]);
    ::fork();
    const pid_t self = ::getpid();
    (void)!::write(ready[1], &self, sizeof self);
    char byte = 0;
    (void)!::read(gate[0], &byte, 1);
    ::_exit(0);
  }
  // A sanitizer may have a thread of its own in each.
  int threads = 0;
  for (int i = 0; i < 2; ++i) {
    pid_t process = 0;
    ASSERT_EQ(::read(ready[0], &process, sizeof process), static_cast<ssize_t>(sizeof process));
    using Directory = std::filesystem::directory_iterator;
    const Directory tasks("/proc/" + std::to_string(process) + "/task");
    threads += static_cast<int>(std::distance(begin(tasks), end(tasks)));
  }
  const auto usages = measure_process_trees({child, 0x7fffffff});
  ASSERT_TRUE(usages.contains(child));
  EXPECT_EQ(usages.size(), 1u);
  EXPECT_EQ(usages.at(child).processes, 2);
  EXPECT_EQ(usages.at(child).threads, threads);
  EXPECT_GT(usages.at(child).memory_bytes, 0u);
  ::close(gate[1]);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace nextgen_kernels
