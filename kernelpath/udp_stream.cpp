// SPDX-License-Identifier: BSD-3-Clause
#include "kernelpath/udp_stream.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/sendfile.h>

#include <cstring>
#include <thread>

namespace pagewire::kernelpath {

namespace {

/// include/linux/udp.h, UDP_MAX_SEGMENTS before Linux 6.10, twice as many since.
constexpr std::size_t kGsoDatagramsMax = 64;
/// Of a UDP datagram over IPv4, and of all the datagrams of one skb: 65535 less the headers.
constexpr std::size_t kUdpBytesMax = 65507;
/// UIO_MAXIOV: messages that one sendmmsg(2) takes (net/socket.c, __sys_sendmmsg).
constexpr std::size_t kMessagesMax = 1024;
/// What TCP's send buffer may grow to by itself (tcp_wmem, tcp(7)): the same for both wires.
constexpr int kSendBufferBytes = 4 * 1024 * 1024;
/// A queue that is full drains in microseconds.
constexpr std::chrono::microseconds kQueueWait{50};

int set_send_buffer(int fd)
{
    if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kSendBufferBytes, sizeof(kSendBufferBytes)) !=
        0)
        core::checked(
            ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof(kSendBufferBytes)),
            "setsockopt", "SO_SNDBUF");
    int bytes = 0;
    socklen_t length = sizeof(bytes);
    core::checked(::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &length), "getsockopt",
                  "SO_SNDBUF");
    return bytes;
}

} // namespace

UdpStream::UdpStream(const core::TransferJob& job, core::TransferWatch& watch, Checksum checksum)
    : watch_(watch),
      flow_(job),
      cut_(job.mtu, job.range.end()),
      rate_(job.dataplane.rate),
      flow_number_(job.flow),
      chunk_bytes_(job.chunk_bytes),
      begin_(job.range.offset),
      end_(job.range.end()),
      stream_offset_(job.stream_offset),
      offset_(job.range.offset),
      checksum_(checksum),
      use_gso_(checksum == Checksum::kKernel),
      send_buffer_bytes_(set_send_buffer(flow_.fd()))
{
    // Without it the kernel says nothing of a packet that a full queue has dropped: it was sent
    // (net/ipv4/udp.c, udp_send_skb).
    const int on = 1;
    core::checked(::setsockopt(flow_.fd(), IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), "setsockopt",
                  "IP_RECVERR");
    if (checksum == Checksum::kNone)
        core::checked(::setsockopt(flow_.fd(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)),
                      "setsockopt", "SO_NO_CHECK");
}

void UdpStream::begin()
{
    if (!rate_.is_limited())
        flow_.open(watch_); // in the open loop nobody asks for credit, and so none is sent
    watch_.begin();
    pacer_.emplace(rate_, core::Pacer::Clock::now());
}

core::FlowHeader UdpStream::header_of(std::size_t ahead, std::uint64_t offset,
                                      std::uint32_t payload_bytes) const noexcept
{
    return {.flow = flow_number_,
            .length = static_cast<std::uint16_t>(payload_bytes),
            .kind = core::FlowHeader::Kind::kData,
            .sequence = next_sequence_ + ahead,
            .offset = stream_offset_ + offset - begin_};
}

void UdpStream::send(std::span<const std::byte> data)
{
    stage(data);
    for (std::size_t next = 0; next < payloads_.size();)
        next += send_staged(next, await_leave(std::span(payloads_).subspan(next)));
}

void UdpStream::stage(std::span<const std::byte> data)
{
    payloads_.clear();
    for (std::uint64_t at = 0; at < data.size(); at += payloads_.back())
        payloads_.push_back(cut_.datagram_bytes(offset_ + at));
    headers_.resize(payloads_.size());
    parts_.resize(2 * payloads_.size());
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < payloads_.size(); ++i) {
        core::encode_flow_header(header_of(i, offset_ + at, payloads_[i]), headers_[i]);
        parts_[2 * i] = {.iov_base = headers_[i].data(), .iov_len = headers_[i].size()};
        // sendmsg(2) writes to none of it; its iovec knows no const.
        parts_[2 * i + 1] = {.iov_base = const_cast<std::byte*>(data.data() + at),
                             .iov_len = payloads_[i]};
        at += payloads_[i];
    }
}

