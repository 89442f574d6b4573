// SPDX-License-Identifier: BSD-3-Clause
// The DPDK engine on ports that need no other end: net_ring, from whose ring the packets are taken
// as a driver would find them, and net_null, which frees them at once. EAL starts once in a
// process.
#include "core/error.hpp"
#include "core/units.hpp"
#include "dataplane/dpdk/eal.hpp"
#include "dataplane/dpdk/engine.hpp"
#include "dataplane/dpdk/vhost_device.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rte_mbuf.h>
#include <rte_memory.h>
#include <rte_ring.h>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

namespace pagewire::dataplane {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

constexpr std::uint32_t kRingEntries = 512;
constexpr std::uint64_t kMemoryBytes = 4 * core::kMiB;

core::TransferJob job_of(std::uint32_t num_queues, core::ChecksumMode checksum)
{
    core::TransferJob job;
    job.mtu = 9000;
    job.dataplane.num_queues = num_queues;
    job.dataplane.umem_bytes = kMemoryBytes;
    job.dataplane.frame_bytes = 256 * core::kKiB;
    job.dataplane.ring_entries = kRingEntries;
    job.dataplane.checksum = checksum;
    return job;
}

/// A software NIC in a process of its own that takes nothing from its rings: EAL starts once in a
/// process, and so before this one's.
class IdleNic {
  public:
    IdleNic()
    {
        std::array<int, 2> pipe{};
        core::checked(::pipe(pipe.data()), "pipe");
        child_ = core::checked(::fork(), "fork");
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const dpdk::VhostDevice device;
            (void)::write(pipe[1], device.path().data(), device.path().size());
            ::close(pipe[1]);
            for (;;)
                ::pause();
        }
        ::close(pipe[1]);
        std::array<char, 256> path{};
        const ssize_t count = ::read(pipe[0], path.data(), path.size());
        path_.assign(path.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        ::close(pipe[0]);
    }

    IdleNic(const IdleNic&) = delete;
    IdleNic& operator=(const IdleNic&) = delete;

    ~IdleNic() { kill(); }

    void kill()
    {
        if (child_ <= 0)
            return;
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
        child_ = -1;
    }

    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    pid_t child_ = -1;
    std::string path_;
};

class DpdkEngine : public testing::Test {
  protected:
    static void SetUpTestSuite()
    {
        ::signal(SIGPIPE, SIG_IGN); // as a worker does
        static IdleNic nic;
        idle_nic = &nic;
        dpdk::Eal::start({.memory_bytes = 128 * core::kMiB,
                          .may_use_hugepages = false,
                          .pci = {},
                          .drivers = {"net_ring", "net_null", "net_virtio", "mempool_ring"}});
    }

    void open(const char* port, std::uint32_t num_queues = 1,
              core::ChecksumMode checksum = core::ChecksumMode::kNone)
    {
        auto shared = std::make_shared<dpdk::SharedPort>(job_of(num_queues, checksum),
                                                         dpdk::PortName::parse(port));
        for (std::uint32_t queue = 0; queue < num_queues; ++queue)
            engines_.push_back(dpdk::SharedPort::open_queue(shared, queue));
    }

    [[nodiscard]] Engine& engine(std::size_t queue = 0) { return *engines_[queue]; }

    /// All that has come back.
    std::vector<std::uint64_t> reclaimed(std::size_t queue = 0)
    {
        std::vector<std::uint64_t> all;
        std::array<std::uint64_t, 100> some{};
        while (const std::size_t count = engine(queue).reclaim(some))
            all.insert(all.end(), some.begin(), some.begin() + count);
        return all;
    }

    [[nodiscard]] std::uint64_t num_out(std::size_t queue = 0)
    {
        core::TransferReport report;
        engine(queue).describe(report);
        return report.counters.at("buffers_out");
    }

