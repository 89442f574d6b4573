// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace pagewire::testbed {

/// One control message between the testbed's processes: a JSON object with a "type", and octets
/// (block digests).
struct Message {
    nlohmann::json body;
    std::vector<std::byte> octets;

    [[nodiscard]] std::string type() const;
};

/// The frame of a message on a byte stream: magic, length of the JSON text, length of the octets
/// (each 32 bits, little-endian), then both. The same on a socketpair and on a TCP connection.
inline constexpr std::size_t kFrameHeaderBytes = 12;
inline constexpr std::uint32_t kFrameMagic = 0x31'57'47'50; // "PGW1"
inline constexpr std::uint32_t kJsonBytesMax = 1U << 20;
inline constexpr std::uint32_t kOctetsMax = 1U << 30;

[[nodiscard]] std::vector<std::byte> encode_message(const Message& message);

/// Takes one message off the front of `buffer`: the message and how many bytes it took; nothing
/// when more bytes are needed. Throws core::UsageError for what cannot be a message (foreign peer,
/// other version).
[[nodiscard]] std::optional<std::pair<Message, std::size_t>>
decode_message(std::span<const std::byte> buffer);

/// The peer has closed its end: it has died, or it is done.
class ChannelClosed : public std::runtime_error {
  public:
    ChannelClosed() : std::runtime_error("the other process closed its control channel") {}
};

/// A control connection. Not for two threads.
class Channel {
  public:
    explicit Channel(core::UniqueFd fd) : fd_(std::move(fd)) {}

    /// Two connected ends.
    [[nodiscard]] static std::pair<Channel, Channel> pair();

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// Throws ChannelClosed, core::SystemError.
    void send(const Message& message);

    void send(nlohmann::json body) { send(Message{.body = std::move(body), .octets = {}}); }

    /// The next message, or nothing after `longest`. Throws ChannelClosed, core::UsageError,
    /// core::SystemError. A signal ends the wait early, with nothing.
    [[nodiscard]] std::optional<Message> receive(std::chrono::milliseconds longest);

  private:
    core::UniqueFd fd_;
    std::vector<std::byte> buffer_; // what has come of messages not yet taken
};

} // namespace pagewire::testbed
