// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/error.hpp"
#include "core/flow_header.hpp"
#include "core/socket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <set>
#include <thread>
#include <vector>

namespace pagewire::tests {

/// A receiver on the loopback device that keeps each data datagram as it came. What it grants,
/// loses and answers is the test's to say.
class DatagramSink {
  public:
    struct Manner {
        std::uint64_t window = 1000; ///< granted ahead of what came; 0: nothing ever
        bool grants_late = false;    ///< when all it granted is there, and no more comes
        std::optional<std::uint64_t> loses = {};    ///< the datagram of this number
        std::optional<std::uint64_t> vanishes = {}; ///< at the datagram of this number
    };

    struct Datagram {
        core::FlowHeader header;
        std::vector<std::byte> payload;
        bool granted = false; ///< its number was below what had been granted
    };

    explicit DatagramSink(Manner manner) : manner_(manner), socket_(core::open_socket(SOCK_DGRAM))
    {
        const int bytes = 16 << 20;
        (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
        core::bind_socket(socket_.get(), htonl(INADDR_LOOPBACK), 0);
        core::set_socket_timeouts(socket_.get(), std::chrono::milliseconds(5));
        port_ = core::local_address(socket_.get()).port;
        thread_ = std::thread([this] { serve(); });
    }

    DatagramSink(const DatagramSink&) = delete;
    DatagramSink& operator=(const DatagramSink&) = delete;

    ~DatagramSink() { stop(); }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

    /// In the order in which they came. Only after stop().
    [[nodiscard]] const std::vector<Datagram>& datagrams() const noexcept { return datagrams_; }

    [[nodiscard]] std::uint64_t num_probes() const noexcept { return num_probes_; }

    /// Datagrams whose header is none.
    [[nodiscard]] std::uint64_t num_broken() const noexcept { return num_broken_; }

    void stop()
    {
        stop_.store(true);
        if (thread_.joinable())
            thread_.join();
    }

  private:
    void serve()
    {
        std::vector<std::byte> octets(65536);
        while (!stop_.load()) {
            sockaddr_in sender{};
            socklen_t length = sizeof(sender);
            const ssize_t got = ::recvfrom(socket_.get(), octets.data(), octets.size(), 0,
                                           reinterpret_cast<sockaddr*>(&sender), &length);
            if (got < 0) {
                if (manner_.grants_late && last_data_ && numbers_.size() == granted_)
                    grant(*last_data_, granted_, last_sender_);
                continue;
            }
            const std::span datagram = std::span(octets).first(static_cast<std::size_t>(got));
            const auto header = core::decode_flow_header(datagram);
            if (!header) {
                ++num_broken_;
                continue;
            }
            if (header->kind == core::FlowHeader::Kind::kData &&
                header->sequence == manner_.vanishes) {
                socket_.reset();
                return;
            }
            take(*header, datagram.subspan(core::kFlowHeaderBytes), sender);
        }
    }

    void take(const core::FlowHeader& header, std::span<const std::byte> payload,
              const sockaddr_in& sender)
    {
        using Kind = core::FlowHeader::Kind;
        if (header.kind == Kind::kProbe) {
            ++num_probes_;
            grant(header, header.sequence, sender);
        } else if (header.kind == Kind::kFinish) {
            answer({.flow = header.flow,
                    .kind = Kind::kDone,
                    .sequence = numbers_.size(),
                    .offset = manner_.loses ? 1000U : 0U},
                   sender);
        } else if (header.kind == Kind::kData && header.sequence != manner_.loses) {
            datagrams_.push_back({.header = header,
                                  .payload = {payload.begin(), payload.end()},
                                  .granted = header.sequence < granted_});
            numbers_.insert(header.sequence);
            last_data_ = header;
            last_sender_ = sender;
            if (!manner_.grants_late && granted_ > 0 &&
                granted_ < header.sequence + 1 + manner_.window)
                grant(header, header.sequence + 1, sender);
        }
    }

    void grant(const core::FlowHeader& header, std::uint64_t from, const sockaddr_in& sender)
    {
        if (manner_.window == 0)
            return;
        granted_ = std::max(granted_, from + manner_.window);
        answer({.flow = header.flow,
                .kind = core::FlowHeader::Kind::kCredit,
                .sequence = granted_,
                .offset = 0},
               sender);
    }

    void answer(const core::FlowHeader& header, const sockaddr_in& sender)
    {
        std::array<std::byte, core::kFlowHeaderBytes> octets{};
        core::encode_flow_header(header, octets);
        (void)::sendto(socket_.get(), octets.data(), octets.size(), 0,
                       reinterpret_cast<const sockaddr*>(&sender), sizeof(sender));
    }

    Manner manner_;
    core::UniqueFd socket_;
    std::uint16_t port_ = 0;
    std::vector<Datagram> datagrams_;
    std::set<std::uint64_t> numbers_;
    std::optional<core::FlowHeader> last_data_;
    sockaddr_in last_sender_{};
    std::uint64_t granted_ = 0;
    std::uint64_t num_probes_ = 0;
    std::uint64_t num_broken_ = 0;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

} // namespace pagewire::tests
