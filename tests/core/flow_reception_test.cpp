// SPDX-License-Identifier: BSD-3-Clause
#include "core/flow_reception.hpp"

#include "core/socket.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <thread>
#include <vector>

namespace pagewire::core {
namespace {

using Kind = FlowHeader::Kind;
using Taken = FlowReception::Taken;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint32_t kFlow = 7;
constexpr std::uint64_t kWindow = 8;

/// A receiver and a sender's socket, which gets the answers.
class Reception : public ::testing::Test {
  protected:
    Reception()
    {
        for (const UniqueFd* socket : {&here_, &there_})
            bind_socket(socket->get(), htonl(INADDR_LOOPBACK), 0);
        sender_.sin_family = AF_INET;
        sender_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sender_.sin_port = htons(local_address(there_.get()).port);
    }

    Taken data(std::uint64_t sequence)
    {
        return reception_.take(FlowHeader{.flow = kFlow,
                                          .length = 10,
                                          .kind = Kind::kData,
                                          .sequence = sequence,
                                          .offset = sequence * 10},
                               nullptr);
    }

    Taken control(Kind kind, std::uint64_t sequence, std::uint32_t flow = kFlow)
    {
        return reception_.take(FlowHeader{.flow = flow, .kind = kind, .sequence = sequence},
                               &sender_);
    }

    /// What the sender was told since the last call.
    std::vector<FlowHeader> answers()
    {
        std::vector<FlowHeader> result;
        std::array<std::byte, kFlowHeaderBytes> octets{};
        while (::recv(there_.get(), octets.data(), octets.size(), MSG_DONTWAIT) > 0)
            result.push_back(decode_flow_header(octets).value());
        return result;
    }

    static FlowHeader credit(std::uint64_t limit)
    {
        return {.flow = kFlow, .kind = Kind::kCredit, .sequence = limit};
    }

    UniqueFd here_ = open_socket(SOCK_DGRAM);
    UniqueFd there_ = open_socket(SOCK_DGRAM);
    sockaddr_in sender_{};
    FlowReception reception_{
        {.ipv4 = 0, .port = 0, .length = 1000, .flow = kFlow, .mtu = 1500, .interface = {}},
        here_.get(),
        kWindow};
};

TEST_F(Reception, AProbeIsGrantedAWindowFromWhereTheSenderIs)
{
    EXPECT_EQ(control(Kind::kProbe, 0), Taken::kControl);
    EXPECT_EQ(control(Kind::kProbe, 5), Taken::kControl);
    EXPECT_THAT(answers(), ElementsAre(credit(kWindow), credit(5 + kWindow)));
}

TEST_F(Reception, CreditIsRenewedWithEachHalfOfTheWindow)
{
    (void)control(Kind::kProbe, 0);
    (void)answers();
    for (std::uint64_t sequence = 0; sequence < 9; ++sequence) {
        EXPECT_EQ(data(sequence), Taken::kData);
        reception_.end_batch(true);
    }
    EXPECT_THAT(answers(), ElementsAre(credit(kWindow + 4), credit(kWindow + 8)));
}

TEST_F(Reception, WithoutAProbeNothingIsGranted)
{
    for (std::uint64_t sequence = 0; sequence < 20; ++sequence)
        (void)data(sequence);
    reception_.end_batch(true);
    EXPECT_THAT(answers(), IsEmpty());
}

TEST_F(Reception, TheEndIsToldAtOnceWhenAllIsHere)
{
    (void)data(1);
    (void)data(0);
    (void)data(0);
    EXPECT_EQ(control(Kind::kFinish, 2), Taken::kControl);
    reception_.end_batch(true);
    EXPECT_THAT(answers(),
                ElementsAre(FlowHeader{.flow = kFlow, .kind = Kind::kDone, .sequence = 2}));
    const ReceiveReport report = reception_.report();
    EXPECT_TRUE(report.complete);
    EXPECT_EQ(report.bytes_received, 20U);
    EXPECT_EQ(report.counters.at("datagrams"), 2U);
    EXPECT_EQ(report.counters.at("datagrams_duplicate"), 1U);
    EXPECT_EQ(report.counters.at("datagrams_reordered"), 1U);
    EXPECT_EQ(report.counters.at("datagrams_lost"), 0U);
    EXPECT_EQ(report.counters.at("credit_window"), kWindow);

    (void)control(Kind::kFinish, 2); // the answer was lost
    EXPECT_EQ(answers().size(), 1U);
}

TEST_F(Reception, ALossIsWaitedForAndThenCounted)
{
    (void)data(0);
    (void)control(Kind::kFinish, 3);
    reception_.end_batch(true);
    EXPECT_THAT(answers(), IsEmpty()) << "the missing two may still come";
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    reception_.end_batch(false);
    const auto told = answers();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].kind, Kind::kDone);
    EXPECT_EQ(told[0].sequence, 1U);
    EXPECT_GE(told[0].offset, 50'000'000U) << "nanoseconds of the quiet wait";
    EXPECT_EQ(reception_.report().counters.at("datagrams_lost"), 2U);
}

TEST_F(Reception, WhatIsNotOfTheFlowIsForeign)
{
    EXPECT_EQ(reception_.take(std::nullopt, &sender_), Taken::kForeign);
    EXPECT_EQ(control(Kind::kProbe, 0, kFlow + 1), Taken::kForeign);
    EXPECT_EQ(control(Kind::kCredit, 0), Taken::kForeign);
    EXPECT_EQ(control(Kind::kDone, 0), Taken::kForeign);
    EXPECT_EQ(data(1000), Taken::kForeign) << "a stream of 1000 octets has no datagram 1000";
    // From where no answer could go: nobody to grant to.
    EXPECT_EQ(reception_.take(FlowHeader{.flow = kFlow, .kind = Kind::kProbe}, nullptr),
              Taken::kForeign);
    EXPECT_EQ(reception_.report().counters.at("datagrams_foreign"), 6U);
    EXPECT_THAT(answers(), IsEmpty());
}

} // namespace
} // namespace pagewire::core
