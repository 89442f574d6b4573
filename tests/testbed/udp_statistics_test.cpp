// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/udp_statistics.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace pagewire::testbed {
namespace {

std::optional<std::uint64_t> parsed(const std::string& text)
{
    std::istringstream snmp(text);
    return udp_in_csum_errors(snmp);
}

TEST(UdpStatistics, ValueStandsUnderItsName)
{
    EXPECT_EQ(parsed("Tcp: InCsumErrors\nTcp: 3\nUdp: InDatagrams InCsumErrors MemErrors\n"
                     "Udp: 17 5 2\nUdpLite: InCsumErrors\nUdpLite: 9\n"),
              5U);
}

TEST(UdpStatistics, NothingWhereItIsNotTold)
{
    for (const char* text : {"", "Udp: InDatagrams\nUdp: 17\n", "Udp: InCsumErrors\nUdp:\n",
                             "Udp: InCsumErrors\nUdp: many\n", "Udp: InCsumErrors\nTcp: 5\n"})
        EXPECT_EQ(parsed(text), std::nullopt) << text;
}

TEST(UdpStatistics, ThisKernelTells)
{
    EXPECT_TRUE(udp_in_csum_errors().has_value());
}

} // namespace
} // namespace pagewire::testbed
