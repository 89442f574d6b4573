// SPDX-License-Identifier: BSD-3-Clause
// The kernel's UDP methods over the loopback device: which datagrams come, and what the senders
// make of credit, losses, refusals and a receiver that goes. sendmmsg(2) is this program's own, so
// that it can refuse.
#include "core/units.hpp"
#include "kernelpath/datagram_cut.hpp"
#include "testbed/registry.hpp"
#include "tests/kernelpath/datagram_sink.hpp"
#include "tests/support/source_file.hpp"
#include "tests/support/thrown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>
#include <chrono>
#include <deque>
#include <fstream>

namespace {

/// What the next calls of sendmmsg(2) do instead of sending; then they send.
struct Refusal {
    int error = 0;
    bool only_segmented = false; ///< messages with ancillary data, and from now on
};

std::deque<Refusal> refusals;
bool one_message_a_call = false;
unsigned num_segmented_calls = 0;

} // namespace

extern "C" int sendmmsg(int socket, mmsghdr* messages, unsigned num, int flags)
{
    const bool segmented = num > 0 && messages[0].msg_hdr.msg_control != nullptr;
    num_segmented_calls += segmented ? 1 : 0;
    if (!refusals.empty() && (segmented || !refusals.front().only_segmented)) {
        errno = refusals.front().error;
        if (!refusals.front().only_segmented)
            refusals.pop_front();
        return -1;
    }
    return static_cast<int>(::syscall(SYS_sendmmsg, socket, messages,
                                      one_message_a_call ? std::min(num, 1U) : num, flags));
}

namespace pagewire::kernelpath {
namespace {

using testing::HasSubstr;
using tests::DatagramSink;
using tests::thrown;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kFileBytes = 300'000;
constexpr std::uint32_t kFlow = 77;

class Watch final : public core::TransferWatch {
  public:
    void begin() override {}

    void sent() override {}

    void acknowledged() override { acknowledged_ = true; }

    void check() const override
    {
        if (Clock::now() > deadline_)
            throw core::TransferError("time limit");
    }

    [[nodiscard]] bool is_acknowledged() const noexcept { return acknowledged_; }

    void end_in(std::chrono::milliseconds time) { deadline_ = Clock::now() + time; }

  private:
    Clock::time_point deadline_ = Clock::now() + std::chrono::seconds(20);
    bool acknowledged_ = false;
};

class UdpMethods : public testing::TestWithParam<const char*> {
  protected:
    UdpMethods() : file_(kFileBytes)
    {
        std::ifstream in(file_.path(), std::ios::binary);
        bytes_.assign(std::istreambuf_iterator<char>(in), {});
        refusals.clear();
        one_message_a_call = false;
        num_segmented_calls = 0;
    }

    [[nodiscard]] core::TransferJob job(const DatagramSink& sink) const
    {
        core::TransferJob job{.path = file_.path(),
                              .range = {.offset = 0, .length = kFileBytes},
                              .chunk_bytes = 64 * core::kKiB,
                              .interface = "lo",
                              .mtu = 9000,
                              .local = {},
                              .peer = {},
                              .flow = kFlow,
                              .dataplane = {}};
        job.local.ipv4 = htonl(INADDR_LOOPBACK);
        job.peer = {.ipv4 = htonl(INADDR_LOOPBACK), .port = sink.port(), .mac = {}};
        return job;
    }

    core::TransferReport run(const core::TransferJob& job)
    {
        return testbed::find_method(GetParam())->run(job, watch_);
    }

    /// Every datagram once, in order, as the cut says, with the file's bytes behind its header.
    void expect_all(const DatagramSink& sink, const core::TransferJob& job)
    {
        EXPECT_EQ(sink.num_broken(), 0U);
        const DatagramCut cut(job.mtu, job.range.end());
        std::uint64_t at = job.range.offset;
        std::uint64_t number = 0;
        for (const DatagramSink::Datagram& datagram : sink.datagrams()) {
            ASSERT_LT(at, job.range.end());
            ASSERT_EQ(
                datagram.header,
                (core::FlowHeader{.flow = kFlow,
                                  .length = static_cast<std::uint16_t>(cut.datagram_bytes(at)),
                                  .kind = core::FlowHeader::Kind::kData,
                                  .sequence = number++,
                                  .offset = at - job.range.offset}));
            ASSERT_EQ(
                std::memcmp(datagram.payload.data(), bytes_.data() + at, datagram.payload.size()),
                0)
                << "payload at " << at;
            at += datagram.payload.size();
        }
        EXPECT_EQ(at, job.range.end());
    }