    inline static IdleNic* idle_nic = nullptr;
    std::vector<std::unique_ptr<Engine>> engines_;
};

/// What a net_ring port sends lies in a ring of its name.
class DpdkEngineOnRing : public DpdkEngine {
  protected:
    static rte_mbuf* next_packet(const char* queue = "ETH_RXTX0_net_ring0")
    {
        void* packet = nullptr;
        return rte_ring_dequeue(rte_ring_lookup(queue), &packet) == 0
                   ? static_cast<rte_mbuf*>(packet)
                   : nullptr;
    }
};

TEST_F(DpdkEngineOnRing, APacketIsAChainOfAddressesInItsMemory)
{
    open("net_ring0");
    const std::vector<Descriptor> packet{{.addr = 64, .len = 66, .more = true},
                                         {.addr = 8192, .len = 4096, .more = true},
                                         {.addr = 12288, .len = 838, .more = false}};
    std::memset(engine().memory().data() + 8192, 'p', 4096);
    ASSERT_EQ(engine().submit(packet), 3U);
    EXPECT_EQ(num_out(), 3U);

    rte_mbuf* sent = next_packet();
    ASSERT_NE(sent, nullptr);
    EXPECT_EQ(sent->nb_segs, 3U);
    EXPECT_EQ(sent->pkt_len, 66U + 4096U + 838U);
    rte_mbuf* segment = sent;
    for (const Descriptor& descriptor : packet) {
        ASSERT_NE(segment, nullptr);
        const std::byte* octets = rte_pktmbuf_mtod(segment, const std::byte*);
        EXPECT_EQ(octets, engine().memory().data() + descriptor.addr); // no copy
        EXPECT_EQ(segment->data_len, descriptor.len);
        EXPECT_TRUE(RTE_MBUF_HAS_EXTBUF(segment));
        EXPECT_EQ(rte_mbuf_iova_get(segment), rte_mem_virt2iova(octets));
        segment = segment->next;
    }
    EXPECT_EQ(segment, nullptr);
    EXPECT_EQ(*rte_pktmbuf_mtod(sent->next, const char*), 'p');
    EXPECT_EQ(sent->ol_flags & RTE_MBUF_F_TX_L4_MASK, 0U);

    EXPECT_THAT(reclaimed(), ElementsAre()); // it is the driver's
    rte_pktmbuf_free(sent);
    EXPECT_THAT(reclaimed(), UnorderedElementsAre(64, 8192, 12288));
    EXPECT_EQ(num_out(), 0U);
}

TEST_F(DpdkEngineOnRing, ASegmentComesBackWhenItsLastOwnerLetsGo)
{
    open("net_ring0");
    ASSERT_EQ(engine().submit(std::array{Descriptor{.addr = 0, .len = 100, .more = false}}), 1U);
    rte_mbuf* sent = next_packet();
    rte_mbuf_refcnt_update(sent, 1); // a driver that sends again, a capture
    rte_pktmbuf_free(sent);
    EXPECT_THAT(reclaimed(), ElementsAre());
    rte_pktmbuf_free(sent);
    EXPECT_THAT(reclaimed(), ElementsAre(0));
}

TEST_F(DpdkEngineOnRing, AFullRingTakesNoMoreAndLosesNothing)
{
    open("net_ring0");
    std::vector<Descriptor> packets;
    for (std::uint64_t i = 0; i < 2000; ++i)
        packets.push_back({.addr = i * 1024, .len = 1000, .more = false});
    const std::size_t taken = engine().submit(packets);
    EXPECT_GE(taken, 1000U); // net_ring's own ring has 1024
    EXPECT_LT(taken, 2000U);
    EXPECT_EQ(engine().submit(std::span(packets).subspan(taken)), 0U);
    std::size_t found = 0;
    for (;;) {
        while (rte_mbuf* sent = next_packet()) {
            EXPECT_EQ(rte_pktmbuf_mtod(sent, const std::byte*),
                      engine().memory().data() + packets[found].addr);
            ++found;
            rte_pktmbuf_free(sent);
        }
        if (found == taken)
            break;
        ASSERT_EQ(engine().kick(), 0); // sends what it had taken and found no room for
    }
    EXPECT_EQ(reclaimed().size(), taken);
    EXPECT_EQ(num_out(), 0U);
}

TEST_F(DpdkEngineOnRing, APacketIsNeverSplit)
{
    open("net_ring0");
    std::vector<Descriptor> packets;
    for (std::uint64_t i = 0; i < 4000; ++i)
        packets.push_back({.addr = i * 1024, .len = 1000, .more = i % 4 != 3});
    const std::size_t taken = engine().submit(packets);
    EXPECT_GT(taken, 0U);
    EXPECT_EQ(taken % 4, 0U);
    while (rte_mbuf* sent = next_packet()) {
        EXPECT_EQ(sent->nb_segs, 4U);
        rte_pktmbuf_free(sent);
    }
}

TEST_F(DpdkEngineOnRing, ThePortMakesTheChecksumOnlyWhereItIsAsked)
{
    try {
        open("net_ring0", 1, core::ChecksumMode::kOffload);
        ADD_FAILURE() << "net_ring makes no checksums";
    } catch (const core::TransferError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("makes no UDP checksums"));
    }
    open("net_ring0"); // and the name is free again
}

