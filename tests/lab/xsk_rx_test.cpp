// SPDX-License-Identifier: BSD-3-Clause
// The AF_XDP receiver: it gets every byte, takes nothing that is not its own, shares a device with
// no other program, and leaves none behind.
#include "core/units.hpp"
#include "testbed/child_process.hpp"
#include "testbed/experiment.hpp"
#include "testbed/messages.hpp"
#include "tests/lab/xsk_rx_fixture.hpp"
#include "tests/support/command.hpp"
#include "tests/support/source_file.hpp"
#include "tests/support/thrown.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace pagewire::tests {
namespace {

using namespace std::chrono_literals;
using core::kMiB;
using testbed::Plan;
using testbed::Row;
using testing::AllOf;
using testing::HasSubstr;

const std::atomic<bool> never_interrupted{false};

Row run_engine(const std::string& path, testbed::SinkKind sink, std::uint32_t mtu,
               const std::string& fault = {})
{
    Plan plan;
    plan.path = path;
    plan.methods = {"af_xdp"};
    plan.cache = {testbed::CacheState::kCold};
    plan.rounds = 1;
    plan.ceilings = false;
    plan.ledger = testbed::LedgerMode::kOff;
    plan.mtu = mtu;
    plan.sink = sink;
    plan.dataplane.fault = fault;
    auto result =
        testbed::run_experiment(plan, never_interrupted, [](const testbed::ProgressNote&) {});
    return std::move(result.rows.at(0));
}

class EngineToSink : public testing::TestWithParam<std::tuple<std::uint32_t, std::uint64_t>> {};

INSTANTIATE_TEST_SUITE_P(Mtus, EngineToSink,
                         testing::Combine(testing::Values(576, 1500, 3826, 3827, 9000, 65535),
                                          testing::Values(1, 16 * kMiB + 5)),
                         [](const auto& param) {
                             return fmt::format("mtu_{}_bytes_{}", std::get<0>(param.param),
                                                std::get<1>(param.param));
                         });

TEST_P(EngineToSink, DeliversEveryByte)
{
    const auto [mtu, bytes] = GetParam();
    const SourceFile file(bytes);
    const Row row = run_engine(file.path(), testbed::SinkKind::kAfXdp, mtu);
    ASSERT_EQ(row.samples.size(), 1U);
    const testbed::ReceivedNote& sink = row.samples[0].sink;
    EXPECT_EQ(row.status(), "ok") << row.reason();
    EXPECT_EQ(row.reason(), "");
    EXPECT_TRUE(sink.verified);
    EXPECT_EQ(sink.bytes_good, bytes);
    EXPECT_EQ(sink.blocks.good, (bytes + core::kBlockBytes - 1) / core::kBlockBytes);
    const auto& counters = sink.report.counters;
    EXPECT_GT(counters.at("packets_redirected"), 0U);
    EXPECT_EQ(counters.at("packets_redirected"), counters.at("datagrams"));
    for (const char* name :
         {"datagrams_by_kernel", "datagrams_lost", "packets_refused", "packets_without_socket",
          "rx_dropped", "rx_ring_full", "rx_invalid_descs"})
        EXPECT_EQ(counters.at(name), 0U) << name;
    EXPECT_EQ(sink.report.facts.at("sink_xdp_mode"), "drv");
    EXPECT_EQ(sink.report.facts.at("sink_kernel_reported"), "copy");
}

TEST(Faults, AreToldAsByTheKernelsReceiver)
{
    const SourceFile file(4 * kMiB + 5);
    for (const char* fault : {"flip@7", "drop@0", "drop@511", "duplicate@9", "reorder@3"}) {
        const Row by_kernel = run_engine(file.path(), testbed::SinkKind::kKernel, 9000, fault);
        const Row by_xdp = run_engine(file.path(), testbed::SinkKind::kAfXdp, 9000, fault);
        EXPECT_NE(by_xdp.reason(), "") << fault;
        EXPECT_EQ(by_xdp.status(), by_kernel.status()) << fault;
        EXPECT_EQ(by_xdp.reason(), by_kernel.reason()) << fault;
        const testbed::ReceivedNote& expected = by_kernel.samples.at(0).sink;
        const testbed::ReceivedNote& got = by_xdp.samples.at(0).sink;
        EXPECT_EQ(got.blocks.good, expected.blocks.good) << fault;
        EXPECT_EQ(got.blocks.bad, expected.blocks.bad) << fault;
        EXPECT_EQ(got.blocks.missing, expected.blocks.missing) << fault;
        EXPECT_EQ(got.bytes_good, expected.bytes_good) << fault;
        EXPECT_EQ(got.bytes_duplicate, expected.bytes_duplicate) << fault;
        EXPECT_EQ(got.first_bad_block, expected.first_bad_block) << fault;
        EXPECT_EQ(got.report.bytes_received, expected.report.bytes_received) << fault;
        for (const char* name : {"datagrams", "datagrams_duplicate", "datagrams_reordered",
                                 "datagrams_foreign", "datagrams_lost"})
            EXPECT_EQ(got.report.counters.at(name), expected.report.counters.at(name))
                << fault << ' ' << name;
    }
}

TEST(TcpRows, AreReceivedByTheKernelAllTheSame)
{
    const SourceFile file(kMiB);
    Plan plan;
    plan.path = file.path();
    plan.methods = {"read_write", "af_xdp"};
    plan.cache = {testbed::CacheState::kHot};
    plan.rounds = 2; // in either order
    plan.ceilings = false;
    plan.sink = testbed::SinkKind::kAfXdp;
    const auto result =
        testbed::run_experiment(plan, never_interrupted, [](const testbed::ProgressNote&) {});
    for (const Row& row : result.rows) {
        EXPECT_EQ(row.status(), "ok") << row.reason();
        const auto& facts = row.samples.at(0).sink.report.facts;
        EXPECT_EQ(facts.contains("sink_xdp_mode"), row.method->wire == core::Wire::kUdp);
    }
    EXPECT_EQ(testbed::result_document(result).at("plan").at("sink"), "af_xdp");
}

/// Sends back whatever comes, by UDP and on one TCP connection, until it is told to stop.
class EchoServer {
  public:
    explicit EchoServer(const nic::NetNamespace& netns)
    {
        const nic::NetNamespace::Visit visit(netns);
        udp_ = core::open_socket(SOCK_DGRAM);
        tcp_ = core::open_socket(SOCK_STREAM);
        for (const core::UniqueFd* socket : {&udp_, &tcp_}) {
            core::bind_socket(socket->get(), nic::kFarIp, 0);
            core::set_socket_timeouts(socket->get(), 20ms);
        }
        core::checked(::listen(tcp_.get(), 1), "listen");
        udp_thread_ = std::thread([this] { echo(udp_.get()); });
        tcp_thread_ = std::thread([this] {
            core::UniqueFd connection;
            while (!connection && !stop_)
                connection.reset(::accept(tcp_.get(), nullptr, nullptr));
            if (!connection)
                return;
            core::set_socket_timeouts(connection.get(), 20ms);
            echo(connection.get());
        });
    }