    tests::SourceFile file_;
    std::vector<char> bytes_;
    Watch watch_;
};

TEST_P(UdpMethods, SendEachDatagramOnceInOrder)
{
    struct Shape {
        std::uint32_t mtu;
        std::uint64_t chunk_bytes;
        core::ByteRange range;
    };

    const core::ByteRange whole{.offset = 0, .length = kFileBytes};
    const core::ByteRange part{.offset = 4097, .length = 200'003};
    for (const Shape& shape :
         {Shape{9000, 65536, whole}, Shape{9000, 1, part}, Shape{9000, 1 << 20, part},
          Shape{1500, 65536, part}, Shape{576, 65536, whole}, Shape{65535, 65536, part},
          Shape{4148, 10'000, {.offset = kFileBytes - 1, .length = 1}}}) {
        for (const bool map_per_chunk : {false, true}) {
            SCOPED_TRACE(testing::Message() << "mtu " << shape.mtu << " chunk " << shape.chunk_bytes
                                            << " map_per_chunk " << map_per_chunk);
            DatagramSink sink({});
            core::TransferJob job = this->job(sink);
            job.mtu = shape.mtu;
            job.chunk_bytes = shape.chunk_bytes;
            job.range = shape.range;
            job.map_per_chunk = map_per_chunk;
            const core::TransferReport report = run(job);
            sink.stop();
            expect_all(sink, job);
            EXPECT_TRUE(watch_.is_acknowledged());
            EXPECT_EQ(report.bytes_sent, shape.range.length);
            EXPECT_EQ(report.counters.at("packets"), sink.datagrams().size());
            EXPECT_EQ(report.counters.at("packets_received"), sink.datagrams().size());
        }
    }
}

TEST_P(UdpMethods, StayWithinTheirCredit)
{
    DatagramSink sink({.window = 3, .grants_late = true});
    const core::TransferJob job = this->job(sink);
    (void)run(job);
    sink.stop();
    expect_all(sink, job);
    for (const DatagramSink::Datagram& datagram : sink.datagrams())
        EXPECT_TRUE(datagram.granted) << datagram.header.sequence;
}

TEST_P(UdpMethods, ReportALostDatagram)
{
    DatagramSink sink({.loses = 7});
    const core::TransferReport report = run(job(sink));
    EXPECT_EQ(report.counters.at("packets_received"), report.counters.at("packets") - 1);
    EXPECT_EQ(report.quiet, std::chrono::nanoseconds(1000));
}

TEST_P(UdpMethods, AskNoCreditAtARate)
{
    DatagramSink sink({.window = 0});
    core::TransferJob job = this->job(sink);
    job.dataplane.rate.packets_per_s = 5000;
    (void)run(job);
    sink.stop();
    expect_all(sink, job);
    EXPECT_EQ(sink.num_probes(), 0U);
}

TEST_P(UdpMethods, EndWhereNoCreditComes)
{
    const DatagramSink sink({.window = 0});
    watch_.end_in(std::chrono::milliseconds(100));
    EXPECT_EQ(thrown<core::TransferError>([&] { (void)run(job(sink)); }), "time limit");
}

TEST_P(UdpMethods, EndWhereTheReceiverVanishes)
{
    const DatagramSink sink({.window = 8, .vanishes = 5});
    EXPECT_THAT(thrown<core::TransferError>([&] { (void)run(job(sink)); }),
                HasSubstr("does not listen on its UDP port"));
}

TEST_P(UdpMethods, EndWhereTheFileDoes)
{
    const DatagramSink sink({});
    core::TransferJob job = this->job(sink);
    job.range.length = kFileBytes + 100'000;
    if (std::string_view(GetParam()) == "mmap_write_udp")
        EXPECT_THAT(thrown<core::SystemError>([&] { (void)run(job); }), HasSubstr("Bad address"));
    else
        EXPECT_THAT(thrown<core::TransferError>([&] { (void)run(job); }), HasSubstr("it shrank"));
}

INSTANTIATE_TEST_SUITE_P(Each, UdpMethods,
                         testing::Values("read_write_udp", "mmap_write_udp", "sendfile_udp"),
                         [](const auto& param) { return std::string(param.param); });

/// What sendmmsg(2) says: of those that use it.
class UdpBatches : public UdpMethods {};

TEST_P(UdpBatches, SegmentByTheKernelWhereItCan)
{
    DatagramSink sink({});
    const core::TransferJob job = this->job(sink);
    const core::TransferReport report = run(job);
    sink.stop();
    expect_all(sink, job);
    EXPECT_GT(num_segmented_calls, 0U);
    // Of 300,000 bytes: four turns of 8 datagrams, seven of them in one skb, and 5 that are left.
    EXPECT_EQ(report.counters.at("gso_messages"), 5U);
    EXPECT_EQ(report.counters.at("gso_datagrams"), 4 * 7 + 5U);
    EXPECT_THAT(report.facts.at("gso"), HasSubstr("UDP_SEGMENT"));
}

TEST_P(UdpBatches, GoOnWithoutSegmentationWhereItIsRefused)
{
    for (const int error : {EIO, EINVAL, EOPNOTSUPP}) {
        refusals = {{.error = error, .only_segmented = true}};
        num_segmented_calls = 0;
        DatagramSink sink({});
        const core::TransferJob job = this->job(sink);
        const core::TransferReport report = run(job);
        sink.stop();
        expect_all(sink, job);
        EXPECT_EQ(num_segmented_calls, 1U); // not tried again and again
        EXPECT_EQ(report.counters.at("gso_messages"), 0U);
        EXPECT_THAT(report.facts.at("gso"), HasSubstr("refused by the kernel"));
    }
}

TEST_P(UdpBatches, TryAgainWhatAQueueDropsOrABufferHasNoRoomFor)
{
    refusals = {{.error = ENOBUFS}, {.error = EAGAIN}, {.error = EINTR}, {.error = ENOBUFS}};
    one_message_a_call = true;
    DatagramSink sink({});
    const core::TransferJob job = this->job(sink);
    const core::TransferReport report = run(job);
    sink.stop();
    expect_all(sink, job);
    EXPECT_EQ(report.counters.at("refused_by_queue"), 2U);
    EXPECT_EQ(report.counters.at("waits_socket"), 1U);
}

TEST_P(UdpBatches, FailOnWhatIsNoRefusal)
{
    const DatagramSink sink({});
    refusals = {{.error = EPERM}};
    EXPECT_THAT(thrown<core::SystemError>([&] { (void)run(job(sink)); }),
                HasSubstr("sendmmsg datagrams to the sink"));
}

INSTANTIATE_TEST_SUITE_P(Each, UdpBatches, testing::Values("read_write_udp", "mmap_write_udp"),
                         [](const auto& param) { return std::string(param.param); });

} // namespace
} // namespace pagewire::kernelpath
