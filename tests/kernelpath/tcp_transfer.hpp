// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/error.hpp"
#include "core/method.hpp"
#include "core/socket.hpp"
#include "core/units.hpp"
#include "tests/support/source_file.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace pagewire::tests {

/// Transfers of a file by methods that send to TCP, over the loopback device, to a receiver of this
/// process.
class TcpTransfer {
  public:
    static constexpr std::uint64_t kFileBytes = 5 * core::kMiB + 77;

    /// Ends a transfer after 20 s.
    class Watch final : public core::TransferWatch {
      public:
        void begin() override {}

        void sent() override {}

        void acknowledged() override {}

        void check() const override
        {
            if (std::chrono::steady_clock::now() > deadline_)
                throw core::TransferError("time limit");
        }

      private:
        std::chrono::steady_clock::time_point deadline_ =
            std::chrono::steady_clock::now() + std::chrono::seconds(20);
    };

    TcpTransfer() : file_(kFileBytes), listener_(core::open_socket(SOCK_STREAM))
    {
        ::signal(SIGPIPE, SIG_IGN); // as a worker does
        core::bind_socket(listener_.get(), htonl(INADDR_LOOPBACK), 0);
        core::checked(::listen(listener_.get(), 1), "listen");
        job.path = file_.path();
        job.range = {.offset = 4097, .length = kFileBytes - 4097};
        job.chunk_bytes = 16 * core::kKiB;
        job.peer = {.ipv4 = htonl(INADDR_LOOPBACK),
                    .port = core::local_address(listener_.get()).port};
    }

    /// A whole transfer, to a receiver that begins to read after `wait`, and compares what it gets
    /// with the file.
    core::TransferReport run(const core::Method& method, std::chrono::milliseconds wait = {})
    {
        std::vector<char> got;
        std::thread receiver([&] { got = receive(wait); });
        core::TransferReport report;
        std::string error;
        try {
            report = attempt(method);
        } catch (const std::exception& thrown) {
            error = thrown.what();
        }
        receiver.join();
        EXPECT_EQ(error, "");
        expect_file(got);
        EXPECT_EQ(report.bytes_sent, job.range.length);
        return report;
    }

    /// A transfer that may throw, to nobody in particular: the queue of listen(2) accepts it.
    core::TransferReport attempt(const core::Method& method) const
    {
        Watch watch;
        return method.run(job, watch);
    }

    /// The same, to a receiver that takes what comes.
    template<typename Call>
    void with_receiver(Call call)
    {
        std::thread receiver([this] { (void)receive({}); });
        call();
        receiver.join();
    }

    [[nodiscard]] std::uint64_t num_chunks() const
    {
        return (job.range.length + job.chunk_bytes - 1) / job.chunk_bytes;
    }

    core::TransferJob job; ///< ready to run; free to be changed

  private:
    void expect_file(const std::vector<char>& got) const
    {
        std::ifstream in(file_.path(), std::ios::binary);
        in.seekg(static_cast<std::streamoff>(job.range.offset));
        std::vector<char> wanted(job.range.length);
        in.read(wanted.data(), static_cast<std::streamsize>(wanted.size()));
        EXPECT_EQ(got.size(), wanted.size());
        EXPECT_TRUE(got == wanted)
            << "first wrong byte at "
            << std::mismatch(got.begin(), got.end(), wanted.begin(), wanted.end()).first -
                   got.begin();
    }

    [[nodiscard]] std::vector<char> receive(std::chrono::milliseconds wait) const
    {
        const core::UniqueFd stream(
            core::checked(::accept(listener_.get(), nullptr, nullptr), "accept"));
        std::this_thread::sleep_for(wait);
        std::vector<char> got(kFileBytes + 1);
        std::size_t length = 0;
        for (ssize_t taken = 1; taken > 0 && length < got.size();) {
            taken = ::recv(stream.get(), got.data() + length, got.size() - length, 0);
            length += static_cast<std::size_t>(std::max<ssize_t>(taken, 0));
        }
        got.resize(length);
        const char acknowledged = 0x06;
        (void)::send(stream.get(), &acknowledged, 1, MSG_NOSIGNAL);
        return got;
    }

    SourceFile file_;
    core::UniqueFd listener_;
};

} // namespace pagewire::tests
