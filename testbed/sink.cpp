// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/sink.hpp"

#include "core/block_verifier.hpp"
#include "core/error.hpp"
#include "testbed/latency/client.hpp"
#include "testbed/messages.hpp"
#include "testbed/registry.hpp"
#include "testbed/udp_statistics.hpp"
#include "testbed/usage_meter.hpp"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>
#include <optional>

namespace pagewire::testbed {

namespace {

/// Looks at the control channel now and then while a receiver drains the wire: a `stop`, or the end
/// of the testbed.
class ChannelStop final : public core::ReceiveStop {
  public:
    explicit ChannelStop(Channel& channel) : channel_(channel) {}

    [[nodiscard]] bool stop_now() override
    {
        const auto now = Clock::now();
        if (!stopped_ && now >= next_look_) {
            next_look_ = now + kLookEvery;
            if (const auto message = channel_.receive(std::chrono::milliseconds(0))) {
                if (message->type() != "stop")
                    throw core::UsageError(
                        fmt::format("a receiving sink takes a stop, not '{}'", message->type()));
                stopped_ = true;
            }
        }
        return stopped_;
    }

    [[nodiscard]] bool stopped() const noexcept { return stopped_; }

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds kLookEvery{5};

    Channel& channel_;
    Clock::time_point next_look_{};
    bool stopped_ = false;
};

/// The interface of this machine that has the address; empty where none has.
std::string interface_with(std::uint32_t ipv4)
{
    ifaddrs* first = nullptr;
    core::checked(::getifaddrs(&first), "getifaddrs");
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> addresses(first, &::freeifaddrs);
    for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET)
            continue;
        sockaddr_in address{};
        std::memcpy(&address, entry->ifa_addr, sizeof(address));
        if (address.sin_addr.s_addr == ipv4)
            return entry->ifa_name;
    }
    return {};
}

ReceivedNote receive_stream(Channel& channel, const ReceiveRequest& request,
                            const core::BlockDigests& digests)
{
    ReceivedNote note;
    try {
        if (request.verify && digests.length != request.order.length)
            throw core::UsageError("the sink was not given the digests of this stream");
        std::optional<core::BlockVerifier> verifier;
        if (request.verify)
            verifier.emplace(digests);
        core::ReceiveOrder order = request.order;
        if (order.interface.empty())
            order.interface = interface_with(order.ipv4);
        const auto reception = receiver_for(request.wire, request.receiver).open(order);
        channel.send(
            nlohmann::json(ReadyNote{.port = reception->port(), .path = reception->path()}));
        ChannelStop stop(channel);
        const auto refused_before = udp_in_csum_errors();
        const ProcessCpu before = process_cpu();
        note.report = reception->run(verifier ? &*verifier : nullptr, stop);
        const ProcessCpu after = process_cpu();
        if (const auto refused = udp_in_csum_errors();
            refused && refused_before && request.wire == core::Wire::kUdp)
            note.report.counters["udp_in_csum_errors"] = *refused - *refused_before;
        note.cpu_user_s = after.user_s - before.user_s;
        note.cpu_system_s = after.system_s - before.system_s;
        if (verifier) {
            note.verified = true;
            note.blocks = verifier->counts();
            note.bytes_good = verifier->bytes_good();
            note.bytes_duplicate = verifier->bytes_duplicate();
            note.bytes_foreign = verifier->bytes_foreign();
            note.first_bad_block = verifier->first_bad_block();
        }
    } catch (const ChannelClosed&) {
        throw;
    } catch (const std::exception& error) {
        note.error = error.what();
    }
    return note;
}

/// The latency arm: the same sink asks instead of receiving.
AskedNote ask(Channel& channel, const AskRequest& request, const core::BlockDigests& digests)
{
    AskedNote note;
    try {
        LatencyClient client(request, digests);
        channel.send(nlohmann::json(ReadyNote{.port = client.port(), .path = {}}));
        ChannelStop stop(channel);
        note = client.run(stop);
    } catch (const ChannelClosed&) {
        throw;
    } catch (const std::exception& error) {
        note.error = error.what();
    }
    return note;
}

/// A testbed whose machine is gone must not hold the sink for ever: tcp(7).
void keep_alive(int fd)
{
    const auto set = [fd](int level, int option, int value) {
        core::checked(::setsockopt(fd, level, option, &value, sizeof(value)), "setsockopt",
                      "keepalive");
    };
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 5);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 2);
    set(IPPROTO_TCP, TCP_KEEPCNT, 3);
}

} // namespace

void serve_sink(Channel& channel)
{
    core::BlockDigests digests;
    try {
        for (;;) {
            const auto message = channel.receive(std::chrono::seconds(1));
            if (!message)
                continue;
            if (message->type() == "digests")
                digests = read_digests(*message);
            else if (message->type() == "receive")
                channel.send(nlohmann::json(
                    receive_stream(channel, read_message<ReceiveRequest>(*message), digests)));
            else if (message->type() == "ask")
                channel.send(
                    nlohmann::json(ask(channel, read_message<AskRequest>(*message), digests)));
            else if (message->type() != "stop") // it may cross the end of its reception
                throw core::UsageError(fmt::format("a sink does not know '{}'", message->type()));
        }
    } catch (const ChannelClosed&) {
        return;
    }
}

void listen_sink(core::SocketAddress address)
{
    const core::UniqueFd listener = core::open_socket(SOCK_STREAM);
    const int on = 1;
    core::checked(::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)),
                  "setsockopt");
    try {
        core::bind_socket(listener.get(), address.ipv4, address.port);
    } catch (const core::SystemError& error) {
        throw core::UsageError(
            fmt::format("{}: choose another address or port with --listen", error.what()));
    }
    core::checked(::listen(listener.get(), 1), "listen", core::format_address(address));
    fmt::print(stderr, "pagewire sink: waiting on {}\n",
               core::format_address(core::local_address(listener.get())));
    for (;;) {
        core::UniqueFd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection) {
            if (errno != EINTR && errno != ECONNABORTED)
                core::throw_errno("accept", core::format_address(address));
            continue;
        }
        keep_alive(connection.get());
        Channel channel(std::move(connection));
        try {
            serve_sink(channel);
        } catch (const std::exception& error) {
            // A foreign or broken peer must not end the service.
            fmt::print(stderr, "pagewire sink: {}\n", error.what());
        }
    }
}

} // namespace pagewire::testbed