std::size_t UdpStream::may_pace(std::span<const std::uint32_t> payloads)
{
    const auto now = core::Pacer::Clock::now();
    core::Pacer::Sent sent{.bytes = offset_ - begin_, .packets = next_sequence_};
    std::size_t count = 0;
    while (count < payloads.size() && pacer_->may_send(sent, now)) {
        sent.bytes += payloads[count++];
        ++sent.packets;
    }
    return count;
}

std::size_t UdpStream::await_leave(std::span<const std::uint32_t> payloads)
{
    for (;;) {
        watch_.check();
        if (rate_.is_limited()) {
            if (const std::size_t count = may_pace(payloads); count > 0)
                return count;
            std::this_thread::sleep_for(core::Pacer::kBurst / 10);
            continue;
        }
        if (flow_.limit() < next_sequence_ + payloads.size())
            flow_.poll_credit();
        if (flow_.limit() > next_sequence_)
            return std::min<std::uint64_t>(payloads.size(), flow_.limit() - next_sequence_);
        ++num_waits_credit_;
        flow_.wait_credit(next_sequence_);
    }
}

void UdpStream::group(std::size_t first, std::size_t count)
{
    messages_.clear();
    num_datagrams_.clear();
    segment_sizes_.resize(std::min(count, kMessagesMax)); // before addresses are taken
    for (std::size_t i = first; i < first + count && messages_.size() < kMessagesMax;) {
        // Of one size, but for the last, which may be shorter.
        const std::size_t size = core::kFlowHeaderBytes + payloads_[i];
        std::size_t num = 1;
        std::size_t bytes = size;
        while (use_gso_ && i + num < first + count && num < kGsoDatagramsMax &&
               payloads_[i + num - 1] == payloads_[i] && payloads_[i + num] <= payloads_[i] &&
               bytes + core::kFlowHeaderBytes + payloads_[i + num] <= kUdpBytesMax)
            bytes += core::kFlowHeaderBytes + payloads_[i + num++];
        mmsghdr message{};
        message.msg_hdr.msg_iov = &parts_[2 * i];
        message.msg_hdr.msg_iovlen = 2 * num;
        if (num > 1) {
            SegmentSize& ancillary = segment_sizes_[messages_.size()];
            message.msg_hdr.msg_control = ancillary.octets.data();
            message.msg_hdr.msg_controllen = ancillary.octets.size();
            cmsghdr* const head = CMSG_FIRSTHDR(&message.msg_hdr);
            head->cmsg_level = SOL_UDP;
            head->cmsg_type = UDP_SEGMENT;
            head->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
            const auto segment_bytes = static_cast<std::uint16_t>(size);
            std::memcpy(CMSG_DATA(head), &segment_bytes, sizeof(segment_bytes));
        }
        messages_.push_back(message);
        num_datagrams_.push_back(static_cast<std::uint32_t>(num));
        i += num;
    }
}

std::size_t UdpStream::send_staged(std::size_t first, std::size_t count)
{
    group(first, count);
    const int taken = ::sendmmsg(flow_.fd(), messages_.data(),
                                 static_cast<unsigned>(messages_.size()), MSG_NOSIGNAL);
    if (taken < 0) {
        if (!gso_was_refused(errno))
            retry_or_throw("sendmmsg");
        return 0;
    }
    std::size_t num_sent = 0;
    for (int i = 0; i < taken; ++i) {
        const std::uint32_t num = num_datagrams_[static_cast<std::size_t>(i)];
        if (num > 1) {
            ++num_gso_messages_;
            num_gso_datagrams_ += num;
        }
        for (std::uint32_t k = 0; k < num; ++k)
            sent_one(payloads_[first + num_sent++]);
    }
    return num_sent;
}

void UdpStream::sent_one(std::uint32_t payload_bytes)
{
    offset_ += payload_bytes;
    ++next_sequence_;
}

