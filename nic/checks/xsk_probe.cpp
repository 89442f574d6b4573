// SPDX-License-Identifier: BSD-3-Clause
#include "nic/checks/xsk_probe.hpp"

#include "core/error.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/raw_frame.hpp"
#include "nic/xdp_device.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

namespace pagewire::nic {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kChunkBytes = 4096;
constexpr std::uint32_t kHeadroomBytes = 256; // for metadata, of which the packet's address is free
constexpr std::chrono::milliseconds kLongestKick{500};
constexpr std::chrono::milliseconds kLongestCompletion{500};
constexpr std::chrono::microseconds kPause{200};

XskSocket open_socket(std::span<std::byte> umem, const Rig::End& end, const XskProbeConfig& config)
{
    const NetNamespace::Visit visit(end.netns);
    return {umem,
            {.interface = end.interface,
             .queue = 0,
             .ring_entries = XskProbe::kNumChunks,
             .chunk_bytes = kChunkBytes,
             .bind = config.bind,
             .several_segments = config.several_segments,
             .tx_metadata_len =
                 config.tx_metadata ? static_cast<std::uint32_t>(sizeof(TxMetadata)) : 0U}};
}

} // namespace

PassAtEnd::PassAtEnd(const Rig::End& end, core::BindMode bind) : end_(end)
{
    if (bind == core::BindMode::kCopy || !XdpPass::is_wanted_by(end.driver) ||
        !probe_xdp_device(end.netns, end.interface).has_xsk_zerocopy())
        return;
    const NetNamespace::Visit visit(end.netns);
    try {
        pass_.emplace(end.interface);
    } catch (const core::SystemError&) {
        if (bind == core::BindMode::kZerocopy)
            throw;
        // The driver's choice is copy mode then.
    }
}

PassAtEnd::~PassAtEnd()
{
    if (!pass_)
        return;
    try {
        const NetNamespace::Visit visit(end_.netns);
        pass_.reset();
    } catch (const std::exception&) { // its own destructor takes the program off
    }
}

XskProbe::XskProbe(const Rig::End& end, const XskProbeConfig& config)
    : umem_(core::Mapping::anonymous(std::size_t{kNumChunks} * kChunkBytes)),
      pass_(end, config.bind),
      socket_(open_socket(umem_.bytes(), end, config))
{}

std::uint64_t XskProbe::put(const std::vector<std::span<const std::byte>>& segments,
                            const TxMetadata* metadata)
{
    std::uint32_t index = 0;
    if (put_.size() + segments.size() > kNumChunks ||
        !socket_.tx().reserve(static_cast<std::uint32_t>(segments.size()), index))
        throw core::TransferError("an AF_XDP probe has no room for another packet");
    const std::uint64_t first = put_.size() * kChunkBytes + kHeadroomBytes;
    for (const auto& segment : segments) {
        const std::uint64_t addr = put_.size() * kChunkBytes + kHeadroomBytes;
        std::copy(segment.begin(), segment.end(), umem_.data() + addr);
        const bool is_last = &segment == &segments.back();
        std::uint32_t options = is_last ? 0U : std::uint32_t{XDP_PKT_CONTD};
        if (metadata != nullptr && addr == first) {
            options |= XDP_TX_METADATA;
            std::memcpy(umem_.data() + addr - sizeof(*metadata), metadata, sizeof(*metadata));
        }
        socket_.tx().entry(index++) = {
            .addr = addr, .len = static_cast<std::uint32_t>(segment.size()), .options = options};
        put_.push_back(addr);
    }
    return first;
}

std::uint64_t XskProbe::put(std::span<const std::byte> frame, const TxMetadata* metadata)
{
    return put(std::vector{frame}, metadata);
}

bool XskProbe::needs_wakeup() noexcept
{
    return (socket_.tx().flags() & XDP_RING_NEED_WAKEUP) != 0;
}

