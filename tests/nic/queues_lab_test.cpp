// SPDX-License-Identifier: BSD-3-Clause

/// Several queues of one veth pair: each carries frames, both ways, and no other's. Needs root, and
/// fails without.

#include "core/error.hpp"
#include "nic/link.hpp"
#include "nic/net_namespace.hpp"
#include "tests/nic/veth_fixture.hpp"
#include "tests/nic/xsk_sender.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace pagewire::nic {
namespace {

constexpr std::uint32_t kNumQueues = 3; // of the fixture's pair

struct ClosePipe {
    void operator()(std::FILE* pipe) const { ::pclose(pipe); }
};

/// Frames that each receive queue of a veth has taken (ethtool -S, "rx_queue_N_xdp_packets": every
/// frame of its NAPI, with a program or without).
std::vector<std::uint64_t> frames_by_queue(const NetNamespace& netns, const std::string& interface)
{
    const NetNamespace::Visit visit(netns);
    const std::string command = "ethtool -S " + interface;
    const std::unique_ptr<std::FILE, ClosePipe> output(
        ::popen(command.c_str(), "r")); // NOLINT(cert-env33-c)
    std::vector<std::uint64_t> frames(kNumQueues);
    std::array<char, 256> line{};
    while (output && std::fgets(line.data(), line.size(), output.get()) != nullptr) {
        unsigned queue = 0;
        unsigned long long count = 0;
        if (std::sscanf(line.data(), " rx_queue_%u_xdp_packets: %llu", // NOLINT(cert-err34-c)
                        &queue, &count) == 2 &&
            queue < kNumQueues)
            frames[queue] = count;
    }
    return frames;
}

/// Waits for NAPI, which takes frames in a soft interrupt.
std::vector<std::uint64_t> await_frames(const NetNamespace& netns, const std::string& interface,
                                        std::uint64_t expected)
{
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (true) {
        auto frames = frames_by_queue(netns, interface);
        if (std::accumulate(frames.begin(), frames.end(), std::uint64_t{0}) >= expected ||
            std::chrono::steady_clock::now() > deadline)
            return frames;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

/// An Ethernet frame of a type that no protocol takes (IEEE 802, local experimental 1).
std::array<std::byte, 60> frame_to(const core::MacAddress& mac)
{
    std::array<std::byte, 60> frame{};
    std::transform(mac.begin(), mac.end(), frame.begin(),
                   [](std::uint8_t octet) { return std::byte{octet}; });
    frame[6] = std::byte{2};
    frame[12] = std::byte{0x88};
    frame[13] = std::byte{0xb5};
    return frame;
}

class QueuesTest : public VethTest {
  protected:
    void SetUp() override
    {
        connect();
        // A veth takes frames by NAPI, and counts them by queue, where it does GRO and the sending
        // end no TSO (drivers/net/veth.c, veth_skb_is_eligible_for_gro).
        run_inside(near_, "ethtool -K pwnear gro on tso off");
        run_inside(far_, "ethtool -K pwfar gro on tso off");
    }

    static void expect_each_queue_arrives(const NetNamespace& from, const std::string& from_name,
                                          const NetNamespace& to, const std::string& to_name)
    {
        const auto frame = frame_to(link_facts(to, to_name).mac);
        std::vector<std::uint64_t> expected = frames_by_queue(to, to_name);
        std::uint64_t total = std::accumulate(expected.begin(), expected.end(), std::uint64_t{0});
        for (std::uint32_t queue = 0; queue < kNumQueues; ++queue) {
            XskSender sender(from, from_name, queue);
            const std::uint32_t num_frames = queue + 1; // queues told apart by their figures
            for (std::uint32_t i = 0; i < num_frames; ++i)
                sender.send(frame);
            expected[queue] += num_frames;
            total += num_frames;
            EXPECT_EQ(await_frames(to, to_name, total), expected) << "sent from queue " << queue;
        }
    }
};

TEST_F(QueuesTest, EachQueueArrivesAtItsLikeBothWays)
{
    expect_each_queue_arrives(near_, kNearName, far_, kFarName);
    expect_each_queue_arrives(far_, kFarName, near_, kNearName);
}

TEST_F(QueuesTest, ThereIsNoQueueBehindTheLast)
{
    try {
        const XskSender sender(near_, kNearName, kNumQueues);
        ADD_FAILURE() << "bound to a queue that the pair was not made with";
    } catch (const core::SystemError& error) {
        EXPECT_EQ(error.code().value(), EINVAL);
    }
}

} // namespace
} // namespace pagewire::nic
