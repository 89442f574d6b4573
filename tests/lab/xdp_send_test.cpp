// SPDX-License-Identifier: BSD-3-Clause
// The AF_XDP engine on the veth lab: each layout with each way to a checksum, verified by the
// receiver and by its kernel; and what cannot be done, refused with the reason.
#include "nic/link.hpp"
#include "tests/lab/lab_transfers.hpp"
#include "tests/nic/xsk_sender.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace pagewire::tests {
namespace {

using core::BindMode;
using core::ChecksumMode;
using core::PacketLayout;
using testing::AllOf;
using testing::HasSubstr;

class XdpSend : public LabTransfers {
  protected:
    XdpSend() : LabTransfers(16 * core::kMiB + 5) {}

    void expect_delivered(const testbed::Sample& sample)
    {
        EXPECT_EQ(sample.error, "");
        EXPECT_EQ(sample.sink.blocks.bad, 0U);
        EXPECT_EQ(sample.sink.blocks.missing, 0U);
        EXPECT_EQ(sample.sink.bytes_good, 16 * core::kMiB + 5);
        EXPECT_EQ(sample.sink.report.counters.at("udp_in_csum_errors"), 0U);
        EXPECT_EQ(sample.worker.report.counters.at("tx_invalid_descs"), 0U);
        EXPECT_EQ(sample.worker.report.counters.at("completions_invalid"), 0U);
    }
};

/// On a lab with as many queues as the transfer is to have.
class XdpSendByTwoQueues : public XdpSend {
  protected:
    testbed::Sample transfer_by_two(core::PayloadSource source, bool watched)
    {
        return wide_runner_
            .run({.method = testbed::find_method("af_xdp"),
                  .cache = testbed::CacheState::kCold,
                  .arm = {},
                  .features = {},
                  .source = source},
                 0, watched)
            .value();
    }

  private:
    const testbed::Plan& two_queues()
    {
        plan_.dataplane.num_queues = 2;
        return plan_;
    }