void XskProbe::kick()
{
    const auto limit = Clock::now() + kLongestKick;
    while (!socket_.tx().drained() && Clock::now() < limit) {
        if (::sendto(socket_.fd(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) < 0 && errno != EAGAIN &&
            errno != EBUSY && errno != ENOBUFS && errno != EINTR)
            core::throw_errno("sendto", "AF_XDP");
        std::this_thread::sleep_for(kPause);
    }
}

std::vector<std::uint64_t> XskProbe::take_completions(std::size_t count,
                                                      std::chrono::milliseconds longest)
{
    std::vector<std::uint64_t> addresses;
    const auto limit = Clock::now() + longest;
    while (addresses.size() < count && Clock::now() < limit) {
        std::uint32_t index = 0;
        const std::uint32_t taken = socket_.completion().peek(kNumChunks, index);
        for (std::uint32_t i = 0; i < taken; ++i)
            addresses.push_back(socket_.completion().entry(index + i));
        if (taken > 0)
            socket_.completion().release();
        else
            std::this_thread::sleep_for(kPause);
    }
    return addresses;
}

std::uint64_t XskProbe::tx_timestamp(std::uint64_t addr) const noexcept
{
    // struct xsk_tx_metadata: the answer lies where the request lay, behind the flags.
    std::uint64_t value = 0;
    std::memcpy(&value, umem_.data() + addr - sizeof(TxMetadata) + sizeof(std::uint64_t),
                sizeof(value));
    return value;
}

std::vector<std::vector<std::byte>> make_probe_frames(const Rig& rig, std::size_t count)
{
    const FrameConfig config{
        .version = IpVersion::k4, .source_port = kProbePort, .destination_port = kProbePort};
    constexpr std::size_t ethernet_bytes = 14;
    constexpr std::size_t shortest = 64;
    const std::size_t longest =
        std::min<std::size_t>(std::min(rig.near.facts.mtu, rig.far.facts.mtu) + ethernet_bytes,
                              XskProbe::kSegmentBytesMax);
    std::vector<std::vector<std::byte>> frames;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t bytes =
            count < 2 ? longest : shortest + (longest - shortest) * i / (count - 1);
        std::vector<std::byte> payload(bytes - frame_header_bytes(config));
        fill_pattern(payload, i << 20U);
        frames.push_back(make_frame(rig, config, payload));
    }
    return frames;
}

std::vector<CapturedPacket> take_probe_frames(Capture& far, std::size_t num_expected)
{
    return far.take(packets_of(IPPROTO_UDP, kProbePort, false), kQuiet, num_expected);
}

void judge_arrivals(const std::vector<std::vector<std::byte>>& sent,
                    const std::vector<CapturedPacket>& arrived, const std::string& arm,
                    Judgement& judgement)
{
    for (std::size_t i = 0; i < std::min(sent.size(), arrived.size()); ++i) {
        if (arrived[i].frame.octets != sent[i]) {
            judgement.fail(
                fmt::format("{}: frame {} arrived changed, or another in its place", arm, i),
                arrived[i].frame.octets);
            return;
        }
    }
    if (arrived.size() > sent.size())
        judgement.fail(
            fmt::format("{}: {} frames arrived, {} were sent", arm, arrived.size(), sent.size()),
            arrived.back().frame.octets);
    else if (arrived.size() < sent.size())
        judgement.fail(fmt::format("{}: {} of {} frames arrived", arm, arrived.size(), sent.size()),
                       sent[arrived.size()]);
}

void judge_completions(const XskProbe& probe, std::vector<std::uint64_t> completions,
                       const std::string& arm, Judgement& judgement)
{
    std::vector<std::uint64_t> expected = probe.addresses();
    std::sort(expected.begin(), expected.end());
    std::sort(completions.begin(), completions.end());
    if (completions != expected)
        judgement.fail(fmt::format("{}: {} completions of {} segments, or of addresses that were "
                                   "not sent",
                                   arm, completions.size(), expected.size()));
}

void send_and_judge(const Rig& rig, XskProbe& probe,
                    const std::vector<std::vector<std::byte>>& frames, const std::string& arm,
                    Judgement& judgement)
{
    Capture far(rig.far.netns, rig.far.interface);
    for (const auto& frame : frames)
        probe.put(frame);
    probe.submit();
    probe.kick();
    const auto completions = probe.take_completions(probe.addresses().size(), kLongestCompletion);
    const auto arrived = take_probe_frames(far, frames.size());
    judgement.observe(arm, fmt::format("{} frames of {} to {} octets sent, {} arrived, {} "
                                       "completions, {} invalid descriptors",
                                       frames.size(), frames.front().size(), frames.back().size(),
                                       arrived.size(), completions.size(), probe.num_invalid()));
    judge_arrivals(frames, arrived, arm, judgement);
    judge_completions(probe, completions, arm, judgement);
    if (probe.num_invalid() > 0)
        judgement.fail(
            fmt::format("{}: {} descriptors were refused as invalid", arm, probe.num_invalid()));
}

} // namespace pagewire::nic
