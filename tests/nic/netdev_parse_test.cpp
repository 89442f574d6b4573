// SPDX-License-Identifier: BSD-3-Clause
#include "core/error.hpp"
#include "nic/netdev_parse.hpp"
#include "nic/netdev_uapi.hpp"
#include "tests/nic/attribute_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

namespace pagewire::nic {
namespace {

using namespace uapi;

/// From a buffer of exactly that size, so that a sanitizer sees each read beyond it.
NetdevDevice parse(const std::vector<char>& octets)
{
    const auto exact = std::make_unique<std::byte[]>(octets.size());
    std::copy_n(reinterpret_cast<const std::byte*>(octets.data()), octets.size(), exact.get());
    return parse_netdev_reply({exact.get(), octets.size()});
}

void expect_malformed(const std::vector<char>& octets, std::string_view what)
{
    try {
        parse(octets);
        ADD_FAILURE() << "accepted; expected: " << what;
    } catch (const core::SystemError& error) {
        EXPECT_EQ(error.code().value(), EBADMSG);
        EXPECT_THAT(error.what(), testing::HasSubstr(std::string(what)));
    }
}

/// As Linux 6.18 answers for an ice with its driver's usual features: zero-copy of 8 segments.
AttributeBuilder whole_reply()
{
    AttributeBuilder reply;
    reply.u32(NETDEV_A_DEV_IFINDEX, 7)
        .u64(NETDEV_A_DEV_XDP_FEATURES,
             NETDEV_XDP_ACT_BASIC | NETDEV_XDP_ACT_REDIRECT | NETDEV_XDP_ACT_XSK_ZEROCOPY)
        .u64(NETDEV_A_DEV_XDP_RX_METADATA_FEATURES, 3)
        .u64(NETDEV_A_DEV_XSK_FEATURES, NETDEV_XSK_FLAGS_TX_CHECKSUM)
        .u32(NETDEV_A_DEV_XDP_ZC_MAX_SEGS, 8);
    return reply;
}

TEST(NetdevReply, HoldsTheDevice)
{
    EXPECT_EQ(
        parse(whole_reply().octets()),
        (NetdevDevice{
            .ifindex = 7, .xdp_features = 0b1011, .xdp_zc_max_segs = 8, .xsk_features = 0b10}));
}

TEST(NetdevReply, WhatAnOlderKernelDoesNotTellIsZero)
{
    AttributeBuilder reply;
    reply.u32(NETDEV_A_DEV_IFINDEX, 7).u64(NETDEV_A_DEV_XDP_FEATURES, NETDEV_XDP_ACT_BASIC);
    EXPECT_EQ(parse(reply.octets()), (NetdevDevice{.ifindex = 7, .xdp_features = 1}));
}

TEST(NetdevReply, AttributesOfLaterKernelsAndPaddingArePassedOver)
{
    AttributeBuilder reply = whole_reply();
    reply.raw(NETDEV_A_DEV_PAD, "").string(NETDEV_A_DEV_MAX + 1, "new");
    EXPECT_EQ(parse(reply.octets()), parse(whole_reply().octets()));
}

TEST(NetdevReply, WrongLengthsAreRefused)
{
    const auto with = [](auto put) {
        AttributeBuilder reply = whole_reply();
        put(reply);
        return reply.octets();
    };
    expect_malformed(with([](auto& r) { r.u64(NETDEV_A_DEV_IFINDEX, 7); }), "ifindex");
    expect_malformed(with([](auto& r) { r.u32(NETDEV_A_DEV_XDP_FEATURES, 1); }), "xdp-features");
    expect_malformed(with([](auto& r) { r.flag(NETDEV_A_DEV_XDP_ZC_MAX_SEGS); }),
                     "xdp-zc-max-segs");
    expect_malformed(with([](auto& r) { r.raw(NETDEV_A_DEV_XSK_FEATURES, "123456789"); }),
                     "xsk-features");
}

TEST(NetdevReply, MissingAttributesAreRefused)
{
    expect_malformed({}, "ifindex is missing");
    AttributeBuilder index;
    index.u32(NETDEV_A_DEV_IFINDEX, 7);
    expect_malformed(index.octets(), "xdp-features is missing");
    AttributeBuilder features;
    features.u64(NETDEV_A_DEV_XDP_FEATURES, 1);
    expect_malformed(features.octets(), "ifindex is missing");
}

TEST(NetdevReply, CutWithinAnAttributeIsRefused)
{
    AttributeBuilder reply;
    reply.u32(NETDEV_A_DEV_IFINDEX, 7).u64(NETDEV_A_DEV_XDP_FEATURES, 1);
    const std::size_t required = reply.octets().size();
    const std::size_t optional = reply.u32(NETDEV_A_DEV_XDP_ZC_MAX_SEGS, 8).octets().size();
    for (std::size_t length = 0; length < optional; ++length) {
        if (length == required) // no cut: a reply of an older kernel
            continue;
        const std::vector<char> part(reply.octets().begin(),
                                     reply.octets().begin() + static_cast<std::ptrdiff_t>(length));
        EXPECT_THROW(parse(part), core::SystemError) << length << " of " << optional << " octets";
    }
}

/// Any octets give a device or an exception; a sanitizer watches for the rest.
TEST(NetdevReply, GarbageNeverReadsOutside)
{
    std::mt19937 random(1); // NOLINT: the same octets on every run
    const auto try_to_parse = [](const std::vector<char>& octets) {
        try {
            (void)parse(octets);
        } catch (const core::SystemError& error) {
            EXPECT_EQ(error.code().value(), EBADMSG);
        }
    };
    for (int i = 0; i < 2000; ++i) {
        std::vector<char> noise(random() % 128);
        for (char& octet : noise)
            octet = static_cast<char>(random());
        try_to_parse(noise);
    }
    const std::vector<char> whole = whole_reply().octets();
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::vector<char> damaged = whole;
        damaged[at] = static_cast<char>(random());
        try_to_parse(damaged);
    }
}

} // namespace
} // namespace pagewire::nic
