// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/block_verifier.hpp"
#include "core/method.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace pagewire::core {

/// What one transfer looks like to the receiving side.
struct ReceiveOrder {
    std::uint32_t ipv4 = 0;      ///< address to receive on, network byte order
    std::uint16_t port = 0;      ///< host byte order; 0: any free one
    std::uint64_t length = 0;    ///< bytes of the stream
    std::uint32_t flow = 0;      ///< UDP wire: of `num_flows` that follow each other
    std::uint32_t num_flows = 1; ///< the stream comes in so many, each with numbers of its own
    std::uint32_t mtu = 0;
    std::string interface; ///< that `ipv4` stands on; only receivers below the IP layer ask for it
};

/// What arrived, in the receiver's own terms; blocks are the verifier's.
struct ReceiveReport {
    std::uint64_t bytes_received = 0; ///< payload octets, without datagrams that came again
    bool complete = false;            ///< the sender's end was seen (TCP end of stream, UDP finish)
    std::map<std::string, std::uint64_t> counters;
    std::map<std::string, std::string> facts; ///< what was chosen and why, by "sink_..." names
};

/// Asked between batches; true ends the reception (cancelled, or the testbed is gone).
class ReceiveStop {
  public:
    [[nodiscard]] virtual bool stop_now() = 0;

    ReceiveStop() = default;
    ReceiveStop(const ReceiveStop&) = delete;
    ReceiveStop& operator=(const ReceiveStop&) = delete;
    virtual ~ReceiveStop() = default;
};

/// One reception: listens from construction on, so that the sender may start as soon as port() is
/// known.
class Reception {
  public:
    [[nodiscard]] virtual std::uint16_t port() const = 0;

    /// Where data is taken from, if not from the wire: the socket of a software NIC. Else empty.
    [[nodiscard]] virtual std::string path() const { return {}; }

    /// Drains the wire at full speed, tells the sender when all has come, and returns when the
    /// stream has ended or stop_now() says so: a datagram receiver stays until then, in case its
    /// last word to the sender was lost. `verifier` may be null: bytes are then counted, not
    /// verified.
    virtual ReceiveReport run(BlockVerifier* verifier, ReceiveStop& stop) = 0;

    Reception() = default;
    Reception(const Reception&) = delete;
    Reception& operator=(const Reception&) = delete;
    virtual ~Reception() = default;
};

/// A kind of receiver; constant records in a generated table, like methods.
struct Receiver {
    std::string_view name;
    std::string_view summary;
    Wire wire = Wire::kTcp;
    Support (*probe)() = nullptr;
    /// Throws SystemError (port in use, no memory), UsageError (the interface is not fit for it).
    std::unique_ptr<Reception> (*open)(const ReceiveOrder& order) = nullptr;
};

} // namespace pagewire::core