/// net/ipv4/udp.c, udp_send_skb(): EIO without a checksum by the device, EINVAL for segments that
/// it will not make; before Linux 4.18 the ancillary data is unknown.
bool UdpStream::gso_was_refused(int error)
{
    const bool is_refusal = error == EIO || error == EINVAL || error == EOPNOTSUPP;
    if (!is_refusal || num_datagrams_.front() == 1)
        return false;
    use_gso_ = false;
    gso_refusal_ = core::errno_text(error);
    return true;
}

void UdpStream::retry_or_throw(const char* call)
{
    switch (errno) {
    case EINTR:
        break;
    case EAGAIN: // the socket's buffer was full for as long as it may be
        ++num_waits_socket_;
        break;
    case ENOBUFS: // a queue on the way to the device dropped it: IP_RECVERR
        ++num_refused_by_queue_;
        std::this_thread::sleep_for(kQueueWait);
        break;
    case ECONNREFUSED:
        throw core::TransferError("the sink does not listen on its UDP port any more");
    default:
        core::throw_errno(call, "datagrams to the sink");
    }
    watch_.check();
}

bool UdpStream::send_file(int file)
{
    const std::uint32_t bytes = cut_.datagram_bytes(offset_);
    (void)await_leave({&bytes, 1}); // from here on nothing else may use the socket: it is corked
    HeaderOctets header{};
    core::encode_flow_header(header_of(0, offset_, bytes), header);
    for (;;) {
        if (::send(flow_.fd(), header.data(), header.size(), MSG_MORE | MSG_NOSIGNAL) < 0) {
            retry_or_throw("send");
            continue;
        }
        auto from = static_cast<off_t>(offset_);
        ssize_t taken = 0;
        while ((taken = ::sendfile(flow_.fd(), file, &from, bytes)) < 0 && errno == EINTR)
            watch_.check(); // nothing was taken: the header still waits
        if (taken == static_cast<ssize_t>(bytes))
            break;
        if (taken >= 0)
            return false; // a datagram that is too short has gone, which the sink refuses
        // The kernel has thrown the open datagram away (net/ipv4/udp.c, udp_sendmsg): all of it
        // again.
        retry_or_throw("sendfile");
    }
    sent_one(bytes);
    return true;
}

void UdpStream::finish(core::TransferReport& report)
{
    watch_.sent();
    const core::FlowControl::Outcome outcome = flow_.finish(next_sequence_, watch_);
    watch_.acknowledged();
    report.bytes_sent = offset_ - begin_;
    report.quiet = outcome.quiet;
    report.counters["packets"] = next_sequence_;
    report.counters["packets_received"] = outcome.num_received;
    report.counters["gso_messages"] = num_gso_messages_;
    report.counters["gso_datagrams"] = num_gso_datagrams_;
    report.counters["waits_credit"] = num_waits_credit_;
    report.counters["waits_socket"] = num_waits_socket_;
    report.counters["refused_by_queue"] = num_refused_by_queue_;
    describe(report);
}

void UdpStream::describe(core::TransferReport& report) const
{
    if (!gso_refusal_.empty())
        report.facts["gso"] = fmt::format(
            "refused by the kernel ({}): a message for each datagram by sendmmsg(2)", gso_refusal_);
    else if (num_gso_messages_ > 0)
        report.facts["gso"] = fmt::format("UDP_SEGMENT: {:.1f} datagrams an skb",
                                          static_cast<double>(num_gso_datagrams_) /
                                              static_cast<double>(num_gso_messages_));
    else
        report.facts["gso"] = "not used: an skb for each datagram";
    switch (checksum_) {
    case Checksum::kKernel:
        report.facts["checksum"] = "the kernel's, by the device where it can";
        break;
    case Checksum::kNone:
        report.facts["checksum"] = "none: 0 on the wire (SO_NO_CHECK)";
        break;
    }
    report.facts["send_buffer"] = fmt::format("{} bytes (SO_SNDBUF)", send_buffer_bytes_);
}

} // namespace pagewire::kernelpath
