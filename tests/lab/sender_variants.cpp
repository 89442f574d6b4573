// SPDX-License-Identifier: BSD-3-Clause
#include "tests/lab/sender_variants.hpp"

#include "core/error.hpp"
#include "kernelpath/tcp_stream.hpp"
#include "testbed/registry.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

namespace {

/// Messages that sendmmsg(2) still sends before one that it only says it has sent; negative: it
/// sends all.
int messages_before_loss = -1;

} // namespace

/// This program's own, for what is to be lost.
extern "C" int sendmmsg(int socket, mmsghdr* messages, unsigned num, int flags)
{
    const bool loses_next = messages_before_loss == 0;
    if (loses_next) {
        messages_before_loss = -1;
        return 1;
    }
    if (messages_before_loss > 0)
        num = std::min(num, static_cast<unsigned>(messages_before_loss));
    const long sent = ::syscall(SYS_sendmmsg, socket, messages, num, flags);
    if (messages_before_loss > 0 && sent > 0)
        messages_before_loss -= static_cast<int>(sent);
    return static_cast<int>(sent);
}

namespace pagewire::tests {

namespace {

using kernelpath::TcpStream;

struct Pipe {
    core::UniqueFd read_end;
    core::UniqueFd write_end;
};

/// With room for `bytes` at once.
Pipe make_pipe(std::size_t bytes)
{
    std::array<int, 2> ends{};
    core::checked(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
    core::checked(::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(bytes)), "F_SETPIPE_SZ");
    return {core::UniqueFd(ends[0]), core::UniqueFd(ends[1])};
}

void write_into(int pipe, std::span<const std::byte> data)
{
    while (!data.empty())
        data = data.subspan(static_cast<std::size_t>(
            core::checked(::write(pipe, data.data(), data.size()), "write", "pipe")));
}

void read_from(int file, std::span<std::byte> data)
{
    while (!data.empty()) {
        const ssize_t got = core::checked(::read(file, data.data(), data.size()), "read");
        if (got == 0)
            throw core::TransferError("it ended early");
        data = data.subspan(static_cast<std::size_t>(got));
    }
}

void splice_all(int from, int to, std::size_t bytes)
{
    while (bytes > 0)
        bytes -= static_cast<std::size_t>(
            core::checked(::splice(from, nullptr, to, nullptr, bytes, 0), "splice"));
}

struct Sending {
    int file;
    const Pipe& pipe;
    TcpStream& stream;
    std::span<std::byte> chunk;
};

/// The loop that all variants share; `turn` sends one chunk.
template<typename Turn>
core::TransferReport run(const core::TransferJob& job, core::TransferWatch& watch, Turn turn)
{
    const core::UniqueFd file = kernelpath::open_source(job);
    core::checked(::lseek(file.get(), static_cast<off_t>(job.range.offset), SEEK_SET), "lseek");
    const Pipe pipe = make_pipe(job.chunk_bytes);
    TcpStream stream(job, watch);
    std::vector<std::byte> buffer(job.chunk_bytes);
    core::TransferReport report;
    watch.begin();
    for (std::uint64_t rest = job.range.length; rest > 0; ++report.num_turns) {
        const auto chunk = std::span(buffer).first(std::min<std::uint64_t>(rest, buffer.size()));
        turn(Sending{.file = file.get(), .pipe = pipe, .stream = stream, .chunk = chunk});
        rest -= chunk.size();
    }
    watch.sent();
    report.bytes_sent = job.range.length;
    stream.finish(watch);
    return report;
}

template<typename Turn>
constexpr core::Method variant(std::string_view name, core::Textbook textbook, Turn)
{
    return {.name = name,
            .summary = "a variant for tests",
            .family = core::Family::kKernelPath,
            .wire = core::Wire::kTcp,
            .needs = {},
            .textbook = textbook,
            .probe = [] { return core::Support::available(); },
            .run = [](const core::TransferJob& job,
                      core::TransferWatch& watch) { return run(job, watch, Turn{}); }};
}

constexpr auto read_write_turn = [](const Sending& s) {
    read_from(s.file, s.chunk);
    s.stream.write_all(s.chunk);
};

core::Method disguised()
{
    core::Method method = variant("buffered_in_disguise",
                                  {.crossings = 4, .cpu_copies = 2, .dma = 2}, read_write_turn);
    method.needs_direct_io = true;
    return method;
}

core::Method lossy()
{
    core::Method method = *testbed::find_method("read_write_udp");
    method.name = "lossy_udp";
    method.run = [](const core::TransferJob& job, core::TransferWatch& watch) {
        messages_before_loss = 100;
        return testbed::find_method("read_write_udp")->run(job, watch);
    };
    return method;
}

} // namespace

const core::Method spliced_and_read =
    variant("spliced_and_read", {.crossings = 6, .cpu_copies = 1, .dma = 2}, [](const Sending& s) {
        splice_all(s.file, s.pipe.write_end.get(), s.chunk.size());
        read_from(s.pipe.read_end.get(), s.chunk);
        s.stream.write_all(s.chunk);
    });

const core::Method through_a_pipe =
    variant("through_a_pipe", {.crossings = 8, .cpu_copies = 4, .dma = 2}, [](const Sending& s) {
        read_from(s.file, s.chunk);
        write_into(s.pipe.write_end.get(), s.chunk);
        read_from(s.pipe.read_end.get(), s.chunk);
        s.stream.write_all(s.chunk);
    });

const core::Method spliced_from_a_pipe = variant(
    "spliced_from_a_pipe", {.crossings = 6, .cpu_copies = 2, .dma = 2}, [](const Sending& s) {
        read_from(s.file, s.chunk);
        write_into(s.pipe.write_end.get(), s.chunk);
        splice_all(s.pipe.read_end.get(), s.stream.fd(), s.chunk.size());
    });

const core::Method one_call_more =
    variant("one_call_more", {.crossings = 4, .cpu_copies = 2, .dma = 2}, [](const Sending& s) {
        read_write_turn(s);
        (void)::syscall(SYS_getppid);
    });

const core::Method buffered_in_disguise = disguised();

const core::Method lossy_udp = lossy();

const core::Method* find_variant(std::string_view name)
{
    for (const core::Method* method : {&spliced_and_read, &through_a_pipe, &spliced_from_a_pipe,
                                       &one_call_more, &buffered_in_disguise, &lossy_udp}) {
        if (method->name == name)
            return method;
    }
    return testbed::find_method(name);
}

} // namespace pagewire::tests
