// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/channel.hpp"

#include "core/error.hpp"
#include "core/units.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace pagewire::testbed {

namespace {

struct FrameHeader {
    std::uint32_t magic;
    std::uint32_t json_bytes;
    std::uint32_t num_octets;
};

static_assert(sizeof(FrameHeader) == kFrameHeaderBytes, "the frame header travels as this struct");

} // namespace

std::string Message::type() const
{
    const auto it = body.find("type");
    return it != body.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

std::vector<std::byte> encode_message(const Message& message)
{
    const std::string text =
        message.body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const FrameHeader header{.magic = kFrameMagic,
                             .json_bytes = static_cast<std::uint32_t>(text.size()),
                             .num_octets = static_cast<std::uint32_t>(message.octets.size())};
    if (text.size() > kJsonBytesMax || message.octets.size() > kOctetsMax)
        throw core::UsageError(
            fmt::format("a control message of {} is too long",
                        core::format_bytes(text.size() + message.octets.size())));
    std::vector<std::byte> frame(sizeof(header) + text.size());
    std::memcpy(frame.data(), &header, sizeof(header));
    std::memcpy(frame.data() + sizeof(header), text.data(), text.size());
    frame.insert(frame.end(), message.octets.begin(), message.octets.end());
    return frame;
}

std::optional<std::pair<Message, std::size_t>> decode_message(std::span<const std::byte> buffer)
{
    FrameHeader header{};
    if (buffer.size() < sizeof(header))
        return std::nullopt;
    std::memcpy(&header, buffer.data(), sizeof(header));
    if (header.magic != kFrameMagic)
        throw core::UsageError(
            "the control peer does not speak this pagewire's protocol: use the same version on "
            "both ends");
    if (header.json_bytes > kJsonBytesMax || header.num_octets > kOctetsMax)
        throw core::UsageError("a control message claims an impossible length");
    const std::size_t frame_bytes =
        sizeof(header) + std::size_t{header.json_bytes} + header.num_octets;
    if (buffer.size() < frame_bytes)
        return std::nullopt;
    const auto text = buffer.subspan(sizeof(header), header.json_bytes);
    const auto octets = buffer.subspan(sizeof(header) + header.json_bytes, header.num_octets);
    const auto* begin = reinterpret_cast<const char*>(text.data());
    Message message{.body = nlohmann::json::parse(begin, begin + text.size(), nullptr, false),
                    .octets = {octets.begin(), octets.end()}};
    if (!message.body.is_object())
        throw core::UsageError("a control message is not a JSON object");
    return std::pair{std::move(message), frame_bytes};
}

std::pair<Channel, Channel> Channel::pair()
{
    std::array<int, 2> ends{};
    core::checked(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
    return {Channel(core::UniqueFd(ends[0])), Channel(core::UniqueFd(ends[1]))};
}

void Channel::send(const Message& message)
{
    const std::vector<std::byte> frame = encode_message(message);
    for (std::size_t at = 0; at < frame.size();) {
        const ssize_t taken = ::send(fd_.get(), frame.data() + at, frame.size() - at, MSG_NOSIGNAL);
        if (taken >= 0) {
            at += static_cast<std::size_t>(taken);
        } else if (errno == EPIPE || errno == ECONNRESET) {
            throw ChannelClosed();
        } else if (errno != EINTR) {
            core::throw_errno("send", "control channel");
        }
    }
}

std::optional<Message> Channel::receive(std::chrono::milliseconds longest)
{
    const auto deadline = std::chrono::steady_clock::now() + longest;
    for (;;) {
        if (auto decoded = decode_message(buffer_)) {
            buffer_.erase(buffer_.begin(),
                          buffer_.begin() + static_cast<std::ptrdiff_t>(decoded->second));
            return std::move(decoded->first);
        }
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        pollfd readable{.fd = fd_.get(), .events = POLLIN, .revents = 0};
        const int ready =
            ::poll(&readable, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
        if (ready == 0 || (ready < 0 && errno == EINTR))
            return std::nullopt;
        if (ready < 0)
            core::throw_errno("poll", "control channel");
        std::array<std::byte, 64 * core::kKiB> piece{};
        const ssize_t got = ::recv(fd_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno == ECONNRESET))
            throw ChannelClosed();
        if (got > 0)
            buffer_.insert(buffer_.end(), piece.begin(), piece.begin() + got);
        else if (errno != EAGAIN && errno != EINTR)
            core::throw_errno("recv", "control channel");
    }
}

} // namespace pagewire::testbed
