// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/flow_control.hpp"
#include "core/method.hpp"
#include "core/pacer.hpp"
#include "kernelpath/datagram_cut.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pagewire::kernelpath {

/// The kernel methods' end of the UDP wire: the stream's bytes as datagrams behind a FlowHeader,
/// out of the socket on which their credit comes (core/flow_control.hpp); or, with a rate, in an
/// open loop.
///
///     headers  [h0][h1][h2] ...                an array of their own
///     data     [ d0 ][ d1 ][ d2 ] ...          the caller's memory, as it is
///     iovec    h0 d0 | h1 d1 | ... | h7 d7
///     message  [------ UDP_SEGMENT ------] [-]  what one skb holds of datagrams of one size, and
///                                              the rest: one sendmmsg(2)
///
/// Generic segmentation offload (udp(7), UDP_SEGMENT) hands several datagrams of one size down as
/// one skb. A kernel or device that refuses it gets one message a datagram, and the report says so.
/// No call here waits longer than TransferWatch::kMaxWait.
class UdpStream {
  public:
    /// Who makes the UDP checksum.
    enum class Checksum : std::uint8_t {
        kKernel, ///< the device where it can, else the CPU
        kNone,   ///< 0 on the wire (RFC 768), as engines have it by default; rules out segmentation
    };

    /// Opens and connects the socket. Throws SystemError.
    UdpStream(const core::TransferJob& job, core::TransferWatch& watch, Checksum checksum);

    [[nodiscard]] const DatagramCut& cut() const noexcept { return cut_; }

    /// Octets of the turn that begins where the stream is: whole datagrams.
    [[nodiscard]] std::uint64_t turn_bytes() const noexcept
    {
        return cut_.turn_bytes(offset_, chunk_bytes_);
    }

    /// Waits for the first credit, then watch.begin().
    void begin();

    /// All of the stream's bytes are out.
    [[nodiscard]] bool at_end() const noexcept { return offset_ == end_; }

    /// File offset of the stream's next byte.
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

    /// Sends `data`, turn_bytes() of the stream's next bytes. Throws TransferError (the sink has
    /// gone; cancelled; time limit), SystemError.
    void send(std::span<const std::byte> data);

    /// The next datagram, with its payload from the file by sendfile(2): send(2) of the header with
    /// MSG_MORE keeps the datagram open for it. False: the file ended. Throws as send() does.
    [[nodiscard]] bool send_file(int file);

    /// watch.sent(), tells the end, waits for the receiver's last word, watch.acknowledged().
    void finish(core::TransferReport& report);

    /// TransferWatch::check(), after a call that a signal may have cut short.
    void check() const { watch_.check(); }

  private:
    /// How many of the next datagrams, with these payloads, may go now: one at least; waits for
    /// credit, or for the time that the pace gives them.
    [[nodiscard]] std::size_t await_leave(std::span<const std::uint32_t> payloads);
    [[nodiscard]] std::size_t may_pace(std::span<const std::uint32_t> payloads);
    /// Cuts `data` into datagrams: payloads_, headers_, parts_.
    void stage(std::span<const std::byte> data);
    /// Groups the staged datagrams [first, first + count) into messages.
    void group(std::size_t first, std::size_t count);
    /// One sendmmsg(2) of them; returns how many datagrams went out.
    [[nodiscard]] std::size_t send_staged(std::size_t first, std::size_t count);
    void sent_one(std::uint32_t payload_bytes);
    /// What the errno of a sending call means: throws, or returns to try again.
    void retry_or_throw(const char* call);
    [[nodiscard]] bool gso_was_refused(int error);
    [[nodiscard]] core::FlowHeader header_of(std::size_t ahead, std::uint64_t offset,
                                             std::uint32_t payload_bytes) const noexcept;
    void describe(core::TransferReport& report) const;

    using HeaderOctets = std::array<std::byte, core::kFlowHeaderBytes>;

    /// Ancillary data of a message: the size of its datagrams.
    struct alignas(cmsghdr) SegmentSize {
        std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> octets;
    };

    core::TransferWatch& watch_;
    core::FlowControl flow_;
    DatagramCut cut_;
    core::Rate rate_;
    std::optional<core::Pacer> pacer_;
    std::uint32_t flow_number_;
    std::uint64_t chunk_bytes_;
    std::uint64_t begin_; // file offset of the stream's first byte
    std::uint64_t end_;
    std::uint64_t stream_offset_; // of that first byte, in the whole transfer
    std::uint64_t offset_;        // file offset of the next byte
    std::uint64_t next_sequence_ = 0;

    std::vector<std::uint32_t> payloads_; // of the staged datagrams
    std::vector<HeaderOctets> headers_;
    std::vector<iovec> parts_; // header and payload of each
    std::vector<mmsghdr> messages_;
    std::vector<std::uint32_t> num_datagrams_; // of each message
    std::vector<SegmentSize> segment_sizes_;

    Checksum checksum_;
    bool use_gso_;
    std::string gso_refusal_;
    std::uint64_t num_gso_messages_ = 0;
    std::uint64_t num_gso_datagrams_ = 0;
    std::uint64_t num_waits_credit_ = 0;
    std::uint64_t num_waits_socket_ = 0;
    std::uint64_t num_refused_by_queue_ = 0;
    int send_buffer_bytes_ = 0;
};

/// Method::run of a kernel method over UDP. `Sender` is made from the job, its kChecksum is the
/// stream's, and its send(stream, report) sends all of it.
template<typename Sender>
[[nodiscard]] core::TransferReport run_datagrams_with(const core::TransferJob& job,
                                                      core::TransferWatch& watch)
{
    Sender sender(job);
    UdpStream stream(job, watch, Sender::kChecksum);
    core::TransferReport report;
    stream.begin();
    sender.send(stream, report);
    stream.finish(report);
    return report;
}

} // namespace pagewire::kernelpath
