// SPDX-License-Identifier: BSD-3-Clause
#include "nic/ip_address.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace pagewire::nic {
namespace {

TEST(IpAddress, TextAndBack)
{
    for (const char* text : {"192.0.2.1/24", "0.0.0.0/0", "2001:db8::1/64", "::/0", "fe80::1/128"})
        EXPECT_EQ(format_interface_address(parse_interface_address(text).value()), text);
    EXPECT_EQ(parse_ip("192.0.2.1"), IpAddress(::inet_addr("192.0.2.1")));
    EXPECT_EQ(parse_ip("fe80::1%eth0"), parse_ip("fe80::1"));
}

TEST(IpAddress, WhatIsNoneIsNothing)
{
    for (const char* text : {"", "/", "192.0.2.1", "192.0.2/24", "192.0.2.1/", "192.0.2.1/33",
                             "192.0.2.1/-1", "192.0.2.1/24 ", "::/129", "eth0/24"})
        EXPECT_EQ(parse_interface_address(text), std::nullopt) << text;
    EXPECT_EQ(parse_ip("eth0"), std::nullopt);
}

} // namespace
} // namespace pagewire::nic
