// The one translation unit that compiles Asio and Beast (see BOOST_ASIO_SEPARATE_COMPILATION in
// cmake/dependencies.cmake).
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