    ~EchoServer()
    {
        stop_ = true;
        udp_thread_.join();
        tcp_thread_.join();
    }

    EchoServer(const EchoServer&) = delete;
    EchoServer& operator=(const EchoServer&) = delete;

    /// A socket in `netns` that is connected to the server.
    [[nodiscard]] core::UniqueFd connect(const nic::NetNamespace& netns, int type) const
    {
        const nic::NetNamespace::Visit visit(netns);
        core::UniqueFd socket = core::open_socket(type);
        core::set_socket_timeouts(socket.get(), 2s);
        core::connect_socket(
            socket.get(), nic::kFarIp,
            core::local_address(type == SOCK_DGRAM ? udp_.get() : tcp_.get()).port);
        return socket;
    }

  private:
    void echo(int socket) const
    {
        std::array<std::byte, 2048> buffer{};
        while (!stop_) {
            sockaddr_in from{};
            socklen_t length = sizeof(from);
            const ssize_t got = ::recvfrom(socket, buffer.data(), buffer.size(), 0,
                                           reinterpret_cast<sockaddr*>(&from), &length);
            if (got > 0)
                (void)::sendto(socket, buffer.data(), static_cast<std::size_t>(got), 0,
                               length > 0 ? reinterpret_cast<sockaddr*>(&from) : nullptr, length);
        }
    }

