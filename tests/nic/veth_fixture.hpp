// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/link.hpp"
#include "nic/net_namespace.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

/// What the tests of nic/ against the real kernel share: a veth pair in two namespaces of its own.
namespace pagewire::nic {

// RFC 2544, appendix C.2.2: addresses for benchmarks.
inline const std::uint32_t kNearIp = ::inet_addr("198.18.0.1");
inline const std::uint32_t kFarIp = ::inet_addr("198.18.0.2");
inline constexpr unsigned kPrefixLength = 24;

inline const std::string kNearName = "pwnear";
inline const std::string kFarName = "pwfar";

/// Runs iproute2 inside, for what nic/ has no function for.
inline void run_inside(const NetNamespace& netns, const std::string& command)
{
    const NetNamespace::Visit visit(netns);
    ASSERT_EQ(std::system(command.c_str()), 0) << command; // NOLINT(cert-env33-c)
}

/// The text of the exception of type Error that `action` throws.
template<typename Error, typename Action>
std::string thrown_by(Action action)
{
    try {
        action();
    } catch (const Error& error) {
        return error.what();
    }
    ADD_FAILURE() << "did not throw";
    return {};
}

/// A pair of links between two namespaces, both down.
class VethTest : public testing::Test {
  protected:
    VethTest()
    {
        create_veth_pair(
            near_, far_,
            {.near_name = kNearName, .far_name = kFarName, .mtu = 9000, .num_queues = 3});
    }

    /// Up, with addresses and static neighbours.
    void connect()
    {
        add_address(near_, kNearName, kNearIp, kPrefixLength);
        add_address(far_, kFarName, kFarIp, kPrefixLength);
        set_link_up(near_, kNearName);
        set_link_up(far_, kFarName);
        add_static_neighbour(near_, kNearName, kFarIp, link_facts(far_, kFarName).mac);
        add_static_neighbour(far_, kFarName, kNearIp, link_facts(near_, kNearName).mac);
    }

    NetNamespace near_ = NetNamespace::create_anonymous();
    NetNamespace far_ = NetNamespace::create_anonymous();
};

} // namespace pagewire::nic
