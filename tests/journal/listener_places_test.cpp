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
  EXPECT_EQ(places.find_session("a"), second);
  EXPECT_EQ(places.find_session("b"), nullptr);
  EXPECT_EQ(places.find(77), nullptr);
}

TEST(ListenerPlaces, outlive_their_connection_up_to_a_bound) {
  ListenerPlaces places;
  const auto connected = places.open(places.new_stream(), "connected", FrameAccount(1, 1));
  std::uint64_t oldest = 0;
  std::uint64_t newest = 0;
  for (int i = 0; i < 101; ++i) {
    const auto place = places.open(places.new_stream(), "gone", FrameAccount(1, 1));
    places.close(*place);
    places.close(*place);
    if (i == 0) oldest = place->stream;
    newest = place->stream;
  }
  EXPECT_EQ(places.find(oldest), nullptr);
  EXPECT_NE(places.find(newest), nullptr);
  EXPECT_EQ(places.find(connected->stream), connected);
}

}  // namespace
}  // namespace nextgen_kernels
