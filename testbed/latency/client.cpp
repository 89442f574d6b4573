// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/latency/client.hpp"

#include "core/error.hpp"
#include "core/range_request.hpp"
#include "core/socket.hpp"
#include "core/units.hpp"
#include "testbed/plan_rules.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>

namespace pagewire::testbed {

namespace {

/// Answers that are kept until they are verified, all in all: the time of a batch is long beside
/// its beginning and its end, and the memory small beside the machine's.
constexpr std::uint64_t kBatchBytes = 8 * core::kMiB;
/// A batch is at least so many times as long as the pipe is deep.
constexpr std::uint64_t kBatchDepths = 4;

/// What a peer asks for is checked here once more: the sink may stand on another machine.
const AskRequest& checked_request(const AskRequest& request, const core::BlockDigests& digests)
{
    if (!fits(request.request_bytes, kLatencySizeLimits) || request.request_bytes > request.length)
        throw core::UsageError(fmt::format("requests of {} bytes of a stream of {} cannot be",
                                           request.request_bytes, request.length));
    if (!fits(request.outstanding, kOutstandingLimits))
        throw core::UsageError(fmt::format("{} requests in flight cannot be", request.outstanding));
    if (request.verify && digests.length != request.length)
        throw core::UsageError("the sink was not given the digests of this stream");
    return request;
}

std::uint64_t batch_places(const AskRequest& request)
{
    return std::max<std::uint64_t>(kBatchBytes / request.request_bytes,
                                   kBatchDepths * request.outstanding);
}

/// Requests of a batch that only fill the pipe.
std::uint64_t num_filling(const AskRequest& request)
{
    return request.outstanding > 1 ? request.outstanding : 0;
}

} // namespace

LatencyClient::LatencyClient(const AskRequest& request, const core::BlockDigests& digests)
    : request_(checked_request(request, digests)),
      digests_(digests),
      draw_(request.length / core::kBlockBytes, request.request_bytes / core::kBlockBytes,
            request.seed),
      answers_(batch_places(request) * request.request_bytes),
      listener_(core::open_socket(SOCK_STREAM))
{
    sent_at_.resize(batch_places(request));
    core::bind_socket(listener_.get(), request.ipv4, 0);
    core::checked(::listen(listener_.get(), 1), "listen");
    core::set_socket_timeouts(listener_.get(), core::TransferWatch::kMaxWait);
}

std::uint16_t LatencyClient::port() const
{
    return core::local_address(listener_.get()).port;
}

AskedNote LatencyClient::run(core::ReceiveStop& stop)
{
    AskedNote note;
    note.verified = request_.verify;
    try {
        accept_one(stop);
        note.tcp_nodelay = core::has_no_delay(connection_.get());
        warm_up(stop, note);
        ask_all(stop, note);
        end_connection(stop);
    } catch (const core::TransferError& error) {
        note.error = error.what();
    } catch (const core::SystemError& error) {
        note.error = error.what();
    }
    connection_.reset(); // the worker sees the end, however this went
    note.histogram = histogram_.entries();
    note.latency_ns_min = histogram_.min();
    note.latency_ns_max = histogram_.max();
    return note;
}

void LatencyClient::accept_one(core::ReceiveStop& stop)
{
    while (!stop.stop_now()) {
        connection_ = core::UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (connection_) {
            core::set_socket_timeouts(connection_.get(), core::TransferWatch::kMaxWait);
            core::set_no_delay(connection_.get());
            return;
        }
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            core::throw_errno("accept", "connection from the worker");
    }
    throw core::TransferError("no worker connected");
}

/// The connection's windows grow and both processes' pages come in. Always the same range: a cold
/// file stays cold but for that one.
void LatencyClient::warm_up(core::ReceiveStop& stop, AskedNote& note)
{
    const std::uint64_t block = draw_.next();
    for (std::uint64_t left = request_.num_warmups; left > 0;) {
        const std::uint64_t num = std::min(left, batch_places(request_));
        first_blocks_.assign(num, block);
        (void)run_batch(stop);
        verify_batch(note);
        left -= num;
    }
}

void LatencyClient::ask_all(core::ReceiveStop& stop, AskedNote& note)
{
    const std::uint64_t filling = num_filling(request_);
    while (histogram_.count() < request_.num_requests) {
        std::uint64_t num =
            std::min(request_.num_requests - histogram_.count() + filling, batch_places(request_));
        if (request_.each_range_once)
            num = std::min(num, draw_.num_left());
        if (num <= filling)
            return; // every range that can count has had its turn
        first_blocks_.resize(num);
        std::generate(first_blocks_.begin(), first_blocks_.end(), [&] { return draw_.next(); });
        note.elapsed_ns += run_batch(stop).count();
        note.num_answered += num;
        for (std::size_t i = filling; i < latencies_.size(); ++i)
            histogram_.add(latencies_[i]);
        verify_batch(note);
        if (stop.stop_now())
            throw core::TransferError(fmt::format("stopped after {} of {} requests",
                                                  histogram_.count(), request_.num_requests));
    }
}

std::chrono::nanoseconds LatencyClient::run_batch(core::ReceiveStop& stop)
{
    const std::size_t num = first_blocks_.size();
    latencies_.resize(num);
    std::size_t num_sent = 0;
    const auto send_next = [&] {
        sent_at_[num_sent] = Clock::now();
        send_request(first_blocks_[num_sent]);
        ++num_sent;
    };
    const auto begun = Clock::now();
    auto now = begun;
    while (num_sent < std::min<std::size_t>(num, request_.outstanding))
        send_next();
    for (std::size_t i = 0; i < num; ++i) {
        receive_answer(answer(i), stop);
        now = Clock::now();
        latencies_[i] = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::nanoseconds>(now - sent_at_[i]).count());
        if (num_sent < num)
            send_next();
    }
    return now - begun;
}

