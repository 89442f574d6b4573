// SPDX-License-Identifier: BSD-3-Clause

/// libFuzzer target: whatever a control peer sends is a message or a core::UsageError, as a frame
/// and as each type of message.

#include "testbed/channel.hpp"

#include "core/error.hpp"
#include "testbed/messages.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

namespace {

using namespace pagewire;

template<typename T>
void read_as(const testbed::Message& message)
{
    try {
        // What was read can be said: the sink and the worker answer with parts of it.
        const nlohmann::json again = testbed::read_message<T>(message);
        (void)testbed::encode_message({.body = again, .octets = {}});
    } catch (const core::UsageError&) {
        // refused, as most texts must be
    }
}

void read_as_any_type(const testbed::Message& message)
{
    read_as<testbed::ReceiveRequest>(message);
    read_as<testbed::ReadyNote>(message);
    read_as<testbed::ReceivedNote>(message);
    read_as<testbed::AskRequest>(message);
    read_as<testbed::AskedNote>(message);
    read_as<testbed::TransferRequest>(message);
    read_as<testbed::TransferNote>(message);
    try {
        const core::BlockDigests digests = testbed::read_digests(message);
        const std::uint64_t whole = digests.length / core::kBlockBytes;
        if (digests.num_blocks() != whole + (digests.length % core::kBlockBytes != 0 ? 1 : 0))
            std::abort(); // the verifier would look for digests that are not there
    } catch (const core::UsageError&) {
        // refused
    }
}

void take(std::span<const std::byte> buffer)
{
    try {
        const auto decoded = testbed::decode_message(buffer);
        if (!decoded)
            return;
        if (decoded->second > buffer.size() || decoded->second < testbed::kFrameHeaderBytes)
            std::abort();
        read_as_any_type(decoded->first);
    } catch (const core::UsageError&) {
        // refused
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto octets = std::as_bytes(std::span(data, size));
    take(octets);

    // The same in a good frame: first the number of octets behind the text, then the text.
    if (size == 0)
        return 0;
    const std::size_t num_octets = std::min<std::size_t>(data[0], size - 1);
    const std::array<std::uint32_t, 3> header{testbed::kFrameMagic,
                                              static_cast<std::uint32_t>(size - 1 - num_octets),
                                              static_cast<std::uint32_t>(num_octets)};
    std::vector<std::byte> frame(sizeof(header));
    std::memcpy(frame.data(), header.data(), sizeof(header));
    frame.insert(frame.end(), octets.begin() + 1, octets.end());
    take(frame);
    return 0;
}
