#include "journal/listener_places.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

TEST(ListenerPlaces, are_found_by_stream_and_the_newest_by_session) {
  ListenerPlaces places;
  const auto first = places.open(places.new_stream(), "a", FrameAccount(1, 1));
  const auto second = places.open(places.new_stream(), "a", FrameAccount(5, 5));
  EXPECT_NE(first->stream, second->stream);
  EXPECT_EQ(places.find(first->stream), first);
  EXPECT_EQ(places.find_newest("a"), second);
  EXPECT_EQ(places.find_newest("b"), nullptr);
  EXPECT_EQ(places.find(77), nullptr);
}

/// A connection of the session that has `position`, and goes.
std::uint64_t come_and_go(ListenerPlaces& places, const std::string& session, MessageNumber position = 1) {
  const auto place = places.open(places.new_stream(), session, FrameAccount(position, position));
  places.close(*place);
  places.close(*place);
  return place->stream;
}

TEST(ListenerPlaces, outlive_their_connection_up_to_a_bound) {
  ListenerPlaces places;
  const auto connected = places.open(places.new_stream(), "connected", FrameAccount(1, 1));
  const auto oldest = come_and_go(places, "gone");
  std::uint64_t newest = 0;
  for (std::size_t i = 0; i < ListenerPlaces::most_absent; ++i)
    newest = come_and_go(places, std::to_string(i));
  EXPECT_EQ(places.find(oldest), nullptr);
  EXPECT_NE(places.find(newest), nullptr);
  EXPECT_EQ(places.find(connected->stream), connected);
}

TEST(ListenerPlaces, where_a_session_stood_is_known_longer_than_its_connections) {
  ListenerPlaces places;
  const auto place = places.open(places.new_stream(), "mine", FrameAccount(7, 7));
  place->frames.add(9);
  place->frames.acknowledge(8);
  places.close(*place);
  for (int i = 0; i < 5000; ++i) come_and_go(places, std::to_string(i));
  EXPECT_EQ(places.find(place->stream), nullptr);
  ASSERT_TRUE(places.position_of("mine"));
  EXPECT_EQ(places.position_of("mine")->frame, 8u);
  EXPECT_EQ(places.position_of("mine")->message, 10u);
  EXPECT_FALSE(places.position_of("another"));
}

TEST(ListenerPlaces, a_session_that_comes_and_goes_takes_no_other_ones_place) {
  ListenerPlaces places;
  const auto quiet = come_and_go(places, "quiet");
  const auto oldest = come_and_go(places, "restless", 1);
  for (MessageNumber i = 0; i < 2000; ++i) come_and_go(places, "restless", i);
  EXPECT_NE(places.find(quiet), nullptr);
  EXPECT_EQ(places.find(oldest), nullptr);
  EXPECT_EQ(places.position_of("restless")->message, 1999u);
}

TEST(ListenerPlaces, those_that_went_first_are_forgotten_first) {
  ListenerPlaces places;
  const auto long_here = places.open(places.new_stream(), "long here", FrameAccount(1, 1));
  for (std::size_t i = 0; i < ListenerPlaces::most_absent; ++i) come_and_go(places, std::to_string(i));
  places.close(*long_here);
  EXPECT_NE(places.find(long_here->stream), nullptr);
}

}  // namespace
}  // namespace nextgen_kernels