    std::atomic<bool> stop_{false};
    core::UniqueFd udp_;
    core::UniqueFd tcp_;
    std::thread udp_thread_;
    std::thread tcp_thread_;
};

/// One small question, and whether the same comes back.
bool comes_back(int socket, const std::string& words)
{
    std::array<char, 256> answer{};
    if (::send(socket, words.data(), words.size(), MSG_NOSIGNAL) < 0)
        return false;
    const ssize_t got = ::recv(socket, answer.data(), answer.size(), 0);
    return got == static_cast<ssize_t>(words.size()) &&
           std::equal(words.begin(), words.end(), answer.begin());
}

TEST_F(XskRxLab, AllThatIsNotTheFlowPassesOnTheSameQueueMeanwhile)
{
    const auto data = random_bytes(kMiB + 5, 1);
    RunningReception reception(far_, order(data.size()), data);
    ASSERT_NE(xdp_program_on(far_, nic::kFarName), 0U);
    EchoServer server(far_);
    ASSERT_FALSE(nic::find_neighbour(near_, nic::kNearName, nic::kFarIp));
    const core::UniqueFd udp = server.connect(near_, SOCK_DGRAM);
    const core::UniqueFd tcp = server.connect(near_, SOCK_STREAM); // resolves: ARP, then TCP
    EXPECT_TRUE(nic::find_neighbour(near_, nic::kNearName, nic::kFarIp));

    FlowSender sender(near_, nic::kFarIp, reception.port());
    constexpr std::size_t payload_bytes = 1000;
    std::uint64_t sequence = 0;
    for (std::size_t at = 0; at < data.size(); at += payload_bytes, ++sequence) {
        const auto piece = std::span(data).subspan(at, std::min(payload_bytes, data.size() - at));
        sender.send(data_header(sequence, at, piece.size()), piece);
        if (sequence % 50 != 0)
            continue;
        EXPECT_TRUE(comes_back(udp.get(), fmt::format("datagram {}", sequence)));
        EXPECT_TRUE(comes_back(tcp.get(), fmt::format("segment {}", sequence)));
    }
    const auto last_word = sender.finish(kTestFlow, sequence);
    ASSERT_TRUE(last_word);
    EXPECT_EQ(last_word->kind, core::FlowHeader::Kind::kDone);
    EXPECT_EQ(last_word->sequence, sequence);

    const core::ReceiveReport report = reception.stop();
    EXPECT_TRUE(report.complete);
    EXPECT_EQ(reception.verifier().bytes_good(), data.size());
    EXPECT_EQ(report.counters.at("packets_redirected"), sequence);
    EXPECT_EQ(report.counters.at("datagrams_by_kernel"), 0U);
    EXPECT_EQ(report.counters.at("datagrams_foreign"), 0U);
    EXPECT_EQ(xdp_program_on(far_, nic::kFarName), 0U);
}

TEST_F(XskRxLab, OtherFlowsAndKindsOnItsOwnPortGoToTheKernelsSocket)
{
    const auto data = random_bytes(100, 1);
    RunningReception reception(far_, order(data.size()), data);
    FlowSender sender(near_, nic::kFarIp, reception.port());
    core::FlowHeader other = data_header(0, 0, data.size());
    other.flow = kTestFlow + 1;
    sender.send(other, data);
    sender.send({.flow = kTestFlow, .kind = core::FlowHeader::Kind::kDone});
    sender.send(data_header(0, 0, data.size()), data);
    ASSERT_TRUE(sender.finish(kTestFlow, 1));
    const core::ReceiveReport report = reception.stop();
    EXPECT_EQ(report.counters.at("packets_redirected"), 1U) << "the one of the flow";
    EXPECT_EQ(report.counters.at("datagrams_foreign"), 2U);
    EXPECT_EQ(reception.verifier().bytes_good(), data.size());
}

TEST_F(XskRxLab, ADatagramInIpFragmentsComesByTheKernelAndIsVerified)
{
    const auto data = random_bytes(4096, 1);
    RunningReception reception(far_, order(data.size()), data);
    FlowSender sender(near_, nic::kFarIp, reception.port());
    sender.send(data_header(0, 0, data.size()), data); // three fragments at MTU 1500
    ASSERT_TRUE(sender.finish(kTestFlow, 1));
    const core::ReceiveReport report = reception.stop();
    EXPECT_EQ(report.counters.at("packets_redirected"), 0U);
    EXPECT_EQ(report.counters.at("datagrams_by_kernel"), 1U);
    EXPECT_EQ(reception.verifier().bytes_good(), data.size());
}

TEST_F(XskRxLab, EveryQueueIsReceivedFrom)
{
    make_link(9000, 3);
    constexpr std::size_t payload_bytes = 8192;
    const auto data = random_bytes(90 * payload_bytes, 1);
    RunningReception reception(far_, order(data.size()), data);
    std::vector<FlowSender> senders; // by the source port, the kernel chooses the queue
    senders.reserve(30);
    for (int i = 0; i < 30; ++i)
        senders.emplace_back(near_, nic::kFarIp, reception.port());
    for (std::size_t i = 0; i < 90; ++i) {
        const auto piece = std::span(data).subspan(i * payload_bytes, payload_bytes);
        senders[i % senders.size()].send(data_header(i, i * payload_bytes, payload_bytes), piece);
    }
    ASSERT_TRUE(senders[0].finish(kTestFlow, 90));
    const core::ReceiveReport report = reception.stop();
    EXPECT_EQ(report.counters.at("packets_redirected"), 90U);
    EXPECT_EQ(report.counters.at("packets_without_socket"), 0U);
    EXPECT_EQ(report.facts.at("sink_queues"), "3");
    EXPECT_EQ(reception.verifier().bytes_good(), data.size());
}

TEST_F(XskRxLab, ADeviceWhoseDriverHasNoXdpIsReceivedFromBehindTheDriver)
{
    nic::set_link_up(far_, "lo");
    const auto data = random_bytes(3 * 1000, 1);
    core::ReceiveOrder loopback = order(data.size());
    loopback.ipv4 = ::inet_addr("127.0.0.1");
    loopback.interface = "lo";
    RunningReception reception(far_, loopback, data);
    FlowSender sender(far_, loopback.ipv4, reception.port());
    for (std::size_t i = 0; i < 3; ++i)
        sender.send(data_header(i, i * 1000, 1000), std::span(data).subspan(i * 1000, 1000));
    ASSERT_TRUE(sender.finish(kTestFlow, 3));
    const core::ReceiveReport report = reception.stop();
    EXPECT_EQ(report.facts.at("sink_xdp_mode"),
              "skb, because drv mode was refused: Operation not supported");
    EXPECT_EQ(report.counters.at("packets_redirected"), 3U);
    EXPECT_EQ(reception.verifier().bytes_good(), data.size());
}

TEST_F(XskRxLab, ADeviceThatCarriesAnotherProgramIsRefusedWithItsName)
{
    const int ifindex = [&] {
        const nic::NetNamespace::Visit visit(far_);
        return static_cast<int>(::if_nametoindex(nic::kFarName.c_str()));
    }();
    const core::UniqueFd another = load_another_program("somebody_elses");
    const auto attach = [&](int program) {
        const nic::NetNamespace::Visit visit(far_);
        return ::bpf_xdp_attach(ifindex, program, 0, nullptr);
    };
    ASSERT_EQ(attach(another.get()), 0);
    const std::uint32_t id = xdp_program_on(far_, nic::kFarName);
    const auto data = random_bytes(1, 1);
    const std::string refusal =
        thrown<core::UsageError>([&] { const RunningReception reception(far_, order(1), data); });
    EXPECT_THAT(refusal,
                AllOf(HasSubstr(nic::kFarName),
                      HasSubstr(fmt::format("somebody_elses (id {})", id)),
                      HasSubstr(fmt::format("ip link set dev {} xdp off", nic::kFarName))));
    EXPECT_EQ(xdp_program_on(far_, nic::kFarName), id) << "it stays where it was";
    ASSERT_EQ(attach(-1), 0);
    const RunningReception first(far_, order(1), data);
    EXPECT_THAT(
        thrown<core::UsageError>([&] { const RunningReception second(far_, order(1), data); }),
        HasSubstr("redirect_flow (id "));
}

/// A sink process in the far namespace, as the testbed starts it.
class SinkProcess : public XskRxLab {
  protected:
    testbed::Message ask(const core::ReceiveOrder& order, const std::string& receiver = "af_xdp")
    {
        sink_.channel().send(nlohmann::json(testbed::ReceiveRequest{
            .order = order, .wire = core::Wire::kUdp, .receiver = receiver, .verify = false}));
        return sink_.channel().receive(10s).value();
    }

