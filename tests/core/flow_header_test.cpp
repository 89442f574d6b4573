// SPDX-License-Identifier: BSD-3-Clause
#include "core/flow_header.hpp"

#include "tests/support/random_bytes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace pagewire::core {
namespace {

using Kind = FlowHeader::Kind;
using Octets = std::vector<std::byte>;

constexpr std::array kKinds{Kind::kData,   Kind::kProbe, Kind::kCredit,
                            Kind::kFinish, Kind::kDone,  Kind::kMemory};

/// The datagram that the header announces: data datagrams carry `length` octets.
Octets datagram_of(const FlowHeader& header)
{
    Octets datagram(kFlowHeaderBytes + header.length);
    encode_flow_header(header, std::span(datagram).first<kFlowHeaderBytes>());
    return datagram;
}

TEST(FlowHeader, LayoutOnTheWire)
{
    const FlowHeader header{.flow = 0x01020304,
                            .length = 0x0506,
                            .kind = Kind::kData,
                            .sequence = 0x1112131415161718,
                            .offset = 0x2122232425262728};
    constexpr std::array<unsigned char, kFlowHeaderBytes> expected{
        0x01, 0x02, 0x03, 0x04,                         // flow
        0x05, 0x06,                                     // length
        1,                                              // kind: data
        1,                                              // version
        0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, // sequence
        0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, // offset
    };
    std::array<std::byte, kFlowHeaderBytes> octets{};
    encode_flow_header(header, octets);
    for (std::size_t i = 0; i < octets.size(); ++i)
        EXPECT_EQ(std::to_integer<int>(octets[i]), expected[i]) << "octet " << i;
}

TEST(FlowHeader, KindsOnTheWire)
{
    int value = 0;
    for (const Kind kind : kKinds)
        EXPECT_EQ(std::to_integer<int>(datagram_of({.kind = kind})[6]), ++value);
}

TEST(FlowHeader, RoundTrip)
{
    tests::Random random(1);
    for (int i = 0; i < 1000; ++i) {
        FlowHeader header{.flow = static_cast<std::uint32_t>(random()),
                          .kind = kKinds[tests::below(random, kKinds.size())],
                          .sequence = random(),
                          .offset = random()};
        if (header.kind == Kind::kData)
            header.length = static_cast<std::uint16_t>(tests::below(random, 3000));
        EXPECT_EQ(decode_flow_header(datagram_of(header)), header);
    }
}

TEST(FlowHeader, LongestPayload)
{
    const FlowHeader header{.length = 65535, .kind = Kind::kData};
    const Octets datagram = datagram_of(header);
    EXPECT_EQ(decode_flow_header(datagram), header);

    Octets longer(datagram.size() + 65536); // the same modulo 2^16
    std::copy(datagram.begin(), datagram.end(), longer.begin());
    EXPECT_FALSE(decode_flow_header(longer));
}

TEST(FlowHeader, EveryTruncationIsRefused)
{
    for (const Kind kind : kKinds) {
        const Octets datagram = datagram_of(
            {.length = static_cast<std::uint16_t>(kind == Kind::kData ? 10 : 0), .kind = kind});
        for (std::size_t bytes = 0; bytes < datagram.size(); ++bytes) {
            const Octets cut(datagram.begin(),
                             datagram.begin() + static_cast<std::ptrdiff_t>(bytes));
            EXPECT_FALSE(decode_flow_header(cut)) << bytes;
        }
        EXPECT_TRUE(decode_flow_header(datagram));
    }
}

TEST(FlowHeader, OtherKindsAndVersionsAreRefused)
{
    Octets datagram = datagram_of({.kind = Kind::kProbe});
    for (int value = 0; value < 256; ++value) {
        datagram[6] = static_cast<std::byte>(value);
        EXPECT_EQ(decode_flow_header(datagram).has_value(), value >= 1 && value <= 6)
            << "kind " << value;
    }
    datagram[6] = std::byte{2};
    for (int value = 0; value < 256; ++value) {
        datagram[7] = static_cast<std::byte>(value);
        EXPECT_EQ(decode_flow_header(datagram).has_value(), value == kFlowVersion)
            << "version " << value;
    }
}

TEST(FlowHeader, LengthIsThatOfThePayload)
{
    const Octets datagram = datagram_of({.length = 100, .kind = Kind::kData});
    for (std::size_t payload = 98; payload < 103; ++payload) {
        Octets other(kFlowHeaderBytes + payload);
        std::copy_n(datagram.begin(), kFlowHeaderBytes, other.begin());
        EXPECT_EQ(decode_flow_header(other).has_value(), payload == 100) << payload;
    }
}

TEST(FlowHeader, OfADatagramInPieces)
{
    const FlowHeader header{.length = 100, .kind = Kind::kData};
    const Octets datagram = datagram_of(header);
    for (std::size_t front = 0; front <= datagram.size(); ++front) {
        const auto first = std::span(datagram).first(front);
        EXPECT_EQ(decode_flow_header(first, datagram.size()).has_value(), front >= kFlowHeaderBytes)
            << front;
        EXPECT_FALSE(decode_flow_header(first, datagram.size() - 1)) << front;
    }
    EXPECT_EQ(decode_flow_header(std::span(datagram).first(kFlowHeaderBytes), datagram.size()),
              header);
    EXPECT_FALSE(decode_flow_header(datagram, 0)) << "the datagram is what the UDP length says";
}

TEST(FlowHeader, OnlyDataHasALength)
{
    for (const Kind kind : kKinds) {
        Octets datagram = datagram_of({.kind = kind});
        datagram[5] = std::byte{1}; // length 1, and no payload
        EXPECT_FALSE(decode_flow_header(datagram));
    }
}

} // namespace
} // namespace pagewire::core
