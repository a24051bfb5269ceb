#include "kernels/output_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using Json = nlohmann::ordered_json;

class OutputFolderTest : public testing::Test {
 protected:
  void stream(const std::string& text, const std::string& name = "stdout") {
    folder_.add("stream", Json{{"name", name}, {"text", text}}.dump());
  }
  void display(const std::string& type, const std::string& text, const std::string& display_id = "") {
    Json content = {{"data", {{"text/plain", text}}}, {"metadata", Json::object()}};
    if (!display_id.empty()) content["transient"] = {{"display_id", display_id}};
    folder_.add(type, content.dump());
  }
  void clear(bool wait) { folder_.add("clear_output", Json{{"wait", wait}}.dump()); }

  /// The text of each output.
  std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const auto& output : folder_.outputs())
      texts.push_back(output.contains("text") ? output["text"] : output["data"]["text/plain"]);
    return texts;
  }

  OutputFolder folder_{1000};
};

using testing::ElementsAre;

TEST_F(OutputFolderTest, pieces_of_a_stream_that_follow_one_another_are_one_output) {
  stream("a");
  stream("b");
  stream("c", "stderr");
  stream("d");
  EXPECT_THAT(texts(), ElementsAre("ab", "c", "d"));
  EXPECT_EQ(folder_.outputs()[1]["name"], "stderr");
}

TEST_F(OutputFolderTest, outputs_are_those_of_nbformat) {
  folder_.add("execute_result", R"({"data":{"text/plain":"1"},"metadata":{"m":1},"execution_count":7})");
  folder_.add("error", R"({"ename":"E","evalue":"v","traceback":["t1","t2"],"more":1})");
  EXPECT_EQ(folder_.outputs(), Json::parse(R"([
    {"output_type":"execute_result","data":{"text/plain":"1"},"metadata":{"m":1},"execution_count":7},
    {"output_type":"error","ename":"E","evalue":"v","traceback":["t1","t2"]}])"));
}

TEST_F(OutputFolderTest, every_display_of_an_id_is_updated) {
  display("display_data", "one", "x");
  display("display_data", "other", "y");
  display("display_data", "two", "x");
  display("update_display_data", "new", "x");
  display("update_display_data", "nobody's", "z");
  display("update_display_data", "without an id");
  EXPECT_THAT(texts(), ElementsAre("new", "other", "new"));
}

TEST_F(OutputFolderTest, clearing_takes_effect_at_once_or_with_the_next_output) {
  stream("old");
  clear(false);
  EXPECT_THAT(texts(), ElementsAre());
  stream("kept until");
  clear(true);
  EXPECT_THAT(texts(), ElementsAre("kept until"));
  display("display_data", "new");
  EXPECT_THAT(texts(), ElementsAre("new"));
}

TEST_F(OutputFolderTest, cleared_displays_are_not_updated) {
  display("display_data", "old", "x");
  clear(false);
  stream("text");
  display("update_display_data", "new", "x");
  EXPECT_THAT(texts(), ElementsAre("text"));
}

TEST_F(OutputFolderTest, past_the_bound_outputs_are_left_out_and_that_is_told) {
  stream(std::string(900, 'x'));
  EXPECT_FALSE(folder_.truncated());
  stream(std::string(200, 'y'));
  display("display_data", std::string(200, 'z'));
  EXPECT_TRUE(folder_.truncated());
  EXPECT_THAT(texts(), ElementsAre(std::string(900, 'x')));
}

TEST_F(OutputFolderTest, the_bound_is_of_what_is_there_not_of_what_was) {
  display("display_data", "", "x");
  for (int i = 0; i < 100; ++i) display("update_display_data", std::string(100, 'x'), "x");
  for (int i = 0; i < 100; ++i) {
    stream(std::string(800, 'y'));
    clear(true);
  }
  EXPECT_FALSE(folder_.truncated());
}

TEST_F(OutputFolderTest, what_is_no_output_changes_nothing) {
  for (const auto& content :
       {std::string(), std::string("[]"), std::string("3"), std::string("{"),
        std::string(R"({"name":3,"text":3})"), std::string(R"({"data":3})"), std::string(500, '[')}) {
    for (const auto* type : {"stream", "update_display_data", "status", "comm_msg", "unknown"})
      folder_.add(type, content);
  }
  EXPECT_EQ(folder_.outputs(), Json::array());
  folder_.add("display_data", R"({"data":3,"metadata":[]})");
  folder_.add("error", R"({"traceback":[1,"a"],"ename":null})");
  EXPECT_EQ(folder_.outputs(), Json::parse(R"([
    {"output_type":"display_data","data":{},"metadata":{}},
    {"output_type":"error","ename":"","evalue":"","traceback":["a"]}])"));
}

}  // namespace
}  // namespace nextgen_kernels
