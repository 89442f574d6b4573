// SPDX-License-Identifier: BSD-3-Clause
// A connection that takes longer than a call may: to a listener whose queue is full, so that the
// first SYN is dropped and the next one goes a second later (RFC 6298 §2.1).
#include "core/error.hpp"
#include "core/socket.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

namespace pagewire::core {
namespace {

constexpr std::chrono::milliseconds kCall{20};

class SlowConnect : public testing::Test {
  protected:
    SlowConnect() : listener_(open_socket(SOCK_STREAM))
    {
        bind_socket(listener_.get(), htonl(INADDR_LOOPBACK), 0);
        checked(::listen(listener_.get(), 0), "listen");
        port_ = local_address(listener_.get()).port;
        first_ = open_socket(SOCK_STREAM); // as much as the queue holds
        connect_socket(first_.get(), htonl(INADDR_LOOPBACK), port_);
    }

    UniqueFd listener_;
    UniqueFd first_;
    std::uint16_t port_ = 0;
};

TEST_F(SlowConnect, IsWaitedForWhileTheCallerLikes)
{
    std::thread acceptor([this] {
        std::this_thread::sleep_for(5 * kCall);
        for (int i = 0; i < 2; ++i)
            const UniqueFd taken(::accept(listener_.get(), nullptr, nullptr));
    });
    const UniqueFd socket = open_socket(SOCK_STREAM);
    set_socket_timeouts(socket.get(), kCall);
    unsigned num_asked = 0;
    EXPECT_NO_THROW(
        connect_socket(socket.get(), htonl(INADDR_LOOPBACK), port_, [&num_asked] { ++num_asked; }));
    EXPECT_GT(num_asked, 1U);
    if (testing::Test::HasFailure())
        ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor.join();
}

TEST_F(SlowConnect, IsGivenUpWhenTheCallerThrows)
{
    const UniqueFd socket = open_socket(SOCK_STREAM);
    set_socket_timeouts(socket.get(), kCall);
    EXPECT_THROW(connect_socket(socket.get(), htonl(INADDR_LOOPBACK), port_,
                                [] { throw TransferError("time limit"); }),
                 TransferError);
}

TEST_F(SlowConnect, IsAnErrorWithoutACaller)
{
    const UniqueFd socket = open_socket(SOCK_STREAM);
    set_socket_timeouts(socket.get(), kCall);
    EXPECT_THROW(connect_socket(socket.get(), htonl(INADDR_LOOPBACK), port_), SystemError);
}

} // namespace
} // namespace pagewire::core