    std::string refusal(const core::ReceiveOrder& order, const std::string& receiver = "af_xdp")
    {
        return testbed::read_message<testbed::ReceivedNote>(ask(order, receiver)).error;
    }

    testbed::ChildProcess sink_{{.command = "sink", .netns = &far_, .cpu = {}}};
};

TEST_F(SinkProcess, KilledLeavesNoProgramOnTheDevice)
{
    EXPECT_EQ(xdp_program_on(far_, nic::kFarName), 0U);
    ASSERT_EQ(ask(order(100)).type(), "ready");
    EXPECT_NE(xdp_program_on(far_, nic::kFarName), 0U);
    ASSERT_EQ(::kill(sink_.pid(), SIGKILL), 0);
    sink_.wait_end(1s);
    EXPECT_TRUE(eventually([&] { return xdp_program_on(far_, nic::kFarName) == 0; }, 1s));
}

TEST_F(SinkProcess, FindsTheInterfaceOfItsAddress)
{
    core::ReceiveOrder without = order(100);
    without.interface.clear();
    ASSERT_EQ(ask(without).type(), "ready");
    EXPECT_NE(xdp_program_on(far_, nic::kFarName), 0U);
}

TEST_F(SinkProcess, SaysWhatIsWrongAndGoesOn)
{
    core::ReceiveOrder elsewhere = order(100);
    elsewhere.ipv4 = ::inet_addr("192.0.2.1");
    elsewhere.interface.clear();
    EXPECT_EQ(refusal(elsewhere), "no interface here has the address 192.0.2.1");
    core::ReceiveOrder nowhere = order(100);
    nowhere.interface = "nowhere0";
    EXPECT_THAT(refusal(nowhere), HasSubstr("nowhere0: No such device"));
    EXPECT_THAT(
        refusal(order(100), "dpdk"),
        HasSubstr("this build has no receiver \"dpdk\" for the udp wire: it has udp, af_xdp"));
    EXPECT_EQ(ask(order(100)).type(), "ready");
}

} // namespace
} // namespace pagewire::tests
