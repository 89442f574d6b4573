// SPDX-License-Identifier: BSD-3-Clause
// Scatter/gather: the device fetches payload from where it lies.
//
// Stimulus: sendfile(2) of pages in the page cache. Observation by page identity as the driver
// takes each skb: with the feature on the file's own pages, off all of it copied behind the
// headers.
#include "core/error.hpp"
#include "nic/checks/check.hpp"
#include "nic/checks/flow.hpp"
#include "nic/checks/rig.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

namespace pagewire::nic {

namespace {

constexpr std::uint64_t kFileBytes = std::uint64_t{4} << 20U;
constexpr double kAllButHeaders = 0.99; // some octets may ride behind the headers, or go unseen

/// The pattern, in pages of the page cache that no disk stands behind.
core::UniqueFd make_file()
{
    core::UniqueFd file(
        core::checked(::memfd_create("pagewire-check", MFD_CLOEXEC), "memfd_create"));
    std::vector<std::byte> octets(kFileBytes);
    fill_pattern(octets, 0);
    if (core::checked(::write(file.get(), octets.data(), octets.size()), "write", "memfd") !=
        static_cast<ssize_t>(kFileBytes))
        throw core::TransferError("memfd: written in part only");
    return file;
}

void send_file(int socket, int file)
{
    off_t offset = 0;
    while (static_cast<std::uint64_t>(offset) < kFileBytes)
        core::checked(
            ::sendfile(socket, file, &offset, kFileBytes - static_cast<std::uint64_t>(offset)),
            "sendfile");
    core::checked(::shutdown(socket, SHUT_WR), "shutdown");
}

/// Reads to the end beside the sender; joined on every path.
class Receiver {
  public:
    explicit Receiver(int socket) : thread_([this, socket] { receive_pattern(socket, report_); })
    {
        report_.bytes_sent = kFileBytes; // which the other thread leaves alone
    }

    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;

    ~Receiver()
    {
        if (thread_.joinable())
            thread_.join();
    }

    const StreamReport& wait()
    {
        thread_.join();
        return report_;
    }

  private:
    StreamReport report_;
    std::thread thread_;
};

SkbPlaces send_watched(Rig& rig, int file, const std::string& arm, Judgement& judgement)
{
    TcpPair pair(rig, IpVersion::k4);
    Receiver receiver(pair.far());
    rig.skb_watch->start(file, rig.near.netns, rig.near.interface, rig.far.ipv4, pair.port());
    std::string trouble;
    try {
        send_file(pair.near(), file);
    } catch (const core::SystemError& error) {
        trouble = error.what();
    }
    const StreamReport& report = receiver.wait(); // all of it has passed the driver
    const SkbPlaces places = rig.skb_watch->stop();
    if (!trouble.empty())
        judgement.fail(fmt::format("{}: {}", arm, trouble));
    if (!report.is_whole())
        judgement.fail(fmt::format("{}: {}", arm, describe(report)));
    const auto percent = [&](std::uint64_t bytes) {
        return places.total() == 0
                   ? 0.0
                   : 100.0 * static_cast<double>(bytes) / static_cast<double>(places.total());
    };
    judgement.observe(arm,
                      fmt::format("payload given to the driver: {:.1f} % in the file's own "
                                  "pages, {:.1f} % behind the headers, {:.1f} % in other "
                                  "pages; {}",
                                  percent(places.in_file_pages), percent(places.in_linear_area),
                                  percent(places.in_private_pages), describe(report)));
    return places;
}

void judge(bool on, const SkbPlaces& places, Judgement& judgement)
{
    const auto total = static_cast<double>(places.total());
    if (places.total() < kFileBytes)
        judgement.fail(
            fmt::format("{} of {} octets were seen at the driver", places.total(), kFileBytes));
    else if (on && static_cast<double>(places.in_file_pages) < kAllButHeaders * total)
        judgement.not_in_effect("on, yet the payload is copied before the device has it");
    else if (!on && static_cast<double>(places.in_linear_area) < kAllButHeaders * total)
        judgement.fail("off, yet the driver is given fragments");
}

Finding run(Rig& rig)
{
    if (rig.skb_watch == nullptr || !rig.skb_watch->support())
        return Judgement::skip(fmt::format(
            "skbs cannot be looked at: {}",
            rig.skb_watch == nullptr ? "nobody watches" : rig.skb_watch->support().reason()));
    const Switch gather = find_switch(rig.near, "tx-scatter-gather");
    if (!gather.obstacle.empty() && !gather.active)
        return Judgement::skip(gather.obstacle);
    const core::UniqueFd file = make_file();
    Judgement judgement;
    if (!gather.obstacle.empty())
        judgement.note(gather.obstacle);
    for (const bool on : gather.states()) {
        rig.apply(rig.near, all_of(gather.names, on));
        judge(on, send_watched(rig, file.get(), on ? "on" : "off", judgement), judgement);
    }
    return std::move(judgement).finish();
}

} // namespace

extern const Check check_scatter_gather{
    .name = "scatter-gather",
    .summary = "payload fetched from the page cache's own pages when on, copied when off",
    .run = run};

} // namespace pagewire::nic
