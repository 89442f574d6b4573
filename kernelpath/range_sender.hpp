// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "kernelpath/tcp_stream.hpp"

namespace pagewire::kernelpath {

/// A kernel method's own way of sending bytes of a file over an open connection: what both of its
/// uses have in common. Made from the job, it opens the file.
///
///     send_stream()    connect | begin | send(the job's range) | sent | acknowledged
///     answer()         connect | begin | send(a range) for each request, to the last |
///     acknowledged
class RangeSender {
  public:
    /// All bytes of `range`, which lies within the job's. Adds bytes and turns to the report.
    /// Throws SystemError, TransferError (the file ended; cancelled; time limit).
    virtual void send(const core::ByteRange& range, TcpStream& stream,
                      core::TransferReport& report) = 0;

    /// After the last send(), when the peer has everything: what is still to be learnt of it, for
    /// the report. Not part of the transfer's time.
    virtual void conclude(TcpStream&, core::TransferReport&) {}

    RangeSender() = default;
    RangeSender(const RangeSender&) = delete;
    RangeSender& operator=(const RangeSender&) = delete;
    virtual ~RangeSender() = default;
};

/// Method::run: the job's range as one connection's stream.
[[nodiscard]] core::TransferReport send_stream(const core::TransferJob& job,
                                               core::TransferWatch& watch, RangeSender& sender);

/// Method::answer: requests in the order in which they come, each by one send(). TCP_NODELAY is
/// set, and read back into the report's facts.
[[nodiscard]] core::TransferReport answer_requests(const core::TransferJob& job,
                                                   core::TransferWatch& watch, RangeSender& sender);

/// The same for a Method's record: `Sender` is made from the job.
template<typename Sender>
[[nodiscard]] core::TransferReport run_with(const core::TransferJob& job,
                                            core::TransferWatch& watch)
{
    Sender sender(job);
    return send_stream(job, watch, sender);
}

template<typename Sender>
[[nodiscard]] core::TransferReport answer_with(const core::TransferJob& job,
                                               core::TransferWatch& watch)
{
    Sender sender(job);
    return answer_requests(job, watch, sender);
}

} // namespace pagewire::kernelpath
