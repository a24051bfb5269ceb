#include "discovery/library_trial.h"

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../support/temporary_directory.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr auto patience = std::chrono::minutes(1);

class LibraryTrialTest : public testing::Test {
 protected:
  static fs::path built(const std::string& name) { return fs::path(TEST_PLUGINS) / ("lib" + name + ".so"); }

  static std::string problem_of(const std::string& library, std::chrono::milliseconds time_limit = patience) {
    LibraryTrial trial(NEXTGEN_KERNELS, time_limit);
    return trial.problem_of(built(library)).value_or("no problem");
  }

  /// A program in the place of ours that counts how often it is run.
  fs::path counting_program() const {
    const auto count = (directory_.path() / "count").native();
    return directory_.write_program("program", "#!/bin/sh\necho \"$1 $2\" >> '" + count + "'\nprintf '" +
                                                   std::string(LibraryTrial::survived).substr(0, 33) +
                                                   "\\n'\n");
  }
  std::string what_was_run() const {
    std::ifstream file(directory_.path() / "count");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TemporaryDirectory directory_;
};

TEST_F(LibraryTrialTest, a_library_that_does_no_harm_has_no_problem) {
  EXPECT_EQ(problem_of("nk_test_plugin"), "no problem");
}

TEST_F(LibraryTrialTest, what_the_loader_can_say_itself_is_no_problem_here) {
  EXPECT_EQ(problem_of("nk_broken_plugin_undefined_symbol"), "no problem");
  EXPECT_EQ(problem_of("nk_broken_plugin_throwing_entry"), "no problem");
  EXPECT_EQ(problem_of("gone"), "no problem");
}

TEST_F(LibraryTrialTest, an_initializer_that_throws_is_told_with_its_words) {
  EXPECT_THAT(problem_of("nk_broken_plugin_throwing_initializer"),
              AllOf(HasSubstr("its code ended the process that tries libraries"), HasSubstr("no licence")));
}

TEST_F(LibraryTrialTest, an_initializer_that_ends_the_process_is_told) {
  EXPECT_THAT(problem_of("nk_broken_plugin_aborting_initializer"), HasSubstr("was killed by signal 6"));
  EXPECT_THAT(problem_of("nk_broken_plugin_exiting_initializer"), HasSubstr("exited with status 0"));
}

TEST_F(LibraryTrialTest, an_initializer_that_does_not_return_is_given_up) {
  EXPECT_THAT(problem_of("nk_broken_plugin_hanging_initializer", std::chrono::milliseconds(300)),
              HasSubstr("did not return within 300 ms"));
}

TEST_F(LibraryTrialTest, a_file_is_tried_once_until_it_changes) {
  LibraryTrial trial(counting_program(), patience);
  const auto library = directory_.write("lib.so", "one");
  EXPECT_EQ(trial.problem_of(library), std::nullopt);
  EXPECT_EQ(trial.problem_of(library), std::nullopt);
  const auto line = std::string(LibraryTrial::command) + " " + library.native() + "\n";
  EXPECT_EQ(what_was_run(), line);
  directory_.write("lib.so", "another");
  EXPECT_EQ(trial.problem_of(library), std::nullopt);
  EXPECT_EQ(what_was_run(), line + line);
}

TEST_F(LibraryTrialTest, without_the_program_nothing_is_known) {
  LibraryTrial trial(directory_.path() / "gone", patience);
  EXPECT_EQ(trial.problem_of(built("nk_test_plugin")), std::nullopt);
}

}  // namespace
}  // namespace nextgen_kernels
