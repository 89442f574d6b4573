// SPDX-License-Identifier: BSD-3-Clause
#include "core/flow_group.hpp"

#include "core/socket.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <vector>

namespace pagewire::core {
namespace {

using Kind = FlowHeader::Kind;
using Taken = FlowReception::Taken;
using ::testing::ElementsAre;

constexpr std::uint32_t kFirst = 0xFFFFFFFF; // the second flow's number wraps

/// A receiver of two flows, and the socket of each sender.
class Group : public ::testing::Test {
  protected:
    Group()
    {
        for (const UniqueFd* socket : {&here_, &senders_[0], &senders_[1]})
            bind_socket(socket->get(), htonl(INADDR_LOOPBACK), 0);
    }

    Taken data(std::uint32_t flow, std::uint64_t sequence)
    {
        return group_.take(
            FlowHeader{
                .flow = kFirst + flow, .length = 10, .kind = Kind::kData, .sequence = sequence},
            nullptr);
    }

    Taken control(std::uint32_t flow, Kind kind, std::uint64_t sequence)
    {
        sockaddr_in sender{};
        sender.sin_family = AF_INET;
        sender.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sender.sin_port = htons(local_address(senders_[flow].get()).port);
        return group_.take(FlowHeader{.flow = kFirst + flow, .kind = kind, .sequence = sequence},
                           &sender);
    }

    /// What one sender was told since the last call.
    std::vector<FlowHeader> answers(std::uint32_t flow)
    {
        std::vector<FlowHeader> result;
        std::array<std::byte, kFlowHeaderBytes> octets{};
        while (::recv(senders_[flow].get(), octets.data(), octets.size(), MSG_DONTWAIT) > 0)
            result.push_back(decode_flow_header(octets).value());
        return result;
    }

    UniqueFd here_ = open_socket(SOCK_DGRAM);
    std::array<UniqueFd, 2> senders_{open_socket(SOCK_DGRAM), open_socket(SOCK_DGRAM)};
    FlowGroup group_{
        ReceiveOrder{.length = 1000, .flow = kFirst, .num_flows = 2, .mtu = 1500, .interface = {}},
        here_.get(), 16};
};

TEST_F(Group, EachSenderHasCreditOfItsOwn)
{
    EXPECT_EQ(control(0, Kind::kProbe, 0), Taken::kControl);
    EXPECT_EQ(control(1, Kind::kProbe, 5), Taken::kControl);
    EXPECT_THAT(answers(0),
                ElementsAre(FlowHeader{.flow = kFirst, .kind = Kind::kCredit, .sequence = 8}));
    EXPECT_THAT(answers(1),
                ElementsAre(FlowHeader{.flow = kFirst + 1, .kind = Kind::kCredit, .sequence = 13}));
}

TEST_F(Group, TheSameNumberOfTwoFlowsIsTwoDatagrams)
{
    EXPECT_EQ(data(0, 0), Taken::kData);
    EXPECT_EQ(data(1, 0), Taken::kData);
    EXPECT_EQ(data(2, 0), Taken::kForeign) << "no flow of this stream";
    const ReceiveReport report = group_.report();
    EXPECT_EQ(report.bytes_received, 20U);
    EXPECT_EQ(report.counters.at("datagrams"), 2U);
    EXPECT_EQ(report.counters.at("datagrams_duplicate"), 0U);
    EXPECT_EQ(report.counters.at("datagrams_foreign"), 1U);
    EXPECT_EQ(report.counters.at("credit_window"), 16U);
}

TEST_F(Group, IsCompleteWhenAllFlowsAre)
{
    (void)data(0, 0);
    (void)control(0, Kind::kFinish, 1);
    group_.end_batch(true);
    EXPECT_FALSE(group_.report().complete);
    EXPECT_EQ(answers(0).size(), 1U) << "its sender need not wait for the other";
    (void)data(1, 0);
    (void)control(1, Kind::kFinish, 1);
    group_.end_batch(true);
    EXPECT_TRUE(group_.report().complete);
    EXPECT_EQ(answers(1).size(), 1U);
}

} // namespace
} // namespace pagewire::core
