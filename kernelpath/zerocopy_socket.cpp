// SPDX-License-Identifier: BSD-3-Clause
#include "kernelpath/zerocopy_socket.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

namespace pagewire::kernelpath {

namespace {

/// More sends than buffers, for a send may be short.
constexpr std::size_t kSendsMax = 1024;

/// What the receiver has acknowledged is completed within a softirq or two.
constexpr std::chrono::seconds kLastCompletions{1};

struct Completion {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    bool copied = false;
};

/// One message of the error queue; nothing where it is empty or speaks of something else.
std::optional<Completion> next_completion(int fd, bool& empty)
{
    std::array<char, 128> control{};
    msghdr message{};
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    empty = ::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0;
    if (empty && errno != EAGAIN && errno != EINTR)
        core::throw_errno("recvmsg(MSG_ERRQUEUE)", "connection to the sink");
    if (empty)
        return std::nullopt;
    const cmsghdr* part = CMSG_FIRSTHDR(&message);
    if (part == nullptr || part->cmsg_level != SOL_IP || part->cmsg_type != IP_RECVERR)
        return std::nullopt;
    sock_extended_err report{};
    std::memcpy(&report, CMSG_DATA(part), sizeof(report));
    if (report.ee_origin != SO_EE_ORIGIN_ZEROCOPY || report.ee_errno != 0)
        return std::nullopt;
    return Completion{.first = report.ee_info,
                      .last = report.ee_data,
                      .copied = (report.ee_code & SO_EE_CODE_ZEROCOPY_COPIED) != 0};
}

} // namespace

ZerocopySocket::ZerocopySocket(TcpStream& stream, std::size_t num_buffers)
    : stream_(stream),
      sends_(num_buffers, kSendsMax)
{
    const int on = 1;
    core::checked(::setsockopt(stream.fd(), SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)), "setsockopt",
                  "SO_ZEROCOPY");
}

void ZerocopySocket::send(std::size_t buffer, std::span<const std::byte> data, bool more)
{
    const int flags = MSG_ZEROCOPY | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    while (!data.empty()) {
        while (!sends_.has_room())
            reap_some();
        const ssize_t taken = ::send(stream_.fd(), data.data(), data.size(), flags);
        if (taken > 0) {
            sends_.sent(buffer);
            data = data.subspan(static_cast<std::size_t>(taken));
        } else if (taken < 0 && errno == ENOBUFS) {
            ++counts_.refused;
            wait_or_send_plain(data);
        } else if (taken < 0) {
            stream_.retry_or_throw("send");
        }
    }
}

/// The kernel takes no more pages now. Completions give some back; where there are none to come,
/// nothing but copying goes on.
void ZerocopySocket::wait_or_send_plain(std::span<const std::byte>& data)
{
    if (sends_.num_under_way() > 0)
        return reap_some();
    const ssize_t taken = ::send(stream_.fd(), data.data(), data.size(), MSG_NOSIGNAL);
    if (taken < 0)
        return stream_.retry_or_throw("send");
    ++counts_.plain;
    data = data.subspan(static_cast<std::size_t>(taken));
}

void ZerocopySocket::wait_for(std::size_t buffer)
{
    while (sends_.is_in_use(buffer))
        reap_some();
}

bool ZerocopySocket::wait_for_all()
{
    const auto deadline = std::chrono::steady_clock::now() + kLastCompletions;
    while (sends_.num_under_way() > 0 && std::chrono::steady_clock::now() < deadline)
        reap_some();
    return sends_.num_under_way() == 0;
}

std::string_view ZerocopySocket::reported() const noexcept
{
    if (counts_.completed == 0)
        return counts_.plain > 0 ? "copy" : "";
    if (counts_.copied == 0 && counts_.plain == 0)
        return "zero-copy";
    return counts_.copied == counts_.completed ? "copy" : "partly";
}

/// False where the error queue is empty.
bool ZerocopySocket::reap_one()
{
    bool empty = false;
    const auto completion = next_completion(stream_.fd(), empty);
    if (completion) {
        if (!sends_.complete(completion->first, completion->last))
            throw core::TransferError(fmt::format(
                "the kernel reports sends {} to {} as complete, which are not under way",
                completion->first, completion->last));
        const std::uint64_t count = completion->last - completion->first + 1U;
        counts_.completed += count;
        counts_.copied += completion->copied ? count : 0;
    }
    return !empty;
}

/// A message of the error queue, which may take TransferWatch::kMaxWait to come, or not come.
void ZerocopySocket::reap_some()
{
    if (reap_one())
        return;
    pollfd socket{.fd = stream_.fd(), .events = 0, .revents = 0}; // POLLERR always counts
    const int ready = ::poll(&socket, 1, static_cast<int>(core::TransferWatch::kMaxWait.count()));
    if (ready < 0 && errno != EINTR)
        core::throw_errno("poll", "connection to the sink");
    stream_.check();
    if (ready <= 0 || reap_one())
        return;
    // The socket has something to say that is no completion: an error, or the peer has gone.
    int error = 0;
    socklen_t length = sizeof(error);
    core::checked(::getsockopt(stream_.fd(), SOL_SOCKET, SO_ERROR, &error, &length), "getsockopt",
                  "SO_ERROR");
    if (error != 0)
        core::throw_error(error, "send", "connection to the sink");
    std::this_thread::sleep_for(std::chrono::milliseconds(1)); // poll(2) will not wait
}

} // namespace pagewire::kernelpath
