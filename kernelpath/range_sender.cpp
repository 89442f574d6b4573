// SPDX-License-Identifier: BSD-3-Clause
#include "kernelpath/range_sender.hpp"

#include "core/range_request.hpp"
#include "core/socket.hpp"

namespace pagewire::kernelpath {

core::TransferReport send_stream(const core::TransferJob& job, core::TransferWatch& watch,
                                 RangeSender& sender)
{
    TcpStream stream(job, watch);
    core::TransferReport report;
    watch.begin();
    sender.send(job.range, stream, report);
    watch.sent();
    stream.finish(watch);
    sender.conclude(stream, report);
    return report;
}

core::TransferReport answer_requests(const core::TransferJob& job, core::TransferWatch& watch,
                                     RangeSender& sender)
{
    TcpStream stream(job, watch);
    core::set_no_delay(stream.fd());
    core::TransferReport report;
    report.facts["tcp_nodelay"] = core::has_no_delay(stream.fd()) ? "on" : "off";
    std::uint64_t num_requests = 0;
    core::RangeRequestOctets request{};
    watch.begin();
    while (stream.read_all(request)) {
        sender.send(core::decode_range_request(request, job.range), stream, report);
        ++num_requests;
    }
    watch.sent();
    watch.acknowledged(); // the client ends the connection when it has every answer
    sender.conclude(stream, report);
    report.counters["requests"] = num_requests;
    return report;
}

} // namespace pagewire::kernelpath
