// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/flow_header.hpp"
#include "core/receiver.hpp"
#include "core/unique_fd.hpp"

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace pagewire::dataplane {

/// The UDP socket beside a receiver whose data comes another way: the sender's probes and its
/// finish come by it, and answers go by it; and data too, where some has gone past the receiver.
class ControlSocket {
  public:
    /// Bound as the order says. Throws SystemError.
    explicit ControlSocket(const core::ReceiveOrder& order);

    [[nodiscard]] int fd() const noexcept { return socket_.get(); }

    [[nodiscard]] std::uint16_t port() const;

    /// Calls `take(header, datagram, sender)` for all that waits, `header` as decode_flow_header()
    /// has it; true: something did. Throws SystemError.
    template<typename Take>
    bool drain(Take take)
    {
        bool any = false;
        sockaddr_in sender{};
        while (const auto datagram = receive(sender)) {
            take(core::decode_flow_header(*datagram), *datagram, sender);
            any = true;
        }
        return any;
    }

  private:
    [[nodiscard]] std::optional<std::span<const std::byte>> receive(sockaddr_in& sender);

    core::UniqueFd socket_;
    std::vector<std::byte> buffer_;
};

} // namespace pagewire::dataplane
