// SPDX-License-Identifier: BSD-3-Clause
// Several queues at once: real threads, a real receiver on loopback, and in place of the NIC an
// engine that sends by a socket. Runs under ThreadSanitizer too.
#include "dataplane/queue_threads.hpp"

#include "core/block_digests.hpp"
#include "core/error.hpp"
#include "core/mapping.hpp"
#include "core/receiver.hpp"
#include "core/socket.hpp"
#include "core/source_file.hpp"
#include "core/units.hpp"
#include "dataplane/packet_header.hpp"
#include "tests/support/random_bytes.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/thrown.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace pagewire::kernelpath {
extern const core::Receiver receiver_udp;
}

namespace pagewire::dataplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Sends the UDP payload of each packet to the peer, and is done with it at once.
class LoopbackEngine final : public Engine {
  public:
    explicit LoopbackEngine(const core::TransferJob& job)
        : memory_(core::Mapping::anonymous(job.dataplane.umem_bytes)),
          socket_(core::open_socket(SOCK_DGRAM))
    {
        core::connect_socket(socket_.get(), job.peer.ipv4, job.peer.port);
        done_.reserve(job.dataplane.ring_entries);
    }

    [[nodiscard]] std::span<std::byte> memory() const noexcept override { return memory_.bytes(); }

    [[nodiscard]] unsigned num_segments_max() const noexcept override { return 18; }

    [[nodiscard]] std::size_t submit(std::span<const Descriptor> descriptors) noexcept override
    {
        std::array<iovec, 18> parts{};
        std::size_t num_parts = 0;
        for (const Descriptor& descriptor : descriptors) {
            // The socket makes Ethernet, IP and UDP headers itself.
            const std::uint32_t skip = num_parts == 0 ? kChecksumStart + kUdpBytes : 0;
            parts[num_parts++] = {.iov_base = memory_.data() + descriptor.addr + skip,
                                  .iov_len = descriptor.len - skip};
            done_.push_back(descriptor.addr);
            if (descriptor.more)
                continue;
            msghdr message{};
            message.msg_iov = parts.data();
            message.msg_iovlen = num_parts;
            (void)::sendmsg(socket_.get(), &message, 0);
            num_parts = 0;
        }
        return descriptors.size();
    }

    [[nodiscard]] int kick() noexcept override { return 0; }

    [[nodiscard]] std::size_t reclaim(std::span<std::uint64_t> addrs) noexcept override
    {
        const std::size_t count = std::min(addrs.size(), done_.size());
        std::copy_n(done_.end() - static_cast<std::ptrdiff_t>(count), count, addrs.begin());
        done_.resize(done_.size() - count);
        return count;
    }

    void wait(std::chrono::milliseconds) noexcept override {}

    void describe(core::TransferReport&) const override {}

  private:
    core::Mapping memory_;
    core::UniqueFd socket_;
    std::vector<std::uint64_t> done_;
};

class CountingWatch final : public core::TransferWatch {
  public:
    void begin() override { note("begin"); }

    void sent() override { note("sent"); }

    void acknowledged() override { note("acknowledged"); }

    void check() const override
    {
        if (std::chrono::steady_clock::now() > deadline_)
            throw core::TransferError("the queues stand still");
    }

    std::vector<std::string> events;
    std::vector<std::thread::id> threads;

  private:
    void note(const char* event)
    {
        events.emplace_back(event);
        threads.push_back(std::this_thread::get_id());
    }

    std::chrono::steady_clock::time_point deadline_ =
        std::chrono::steady_clock::now() + std::chrono::seconds(20);
};

/// The end of the thread that asks.
class StopOfThread final : public core::ReceiveStop {
  public:
    explicit StopOfThread(std::stop_token token) : token_(std::move(token)) {}

    bool stop_now() override { return token_.stop_requested(); }

  private:
    std::stop_token token_;
};

class QueueThreads : public ::testing::Test {
  protected:
    void SetUp() override
    {
        if (const auto support = probe_io_uring(); !support)
            GTEST_SKIP() << support.reason();
        const auto content = tests::random_bytes(3 * core::kMiB + 77, 1);
        job_.path = folder_.write("data", content);
        std::string why;
        if (!core::direct_io_alignment(core::open_source_file(job_.path).get(), why))
            GTEST_SKIP() << why;
        job_.range = {.offset = 0, .length = content.size()};
        job_.interface = "lo";
        job_.mtu = 9000;
        job_.local.ipv4 = htonl(INADDR_LOOPBACK);
        job_.peer.ipv4 = htonl(INADDR_LOOPBACK);
        job_.flow = 42;
        job_.dataplane.num_queues = 3;
        job_.dataplane.umem_bytes = core::kMiB;
        job_.dataplane.frame_bytes = 64 * core::kKiB;
        job_.dataplane.disk_depth = 4;
        job_.dataplane.ring_entries = 256;
    }

