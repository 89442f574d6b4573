// SPDX-License-Identifier: BSD-3-Clause
// The kernel's TCP receiver: recv(2) into one buffer, verified while it is in the cache.
#include "core/error.hpp"
#include "core/receiver.hpp"
#include "core/socket.hpp"
#include "core/units.hpp"
#include "kernelpath/tcp_stream.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <vector>

namespace pagewire::kernelpath {

namespace {

/// Large enough that the calls do not count, small enough to be verified from the L2 cache.
constexpr std::size_t kReceiveBytes = 256 * core::kKiB;

class TcpReception final : public core::Reception {
  public:
    explicit TcpReception(const core::ReceiveOrder& order)
        : order_(order),
          listener_(core::open_socket(SOCK_STREAM))
    {
        const int on = 1;
        core::checked(::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)),
                      "setsockopt", "SO_REUSEADDR");
        core::bind_socket(listener_.get(), order.ipv4, order.port);
        core::checked(::listen(listener_.get(), 1), "listen");
        core::set_socket_timeouts(listener_.get(), core::TransferWatch::kMaxWait);
    }

    [[nodiscard]] std::uint16_t port() const override
    {
        return core::local_address(listener_.get()).port;
    }

    core::ReceiveReport run(core::BlockVerifier* verifier, core::ReceiveStop& stop) override
    {
        core::ReceiveReport report;
        const core::UniqueFd stream = accept_one(stop);
        if (!stream)
            return report;
        std::vector<std::byte> buffer(kReceiveBytes);
        std::uint64_t num_reads = 0;
        while (!report.complete && !stop.stop_now()) {
            const ssize_t got = ::recv(stream.get(), buffer.data(), buffer.size(), 0);
            if (got < 0) {
                if (errno == EAGAIN || errno == EINTR)
                    continue;
                if (errno == ECONNRESET)
                    break; // the sender is gone: what came is reported
                core::throw_errno("recv", "connection from the sender");
            }
            if (got == 0)
                report.complete = true;
            else if (verifier != nullptr)
                verifier->add(report.bytes_received,
                              {buffer.data(), static_cast<std::size_t>(got)});
            report.bytes_received += static_cast<std::uint64_t>(got);
            ++num_reads;
        }
        if (report.complete && report.bytes_received >= order_.length) {
            // A sender that has gone meanwhile needs no word: its absence is the testbed's to
            // notice.
            (void)::send(stream.get(), &kStreamAcknowledged, 1, MSG_NOSIGNAL);
        }
        report.counters["recv_calls"] = num_reads;
        return report;
    }

  private:
    core::UniqueFd accept_one(core::ReceiveStop& stop) const
    {
        while (!stop.stop_now()) {
            core::UniqueFd stream(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (stream) {
                core::set_socket_timeouts(stream.get(), core::TransferWatch::kMaxWait);
                return stream;
            }
            if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                core::throw_errno("accept", "connection from the sender");
        }
        return {};
    }

    core::ReceiveOrder order_;
    core::UniqueFd listener_;
};

} // namespace

extern const core::Receiver receiver_tcp;
constinit const core::Receiver receiver_tcp{
    .name = "tcp",
    .summary = "recv(2) from a kernel TCP socket",
    .wire = core::Wire::kTcp,
    .probe = [] { return core::Support::available(); },
    .open = [](const core::ReceiveOrder& order) -> std::unique_ptr<core::Reception> {
        return std::make_unique<TcpReception>(order);
    },
};

} // namespace pagewire::kernelpath
