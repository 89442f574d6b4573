// SPDX-License-Identifier: BSD-3-Clause
// Every kernel method against receivers that are slow, silent or gone. What a method sends from
// memory of its own must stay what it is until the receiver has it: a slow one is what shows a
// buffer that was written to too early.
#include "core/error.hpp"
#include "core/socket.hpp"
#include "core/units.hpp"
#include "testbed/registry.hpp"
#include "tests/support/source_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

namespace pagewire::tests {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kFileBytes = 8 * core::kMiB + 5;

class LimitedWatch final : public core::TransferWatch {
  public:
    explicit LimitedWatch(std::chrono::milliseconds limit) : deadline_(Clock::now() + limit) {}

    void begin() override {}

    void sent() override {}

    void acknowledged() override { acknowledged_ = true; }

    void check() const override
    {
        if (Clock::now() > deadline_)
            throw core::TransferError("time limit");
    }

    [[nodiscard]] bool is_acknowledged() const noexcept { return acknowledged_; }

  private:
    Clock::time_point deadline_;
    bool acknowledged_ = false;
};

class HostileReceivers : public testing::TestWithParam<const core::Method*> {
  protected:
    HostileReceivers() : file_(kFileBytes), listener_(core::open_socket(SOCK_STREAM))
    {
        ::signal(SIGPIPE, SIG_IGN); // as a worker does
        // Small, so that most of what is sent waits in the sender's socket.
        const int receive_bytes = 32 * 1024;
        core::checked(::setsockopt(listener_.get(), SOL_SOCKET, SO_RCVBUF, &receive_bytes,
                                   sizeof(receive_bytes)),
                      "setsockopt");
        core::bind_socket(listener_.get(), htonl(INADDR_LOOPBACK), 0);
        core::checked(::listen(listener_.get(), 1), "listen");
        job_.path = file_.path();
        job_.range = {.offset = 0, .length = kFileBytes};
        job_.chunk_bytes = 4 * core::kKiB; // the buffers' turns come soon
        job_.peer = {.ipv4 = htonl(INADDR_LOOPBACK),
                     .port = core::local_address(listener_.get()).port};
    }

    [[nodiscard]] core::UniqueFd accept_one() const
    {
        return core::UniqueFd(core::checked(::accept(listener_.get(), nullptr, nullptr), "accept"));
    }

    /// The whole stream, some KiB at a time and with pauses, and the last word.
    [[nodiscard]] std::vector<std::byte> read_slowly() const
    {
        const core::UniqueFd stream = accept_one();
        std::this_thread::sleep_for(100ms); // all queues are full
        std::vector<std::byte> got(kFileBytes + 1);
        std::size_t length = 0;
        for (int turn = 0; length < got.size(); ++turn) {
            const std::size_t want = std::min<std::size_t>(16 * core::kKiB, got.size() - length);
            const ssize_t taken = ::recv(stream.get(), got.data() + length, want, 0);
            if (taken <= 0)
                break;
            length += static_cast<std::size_t>(taken);
            if (turn % 4 == 0)
                std::this_thread::sleep_for(1ms);
        }
        got.resize(length);
        const std::byte acknowledged{0x06};
        (void)::send(stream.get(), &acknowledged, 1, MSG_NOSIGNAL);
        return got;
    }

    [[nodiscard]] std::vector<std::byte> file_content() const
    {
        std::vector<std::byte> content(kFileBytes);
        const core::UniqueFd fd(::open(file_.path().c_str(), O_RDONLY | O_CLOEXEC));
        EXPECT_EQ(::pread(fd.get(), content.data(), content.size(), 0),
                  static_cast<ssize_t>(kFileBytes));
        return content;
    }

    /// What run() threw; empty where it came to its end. It must not take long.
    [[nodiscard]] std::string run(std::chrono::milliseconds limit)
    {
        LimitedWatch watch(limit);
        const auto begin = Clock::now();
        std::string error;
        try {
            (void)GetParam()->run(job_, watch);
        } catch (const std::exception& thrown) {
            error = thrown.what();
        }
        EXPECT_LT(Clock::now() - begin, limit + 2s);
        EXPECT_EQ(watch.is_acknowledged(), error.empty());
        return error;
    }

    SourceFile file_;
    core::UniqueFd listener_;
    core::TransferJob job_;
};

TEST_P(HostileReceivers, SlowOneGetsTheRightBytes)
{
    std::vector<std::byte> got;
    std::thread receiver([&] { got = read_slowly(); });
    const std::string error = run(60s);
    receiver.join();
    EXPECT_EQ(error, "");
    const std::vector<std::byte> wanted = file_content();
    ASSERT_EQ(got.size(), wanted.size());
    const auto difference = std::mismatch(got.begin(), got.end(), wanted.begin());
    EXPECT_EQ(difference.first - got.begin(), static_cast<std::ptrdiff_t>(kFileBytes))
        << "the first wrong byte";
}

TEST_P(HostileReceivers, SilentOneFailsTheTransferAtItsTimeLimit)
{
    EXPECT_EQ(run(500ms), "time limit"); // the kernel accepts, nobody reads
}

TEST_P(HostileReceivers, VanishingOneFailsTheTransferAtOnce)
{
    std::thread receiver([this] {
        const core::UniqueFd stream = accept_one();
        std::array<std::byte, 4096> some{};
        (void)::recv(stream.get(), some.data(), some.size(), 0);
    }); // what is unread when it closes makes it a reset
    const std::string error = run(20s);
    receiver.join();
    EXPECT_THAT(error, testing::AnyOf(testing::HasSubstr("Connection reset by peer"),
                                      testing::HasSubstr("Broken pipe")));
}

std::vector<const core::Method*> kernel_methods()
{
    std::vector<const core::Method*> result;
    for (const core::Method* method : testbed::methods()) {
        if (method->family == core::Family::kKernelPath && method->wire == core::Wire::kTcp)
            result.push_back(method);
    }
    return result;
}

INSTANTIATE_TEST_SUITE_P(EveryKernelMethod, HostileReceivers, testing::ValuesIn(kernel_methods()),
                         [](const auto& param) { return std::string(param.param->name); });

} // namespace
} // namespace pagewire::tests