    /// The transfer with a receiver at the other end; what that one found is in the members.
    core::TransferReport run(const OpenEngine& open_engine)
    {
        core::ReceiveOrder order;
        order.ipv4 = job_.peer.ipv4;
        order.length = job_.range.length;
        order.flow = job_.flow;
        order.num_flows = job_.dataplane.num_queues;
        order.mtu = job_.mtu;
        const auto reception = kernelpath::receiver_udp.open(order);
        job_.peer.port = reception->port();
        core::BlockVerifier verifier(
            core::digest_file(core::open_source_file(job_.path).get(), job_.range, job_.path));
        core::TransferReport report;
        {
            const std::jthread sink([&](const std::stop_token& token) {
                StopOfThread stop(token);
                received_ = reception->run(&verifier, stop);
            });
            report = send_through_queues(job_, watch_, open_engine);
        }
        complete_ = verifier.complete() && verifier.counts().bad == 0;
        return report;
    }

    tests::TempFolder folder_;
    core::TransferJob job_;
    CountingWatch watch_;
    core::ReceiveReport received_;
    bool complete_ = false;
};

TEST_F(QueueThreads, SendOneFileTogether)
{
    const core::TransferReport report = run([](const core::TransferJob& part, std::uint32_t) {
        return std::make_unique<LoopbackEngine>(part);
    });
    EXPECT_TRUE(complete_);
    EXPECT_TRUE(received_.complete);
    EXPECT_EQ(received_.counters.at("datagrams_reordered"), 0U) << "each flow is in order";
    EXPECT_EQ(report.bytes_sent, job_.range.length);
    EXPECT_EQ(report.counters.at("packets"), received_.counters.at("datagrams"));
    ASSERT_EQ(report.queues.size(), 3U);
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < 3; ++i) {
        EXPECT_EQ(report.queues[i].queue, i);
        EXPECT_GT(report.queues[i].elapsed.count(), 0);
        bytes += report.queues[i].bytes_sent;
    }
    EXPECT_EQ(bytes, job_.range.length);
}

TEST_F(QueueThreads, EachQueuesTimeIsItsOwn)
{
    // One packet against sixteen, each queue a hundred a second: the pace alone makes 150 ms of it.
    job_.mtu = 576;
    job_.dataplane.rate.packets_per_s = 300;
    job_.range = {.offset = 4095, .length = std::uint64_t{3} * 4096};
    const core::TransferReport report = run([](const core::TransferJob& part, std::uint32_t) {
        return std::make_unique<LoopbackEngine>(part);
    });
    EXPECT_TRUE(complete_);
    ASSERT_EQ(report.queues.size(), 3U);
    EXPECT_EQ(report.queues[0].packets, 1U);
    EXPECT_LT(report.queues[0].elapsed, report.queues[2].elapsed)
        << "it does not wait for the others";
}

TEST_F(QueueThreads, TheCallersThreadSpeaksForAll)
{
    (void)run([](const core::TransferJob& part, std::uint32_t) {
        return std::make_unique<LoopbackEngine>(part);
    });
    EXPECT_THAT(watch_.events, ElementsAre("begin", "sent", "acknowledged"));
    EXPECT_THAT(watch_.threads, ::testing::Each(std::this_thread::get_id()));
}

TEST_F(QueueThreads, OneFailureEndsAll)
{
    /// Its device is gone.
    class BrokenEngine final : public Engine {
      public:
        explicit BrokenEngine(const core::TransferJob& job) : good_(job) {}

        [[nodiscard]] std::span<std::byte> memory() const noexcept override
        {
            return good_.memory();
        }

        [[nodiscard]] unsigned num_segments_max() const noexcept override { return 18; }

        [[nodiscard]] std::size_t submit(std::span<const Descriptor>) noexcept override
        {
            return 0;
        }

        [[nodiscard]] int kick() noexcept override { return ENXIO; }

        [[nodiscard]] std::size_t reclaim(std::span<std::uint64_t>) noexcept override { return 0; }

        void wait(std::chrono::milliseconds) noexcept override {}

        void describe(core::TransferReport&) const override {}

      private:
        LoopbackEngine good_;
    };

    for (const std::uint32_t broken : {0U, 2U}) {
        const std::string error = tests::thrown<core::SystemError>([&] {
            (void)run(
                [&](const core::TransferJob& part, std::uint32_t index) -> std::unique_ptr<Engine> {
                    if (index == broken)
                        return std::make_unique<BrokenEngine>(part);
                    return std::make_unique<LoopbackEngine>(part);
                });
        });
        EXPECT_THAT(error, HasSubstr("send on lo")) << "the cause, not what followed from it";
    }
}

TEST_F(QueueThreads, WhatCannotBeOpenedFailsBeforeAnyThreadBegins)
{
    EXPECT_THAT(tests::thrown<core::TransferError>([&] {
                    (void)run([](const core::TransferJob& part, std::uint32_t index) {
                        if (index == 1)
                            throw core::TransferError("no such queue");
                        return std::make_unique<LoopbackEngine>(part);
                    });
                }),
                HasSubstr("no such queue"));
    EXPECT_THAT(watch_.events, ::testing::IsEmpty());
}

} // namespace
} // namespace pagewire::dataplane
