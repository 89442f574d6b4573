// SPDX-License-Identifier: BSD-3-Clause
// The DPDK engine on the veth lab: over virtio-user to the software NIC, over ports that copy, and
// what cannot be done, refused with the reason.
#include "tests/lab/lab_transfers.hpp"
#include "tests/support/processes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <set>
#include <thread>

namespace pagewire::tests {
namespace {

using core::ChecksumMode;
using core::PacketLayout;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

void expect_delivered(const testbed::Sample& sample, std::uint64_t bytes)
{
    EXPECT_EQ(sample.error, "");
    EXPECT_EQ(sample.sink.blocks.bad, 0U);
    EXPECT_EQ(sample.sink.blocks.missing, 0U);
    EXPECT_EQ(sample.sink.bytes_good, bytes);
    ASSERT_TRUE(sample.worker.report.counters.contains("buffers_out"));
    EXPECT_EQ(sample.worker.report.counters.at("buffers_out"), 0U);
    EXPECT_EQ(sample.worker.report.counters.at("completions_invalid"), 0U);
}

/// Where DPDK and vhost programs leave files behind.
std::set<std::string> files_of_dpdk()
{
    std::set<std::string> found;
    for (const char* folder : {"/var/run/dpdk", "/dev/hugepages", "/dev/shm", "/tmp", "/run"}) {
        if (!std::filesystem::is_directory(folder))
            continue;
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            const std::string name = entry.path().filename();
            for (const char* word : {"rte", "dpdk", "vhost", "pagewire-", "map_"}) {
                if (name.find(word) != std::string::npos)
                    found.insert(entry.path());
            }
        }
    }
    return found;
}

class DpdkSizes : public LabTransfers, public testing::WithParamInterface<std::uint64_t> {
  protected:
    DpdkSizes() : LabTransfers(GetParam()) {}
};

TEST_P(DpdkSizes, TheSoftwareNicFetchesWhereTheDiskWrote)
{
    const testbed::Sample sample = transfer("dpdk");
    expect_delivered(sample, GetParam());
    const auto& seen = sample.sink.report.counters;
    EXPECT_EQ(seen.at("nic_payload_in_disk_memory"), GetParam());
    EXPECT_EQ(seen.at("nic_payload_elsewhere"), 0U);
    EXPECT_EQ(seen.at("nic_chains_malformed"), 0U);
    EXPECT_EQ(seen.at("packets_refused"), 0U);
    // A header and a slice at least; at an MTU of 9000 two pages at most, perhaps cut once more.
    EXPECT_EQ(seen.at("nic_descriptors"), sample.worker.report.counters.at("descriptors"));
    EXPECT_GE(seen.at("nic_descriptors_min"), 2U);
    EXPECT_LE(seen.at("nic_descriptors_max"), 4U);
    EXPECT_EQ(sample.ledger.observed, testbed::ZeroCopy::kZeroCopy)
        << sample.ledger.observed_evidence;
    EXPECT_THAT(sample.ledger.dma_nic_per_byte.evidence, HasSubstr("emulated"));
    EXPECT_GT(sample.ledger.dma_nic_per_byte.value.value(), 1.0);
}

INSTANTIATE_TEST_SUITE_P(Bytes, DpdkSizes, testing::Values(1, 4097, 64 * core::kMiB + 1),
                         [](const auto& param) { return std::to_string(param.param); });

class Dpdk : public LabTransfers {
  protected:
    static constexpr std::uint64_t kBytes = 4 * core::kMiB + 5;