    std::unique_ptr<testbed::Lab> wide_lab_ = testbed::open_veth_lab(two_queues());
    testbed::SinkMemory wide_sink_memory_;
    testbed::TransferRunner wide_runner_{plan_,   *wide_lab_, wide_sink_memory_,
                                         source_, ledger_,    never_interrupted};
};

TEST_F(XdpSend, EveryLayoutWithEveryChecksum)
{
    for (const auto layout : {PacketLayout::kSegments, PacketLayout::kHeadroom}) {
        for (const auto checksum :
             {ChecksumMode::kNone, ChecksumMode::kOffload, ChecksumMode::kSidecar}) {
            SCOPED_TRACE(core::name_of(core::kPacketLayoutNames, layout));
            SCOPED_TRACE(core::name_of(core::kChecksumModeNames, checksum));
            plan_.dataplane.layout = layout;
            plan_.dataplane.checksum = checksum;
            const testbed::Sample sample = transfer("af_xdp");
            expect_delivered(sample);
            const auto& counters = sample.worker.report.counters;
            if (layout == PacketLayout::kHeadroom) {
                EXPECT_EQ(counters.at("descriptors"), counters.at("packets"));
            } else {
                EXPECT_GT(counters.at("descriptors"), counters.at("packets"));
            }
        }
    }
}

TEST_F(XdpSendByTwoQueues, ShareAFileInEveryLayoutWithEveryChecksum)
{
    for (const auto layout : {PacketLayout::kSegments, PacketLayout::kHeadroom}) {
        for (const auto checksum :
             {ChecksumMode::kNone, ChecksumMode::kOffload, ChecksumMode::kSidecar}) {
            SCOPED_TRACE(core::name_of(core::kPacketLayoutNames, layout));
            SCOPED_TRACE(core::name_of(core::kChecksumModeNames, checksum));
            plan_.dataplane.layout = layout;
            plan_.dataplane.checksum = checksum;
            const testbed::Sample sample = transfer_by_two(core::PayloadSource::kDisk, true);
            expect_delivered(sample);
            const auto& queues = sample.worker.report.queues;
            ASSERT_EQ(queues.size(), 2U);
            for (std::uint32_t i = 0; i < 2; ++i) {
                EXPECT_EQ(queues[i].queue, i);
                EXPECT_GE(queues[i].bytes_sent, 8 * core::kMiB);
            }
            EXPECT_EQ(sample.sink.report.counters.at("datagrams_reordered"), 0U);
            EXPECT_EQ(sample.ledger.observed, testbed::ZeroCopy::kCopied)
                << sample.ledger.observed_evidence;
        }
    }
}

TEST_F(XdpSendByTwoQueues, FromMemoryEachSendsTheSame)
{
    const testbed::Sample sample = transfer_by_two(core::PayloadSource::kMemory, false);
    EXPECT_EQ(sample.error, "");
    EXPECT_EQ(sample.sink.bytes_good, 256 * core::kMiB);
}

TEST_F(XdpSend, NobodyTouchesThePayload)
{
    plan_.dataplane.protect_payload = true;
    for (const auto checksum :
         {ChecksumMode::kNone, ChecksumMode::kOffload, ChecksumMode::kSidecar}) {
        plan_.dataplane.checksum = checksum;
        plan_.dataplane.layout = PacketLayout::kSegments;
        const testbed::Sample sample = transfer("af_xdp");
        expect_delivered(sample);
        EXPECT_THAT(sample.worker.report.facts.at("payload"), HasSubstr("PROT_NONE"));
    }
}

/// The receiving kernel checks what stands in the packet: a wrong sum would not get through.
TEST_F(XdpSend, AChecksumOfOtherBytesIsRefusedByTheReceivingKernel)
{
    plan_.dataplane.layout = PacketLayout::kSegments;
    plan_.dataplane.checksum = ChecksumMode::kSidecar;
    plan_.dataplane.fault = "flip@7";
    const testbed::Sample sample = transfer("af_xdp");
    EXPECT_THAT(sample.error, HasSubstr("never reached the sink"));
    EXPECT_EQ(sample.sink.report.counters.at("udp_in_csum_errors"), 1U);
}

TEST_F(XdpSend, CopyModeIsRequestedAndReported)
{
    plan_.dataplane.bind = BindMode::kCopy;
    const testbed::Sample sample = transfer("af_xdp");
    expect_delivered(sample);
    EXPECT_EQ(sample.worker.report.zero_copy_requested, "copy");
    EXPECT_EQ(sample.worker.report.zero_copy_kernel_reported, "copy");
}

TEST_F(XdpSend, BusyPollingDelivers)
{
    plan_.dataplane.busy_poll_us = 20;
    expect_delivered(transfer("af_xdp"));
}

// ---- what cannot be done ----

TEST_F(XdpSend, ZeroCopyOnVethIsRefused)
{
    plan_.dataplane.bind = BindMode::kZerocopy;
    EXPECT_THAT(transfer("af_xdp").error,
                AllOf(HasSubstr("pw-near (veth) has no AF_XDP zero-copy"), HasSubstr("'copy'")));
}

TEST_F(XdpSend, QueueThatIsNotThereIsRefused)
{
    plan_.dataplane.queue = 7;
    EXPECT_THAT(transfer("af_xdp").error,
                HasSubstr("pw-near has 1 transmit queue, counted from 0: there is no queue 7"));
}

TEST_F(XdpSend, QueuesBeyondTheLastAreRefused)
{
    plan_.dataplane.num_queues = 3;
    EXPECT_THAT(transfer("af_xdp").error,
                HasSubstr("pw-near has 1 transmit queue, counted from 0: there is no queue 2"));
}

TEST_F(XdpSend, AQueueThatAnotherSocketHoldsIsRefused)
{
    nic::XskSender holder(lab_->sender_netns(), lab_->link().interface, 0);
    EXPECT_THAT(
        transfer("af_xdp").error,
        AllOf(HasSubstr("pw-near queue 0"), HasSubstr("another AF_XDP socket holds the queue")));
}

TEST_F(XdpSend, MemoryWithoutRoomForFramesIsRefused)
{
    plan_.dataplane.umem_bytes = core::kMiB;
    plan_.dataplane.ring_entries = 8192; // all of it headers
    plan_.dataplane.frame_bytes = 256 * core::kKiB;
    plan_.dataplane.layout = PacketLayout::kSegments;
    EXPECT_THAT(transfer("af_xdp").error,
                HasSubstr("holds fewer than two frames of 256 KiB: use more (umem)"));
}

TEST_F(XdpSend, DeviceDownIsRefused)
{
    nic::set_link_down(lab_->sender_netns(), lab_->link().interface);
    EXPECT_THAT(transfer("af_xdp").error, HasSubstr("pw-near is down: ip link set pw-near up"));
}

TEST_F(XdpSend, DeviceRemovedInMidRunIsAFailure)
{
    plan_.dataplane.rate.gbps = 0.05; // some seconds
    plan_.time_limit = std::chrono::seconds(10);
    std::thread remover([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(700));
        nic::delete_link(lab_->sender_netns(), lab_->link().interface);
    });
    std::string error;
    try {
        error = transfer("af_xdp").error;
    } catch (const std::exception& lost) { // the lab itself is gone
        error = lost.what();
    }
    remover.join();
    EXPECT_NE(error, "");
}

} // namespace
} // namespace pagewire::tests
