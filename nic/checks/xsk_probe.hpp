// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/mapping.hpp"
#include "nic/checks/capture.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/rig.hpp"
#include "nic/xdp_pass.hpp"
#include "nic/xsk_socket.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// AF_XDP for the checks: frames made by hand, sent from a UMEM of one socket on queue 0 of the
/// near end (Documentation/networking/af_xdp.rst).
namespace pagewire::nic {

struct XskProbeConfig {
    core::BindMode bind = core::BindMode::kAuto;
    bool several_segments = false;
    bool tx_metadata = false; ///< room for it before each packet, in every chunk
};

/// The program that some drivers want for zero-copy sockets (XdpPass), in the end's namespace; for
/// others nothing.
class PassAtEnd {
  public:
    PassAtEnd(const Rig::End& end, core::BindMode bind);
    PassAtEnd(const PassAtEnd&) = delete;
    PassAtEnd& operator=(const PassAtEnd&) = delete;
    ~PassAtEnd();

  private:
    const Rig::End& end_;
    std::optional<XdpPass> pass_;
};

class XskProbe {
  public:
    /// Each segment has a chunk of its own, behind room for metadata.
    static constexpr std::uint32_t kNumChunks = 256;
    static constexpr std::uint32_t kSegmentBytesMax = 3072;

    /// Throws SystemError where the kernel or the driver refuses.
    XskProbe(const Rig::End& end, const XskProbeConfig& config);

    /// Writes a packet of these segments to the UMEM and its descriptors to the ring, with
    /// `metadata` in front of it where there is one. Returns the address of the first segment.
    /// Throws TransferError where ring or UMEM have no room left: a probe is for a few packets, and
    /// its chunks are used once.
    std::uint64_t put(const std::vector<std::span<const std::byte>>& segments,
                      const TxMetadata* metadata = nullptr);
    std::uint64_t put(std::span<const std::byte> frame, const TxMetadata* metadata = nullptr);

    /// Shows the kernel everything that was put.
    void submit() noexcept { socket_.tx().submit(); }

    [[nodiscard]] bool needs_wakeup() noexcept;

    /// Wakes the kernel until it has taken everything from the ring, or some time is over.
    void kick();

    /// Addresses of the segments that the device has done with, until `count` are back or
    /// `longest` is over.
    [[nodiscard]] std::vector<std::uint64_t> take_completions(std::size_t count,
                                                              std::chrono::milliseconds longest);

    [[nodiscard]] bool is_zerocopy() const { return socket_.is_zerocopy(); }

    [[nodiscard]] std::uint64_t num_invalid() const
    {
        return socket_.statistics().at("tx_invalid_descs");
    }

    /// What the device left in the packet's metadata: struct xsk_tx_metadata, completion.
    [[nodiscard]] std::uint64_t tx_timestamp(std::uint64_t addr) const noexcept;

    /// Addresses of all segments that were put, in their order.
    [[nodiscard]] const std::vector<std::uint64_t>& addresses() const noexcept { return put_; }

  private:
    core::Mapping umem_;
    PassAtEnd pass_; // before the socket is bound, and after it is gone
    XskSocket socket_;
    std::vector<std::uint64_t> put_;
};

/// Frames of UDP datagrams from a port to another that nobody listens at: octets from 64 up to the
/// MTU. `count` of them, each different.
[[nodiscard]] std::vector<std::vector<std::byte>> make_probe_frames(const Rig& rig,
                                                                    std::size_t count);

/// The UDP port of those frames.
inline constexpr std::uint16_t kProbePort = 9; // RFC 863, discard

/// Each frame must arrive once, as it was sent, in order; `arm` begins the sentences.
void judge_arrivals(const std::vector<std::vector<std::byte>>& sent,
                    const std::vector<CapturedPacket>& arrived, const std::string& arm,
                    Judgement& judgement);

/// Every segment must come back once, and nothing else.
void judge_completions(const XskProbe& probe, std::vector<std::uint64_t> completions,
                       const std::string& arm, Judgement& judgement);

/// Sends the frames one descriptor each, and judges arrivals, completions and the counter of
/// invalid descriptors.
void send_and_judge(const Rig& rig, XskProbe& probe,
                    const std::vector<std::vector<std::byte>>& frames, const std::string& arm,
                    Judgement& judgement);

/// What is taken of the far end's tap as a probe's.
[[nodiscard]] std::vector<CapturedPacket> take_probe_frames(Capture& far, std::size_t num_expected);

} // namespace pagewire::nic