void LatencyClient::send_request(std::uint64_t first_block)
{
    const core::RangeRequestOctets octets = core::encode_range_request(
        {.offset = request_.file_offset + first_block * core::kBlockBytes,
         .length = request_.request_bytes});
    // So few octets are in flight in this direction that the kernel always has room for them all.
    const ssize_t taken =
        core::checked(::send(connection_.get(), octets.data(), octets.size(), MSG_NOSIGNAL), "send",
                      "connection to the worker");
    if (static_cast<std::size_t>(taken) != octets.size())
        throw core::TransferError("a request was not taken whole");
}

void LatencyClient::receive_answer(std::span<std::byte> answer, core::ReceiveStop& stop)
{
    while (!answer.empty()) {
        const ssize_t got = ::recv(connection_.get(), answer.data(), answer.size(), 0);
        if (got > 0) {
            answer = answer.subspan(static_cast<std::size_t>(got));
            continue;
        }
        if (got == 0 || errno == ECONNRESET)
            throw core::TransferError(
                fmt::format("the worker closed the connection with {} bytes of an answer to come",
                            answer.size()));
        if (errno != EAGAIN && errno != EINTR)
            core::throw_errno("recv", "connection from the worker");
        if (stop.stop_now())
            throw core::TransferError("stopped while an answer was to come");
    }
}

void LatencyClient::verify_batch(AskedNote& note) const
{
    if (!request_.verify)
        return;
    const std::size_t num_blocks = request_.request_bytes / core::kBlockBytes;
    auto rest = std::span<const std::byte>(answers_);
    for (const std::uint64_t first : first_blocks_) {
        for (std::uint64_t block = first; block < first + num_blocks; ++block) {
            const bool good =
                core::block_digest(rest.first(core::kBlockBytes)) == digests_.digests[block];
            rest = rest.subspan(core::kBlockBytes);
            ++(good ? note.blocks_good : note.blocks_bad);
            if (!good && note.first_bad_block < 0)
                note.first_bad_block = static_cast<std::int64_t>(block);
        }
    }
}

void LatencyClient::end_connection(core::ReceiveStop& stop)
{
    core::checked(::shutdown(connection_.get(), SHUT_WR), "shutdown", "connection to the worker");
    for (;;) {
        std::byte surplus{};
        const ssize_t got = ::recv(connection_.get(), &surplus, 1, 0);
        if (got == 0)
            return;
        if (got > 0)
            throw core::TransferError("the worker sent more than it was asked for");
        if (errno != EAGAIN && errno != EINTR)
            core::throw_errno("recv", "connection from the worker");
        if (stop.stop_now())
            throw core::TransferError("stopped while the worker was to end the connection");
    }
}

std::span<std::byte> LatencyClient::answer(std::size_t place) noexcept
{
    return std::span(answers_).subspan(place * request_.request_bytes, request_.request_bytes);
}

} // namespace pagewire::testbed