TEST_F(DpdkEngine, WhatADriverDropsComesBackAtOnce)
{
    open("net_null0");
    std::vector<Descriptor> packets;
    for (std::uint64_t i = 0; i < 4096; ++i)
        packets.push_back({.addr = i * 1024, .len = 1000, .more = i % 2 == 0});
    std::vector<std::uint64_t> returned;
    std::size_t taken = 0;
    for (int round = 0; round < 10000 && taken < packets.size(); ++round) {
        taken += engine().submit(std::span(packets).subspan(taken));
        // As the pipeline: it takes back after a submit, which may have freed more than once what
        // the mbufs hold.
        const auto some = reclaimed();
        returned.insert(returned.end(), some.begin(), some.end());
    }
    ASSERT_EQ(taken, packets.size());
    ASSERT_EQ(returned.size(), packets.size());
    std::sort(returned.begin(), returned.end());
    for (std::uint64_t i = 0; i < packets.size(); ++i)
        ASSERT_EQ(returned[i], i * 1024);
    EXPECT_EQ(num_out(), 0U);
}

TEST_F(DpdkEngine, APeerThatDiesIsNoticedByWhoWaitsForRoom)
{
    open(fmt::format("net_virtio_user0,path={},queue_size={}", idle_nic->path(), kRingEntries)
             .c_str());
    std::uint64_t addr = 0;
    const auto submit_one = [&] {
        const std::array packet{Descriptor{.addr = addr, .len = 1000, .more = false}};
        addr += 1024;
        return engine().submit(packet);
    };
    while (submit_one() == 1) { // nobody takes from the ring
    }
    EXPECT_GE(num_out(), kRingEntries / 2);
    EXPECT_EQ(engine().kick(), 0);
    idle_nic->kill();
    // As the pipeline: it waits, and asks once in between.
    int lost = 0;
    for (int turn = 0; turn < 500 && lost == 0; ++turn) {
        engine().wait(std::chrono::milliseconds(1));
        lost = engine().kick();
    }
    EXPECT_EQ(lost, ENOTCONN);
    engines_.clear();  // the port closes over what is out
    open("net_null0"); // and the next one sends
    ASSERT_EQ(engine().submit(std::array{Descriptor{.addr = 0, .len = 60, .more = false}}), 1U);
    EXPECT_THAT(reclaimed(), ElementsAre(0));
}

TEST_F(DpdkEngine, EachQueueHasARegionOfItsOwn)
{
    open("net_null0", 2);
    const auto first = engine(0).memory();
    const auto second = engine(1).memory();
    EXPECT_EQ(first.size(), kMemoryBytes);
    EXPECT_EQ(second.data(), first.data() + first.size());
    ASSERT_EQ(engine(1).submit(std::array{Descriptor{.addr = 4096, .len = 60, .more = false}}), 1U);
    EXPECT_THAT(reclaimed(1), ElementsAre(4096));
    EXPECT_THAT(reclaimed(0), ElementsAre());
}

TEST_F(DpdkEngine, ItsMemoryLiesOnHugepagesWhereTheKernelCollapsesThem)
{
    open("net_null0");
    core::TransferReport report;
    engine().describe(report);
    EXPECT_THAT(report.facts.at("memory"), testing::HasSubstr("4 MiB of 4 MiB on transparent"));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(engine().memory().data()) % (2 * core::kMiB), 0U);
}

} // namespace
} // namespace pagewire::dataplane
