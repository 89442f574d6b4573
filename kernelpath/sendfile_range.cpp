// SPDX-License-Identifier: BSD-3-Clause
#include "kernelpath/sendfile_range.hpp"

#include "kernelpath/range_sender.hpp"

#include <sys/sendfile.h>

#include <algorithm>

namespace pagewire::kernelpath {

namespace {

/// sendfile(2), Notes: at most 0x7ffff000 bytes a call.
constexpr std::uint64_t kSendfileBytesMax = 0x7ffff000;

class SendfileRange final : public RangeSender {
  public:
    explicit SendfileRange(const core::TransferJob& job) : job_(job), file_(open_source(job)) {}

    void send(const core::ByteRange& range, TcpStream& stream,
              core::TransferReport& report) override
    {
        auto offset = static_cast<off_t>(range.offset);
        for (std::uint64_t rest = range.length; rest > 0;) {
            const ssize_t taken =
                ::sendfile(stream.fd(), file_.get(), &offset, std::min(kSendfileBytesMax, rest));
            if (taken < 0) {
                stream.retry_or_throw("sendfile");
                continue;
            }
            if (taken == 0)
                throw_file_ended(job_, range.end() - rest);
            rest -= static_cast<std::uint64_t>(taken);
            report.bytes_sent += static_cast<std::uint64_t>(taken);
            ++report.num_turns;
            stream.check(); // a signal ends the call early, with the bytes so far
        }
    }

  private:
    const core::TransferJob& job_;
    core::UniqueFd file_;
};

} // namespace

core::TransferReport sendfile_range(const core::TransferJob& job, core::TransferWatch& watch)
{
    return run_with<SendfileRange>(job, watch);
}

core::TransferReport sendfile_answers(const core::TransferJob& job, core::TransferWatch& watch)
{
    return answer_with<SendfileRange>(job, watch);
}

} // namespace pagewire::kernelpath