    Dpdk() : LabTransfers(kBytes) {}
};

TEST_F(Dpdk, HeadroomIsOneDescriptorAPacket)
{
    plan_.dataplane.layout = PacketLayout::kHeadroom;
    const testbed::Sample sample = transfer("dpdk");
    expect_delivered(sample, kBytes);
    EXPECT_EQ(sample.sink.report.counters.at("nic_descriptors_max"), 1U);
    EXPECT_EQ(sample.ledger.observed, testbed::ZeroCopy::kZeroCopy);
}

TEST_F(Dpdk, NobodyInTheSenderTouchesThePayload)
{
    plan_.dataplane.protect_payload = true;
    const testbed::Sample sample = transfer("dpdk");
    expect_delivered(sample, kBytes);
    EXPECT_THAT(sample.worker.report.facts.at("payload"), HasSubstr("PROT_NONE"));
}

TEST_F(Dpdk, FromMemory)
{
    plan_.dataplane.umem_bytes = 2 * core::kMiB; // less than the file
    const testbed::Sample sample = transfer({.method = testbed::find_method("dpdk"),
                                             .cache = testbed::CacheState::kCold,
                                             .arm = {},
                                             .features = {},
                                             .source = core::PayloadSource::kMemory});
    expect_delivered(sample, 256 * core::kMiB);
}

TEST_F(Dpdk, TheSoftwareNicJudgesChecksums)
{
    plan_.dataplane.checksum = ChecksumMode::kSidecar;
    const testbed::Sample good = transfer("dpdk");
    expect_delivered(good, kBytes);
    EXPECT_EQ(good.sink.report.counters.at("packets_checksum_bad"), 0U);

    plan_.dataplane.fault = "flip@7";
    const testbed::Sample spoilt = transfer("dpdk");
    EXPECT_THAT(spoilt.error, HasSubstr("never reached the sink"));
    EXPECT_EQ(spoilt.sink.report.counters.at("packets_checksum_bad"), 1U);
}

TEST_F(Dpdk, LeavesChecksumsToTheSoftwareNic)
{
    plan_.dataplane.checksum = ChecksumMode::kOffload;
    for (const PacketLayout layout : {PacketLayout::kSegments, PacketLayout::kHeadroom}) {
        plan_.dataplane.layout = layout;
        const testbed::Sample sample = transfer("dpdk");
        expect_delivered(sample, kBytes);
        const auto& seen = sample.sink.report.counters;
        EXPECT_EQ(seen.at("packets_checksum_bad"), 0U);
        EXPECT_EQ(seen.at("nic_checksums_made"), sample.worker.report.counters.at("packets"));
    }
}

TEST_F(Dpdk, EachQueueIsARingOfTheSoftwareNics)
{
    plan_.dataplane.num_queues = 3;
    const testbed::Sample sample = transfer("dpdk");
    expect_delivered(sample, kBytes);
    EXPECT_EQ(sample.sink.report.counters.at("nic_payload_in_disk_memory"), kBytes);
    EXPECT_EQ(sample.sink.report.counters.at("nic_payload_elsewhere"), 0U);
    const auto& queues = sample.worker.report.queues;
    ASSERT_EQ(queues.size(), 3U);
    std::uint64_t sent = 0;
    for (const core::QueueReport& queue : queues) {
        EXPECT_GT(queue.bytes_sent, kBytes / 4);
        sent += queue.bytes_sent;
    }
    EXPECT_EQ(sent, kBytes);
}

TEST_F(Dpdk, EachQueueIsASocketOfAPortThatCopies)
{
    plan_.dataplane.dpdk_port = "net_af_packet0";
    plan_.dataplane.num_queues = 2;
    const testbed::Sample sample = transfer("dpdk");
    expect_delivered(sample, kBytes);
    EXPECT_EQ(sample.worker.report.queues.size(), 2U);
}

TEST_F(Dpdk, APortWithoutSoManyQueuesSaysHowManyItHas)
{
    plan_.dataplane.dpdk_port = "net_af_packet0,qpairs=1";
    plan_.dataplane.num_queues = 2;
    EXPECT_EQ(transfer("dpdk").error, "net_af_packet0 has 1 TX queues, not 2");
}

TEST_F(Dpdk, APortThatMakesNoChecksumsIsNotAskedForThem)
{
    plan_.dataplane.dpdk_port = "net_af_packet0";
    plan_.dataplane.checksum = ChecksumMode::kOffload;
    EXPECT_THAT(transfer("dpdk").error,
                AllOf(HasSubstr("makes no UDP checksums"), HasSubstr("'sidecar'")));
}

TEST_F(Dpdk, ADriverThatCopiesIsShownAsCopying)
{
    plan_.dataplane.dpdk_port = "net_af_packet0"; // the lab's interface
    const testbed::Sample sample = transfer({.method = testbed::find_method("dpdk"),
                                             .cache = testbed::CacheState::kCold,
                                             .arm = {},
                                             .features = {},
                                             .source = core::PayloadSource::kDisk},
                                            true);
    expect_delivered(sample, kBytes);
    EXPECT_EQ(sample.worker.report.zero_copy_kernel_reported, "copy");
    EXPECT_EQ(sample.ledger.observed, testbed::ZeroCopy::kCopied)
        << sample.ledger.observed_evidence;
    EXPECT_THAT(sample.ledger.observed_evidence, HasSubstr("packet socket"));
    EXPECT_NEAR(sample.ledger.cpu_copies_per_byte.value.value_or(0), 1.0, 0.02);
    EXPECT_FALSE(sample.sink.report.counters.contains("nic_descriptors"));
}

TEST_F(Dpdk, AProtectedPayloadIsNotForADriverThatCopies)
{
    plan_.dataplane.dpdk_port = "net_af_packet0";
    plan_.dataplane.protect_payload = true;
    EXPECT_THAT(transfer("dpdk").error, HasSubstr("copies the payload"));
}

TEST_F(Dpdk, APortWithoutSegmentsWantsTheOtherLayout)
{
    plan_.dataplane.dpdk_port = "net_pcap0,iface=pw-near";
    EXPECT_THAT(transfer("dpdk").error, HasSubstr("use the layout 'headroom'"));
    plan_.dataplane.layout = PacketLayout::kHeadroom;
    const testbed::Sample sample = transfer("dpdk");
    expect_delivered(sample, kBytes);
    EXPECT_EQ(sample.worker.report.zero_copy_kernel_reported, "copy");
}

TEST_F(Dpdk, UnknownPortsAreRefusedInDpdksWords)
{
    const auto error_of = [this](const char* port) {
        plan_.dataplane.dpdk_port = port;
        return transfer("dpdk").error;
    };
    EXPECT_THAT(error_of("eth0"), HasSubstr("\"eth0\" is no port: write a PCI address"));
    EXPECT_THAT(error_of("net_nonsense0"),
                AllOf(HasSubstr("librte_net_nonsense.so."), HasSubstr("cannot open")));
    EXPECT_THAT(
        error_of("net_af_packet0,iface=nowhere"),
        AllOf(HasSubstr("net_af_packet0: "), HasSubstr("No such device"), Not(HasSubstr("\n"))));
    EXPECT_THAT(error_of("0000:ff:1f.7"), HasSubstr("0000:ff:1f.7: "));
}

TEST_F(Dpdk, ASinkKilledInMidRunFailsTheRowAndTheRunGoesOn)
{
    plan_.dataplane.rate.gbps = 0.05; // most of a second
    plan_.time_limit = std::chrono::seconds(30);
    std::thread killer([] {
        std::this_thread::sleep_for(std::chrono::milliseconds(900));
        for (const Process& child : children_of(::getpid())) {
            if (child.command == "sink")
                ::kill(child.pid, SIGKILL);
        }
    });
    const testbed::Sample sample = transfer("dpdk");
    killer.join();
    EXPECT_THAT(sample.error, HasSubstr("the sink"));
    EXPECT_THAT(sample.worker.error, AllOf(Not(""), Not(HasSubstr("time limit"))));

    plan_.dataplane.rate = {};
    expect_delivered(transfer("dpdk"), kBytes);
}

TEST_F(Dpdk, LeavesNothingBehind)
{
    const auto before = files_of_dpdk();
    expect_delivered(transfer("dpdk"), kBytes);
    EXPECT_EQ(files_of_dpdk(), before); // the sink still runs
    for (const Process& child : children_of(::getpid()))
        ::kill(child.pid, SIGKILL);
    EXPECT_NE(transfer("dpdk").error, ""); // which is when the lab notices
    EXPECT_EQ(files_of_dpdk(), before);
    expect_delivered(transfer("dpdk"), kBytes);
}

} // namespace
} // namespace pagewire::tests
