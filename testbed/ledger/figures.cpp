// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/ledger/figures.hpp"

#include "core/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace pagewire::testbed {

namespace {

using Places = ledger_u64[LEDGER_NUM_PLACES];

constexpr std::array<const char*, LEDGER_NUM_STAGES> kStageNames{"queue", "transmit", "arrival",
                                                                 "delivery", "driver"};
constexpr std::array<const char*, LEDGER_NUM_CALL_BYTES> kCallNames{
    "read_file", "read_direct", "read_pipe", "write_pipe", "write_socket", "file_other"};
constexpr std::array<const char*, LEDGER_NUM_PLACES> kPlaceNames{
    "linear", "private", "file", "file_astray", "anonymous", "other", "disk", "umem"};

constexpr const char* kCallEvidence = "sys_exit of the worker, between its marks";
constexpr const char* kReadEvidence = "bytes that read(2) and its like returned (sys_exit)";
constexpr const char* kTaskEvidence = "the worker's task_struct at its marks";
constexpr const char* kUsageEvidence = "getrusage(2) of the worker, to the receiver's last word";
constexpr const char* kTransmitEvidence =
    "page identity at net_dev_queue and net_dev_start_xmit of the sending device";
constexpr const char* kArrivalEvidence = "page identity at netif_receive_skb of the veth peer";
constexpr const char* kDriverEvidence =
    "fentry of __dev_direct_xmit, by which AF_XDP's copy mode hands skbs to the driver: page "
    "identity";
constexpr const char* kUmemEvidence =
    "fexit of xsk_tx_peek_release_desc_batch: the driver took descriptors of the UMEM, and no skb "
    "was made";
constexpr const char* kPacketSocketEvidence =
    "page identity at net_dev_queue of the sending device, which a packet socket hands them to";

constexpr const char* kVfioDriver = "vfio-pci";
constexpr const char* kNoDeviceCount =
    "the device's driver in the worker tells no count for one transfer of several queues";

/// Page identity speaks for the payload that it saw. More than this share may not have passed
/// unseen: on some machines no program runs in the context of a protected process, and the packets
/// of the softirqs that interrupt it go by unseen.
constexpr double kUnseenShareMax = 0.02;
/// Nor may more be seen than there is.
constexpr double kForeignShareMax = 0.001;
/// Nor may more than this share lie in another file's pages, in device memory, in a list of skbs,
/// or at another place of the file.
constexpr double kUnknownShareMax = 0.01;
/// From this share on the payload counts as wholly copied, or wholly not.
constexpr double kWholly = 0.99;

std::uint64_t sum(const Places& places)
{
    return std::accumulate(std::begin(places), std::end(places), std::uint64_t{0});
}

/// Of the payload that was seen at a stage.
double share(const Places& places, ledger_place place)
{
    return static_cast<double>(places[place]) / static_cast<double>(sum(places));
}

/// Makes the figures one after the other from one transfer's evidence.
class Maker {
  public:
    explicit Maker(const TransferEvidence& evidence)
        : evidence_(evidence),
          reading_(evidence.reading),
          usage_(evidence.worker->figures),
          payload_(static_cast<double>(evidence.worker->report.bytes_sent)),
          num_turns_(static_cast<double>(evidence.worker->report.num_turns)),
          distrust_(distrust())
    {}

    LedgerFigures make()
    {
        calls();
        faults_and_switches();
        payload_bytes();
        copies();
        copies_by_fentry();
        disk();
        nic();
        pmu();
        return std::move(figures_);
    }

  private:
    /// Why the reading as a whole cannot be believed; empty where it can.
    [[nodiscard]] std::string distrust() const
    {
        if (reading_ == nullptr)
            return evidence_.no_reading.empty() ? "nobody watched" : evidence_.no_reading;
        if (payload_ <= 0)
            return "no payload was sent";
        if (reading_->counts.phase != LEDGER_OVER)
            return "the worker's marks never came: the transfer did not reach its end";
        if (reading_->num_missed > 0)
            return fmt::format("{} events were missed: a program was interrupted by itself",
                               reading_->num_missed);
        return {};
    }

    /// `amount` / `whole`, or why not.
    [[nodiscard]] Figure ratio(double amount, double whole, const char* evidence) const
    {
        return whole > 0
                   ? Figure{.value = amount / whole, .evidence = evidence}
                   : unavailable(payload_ > 0 ? "no turn was counted" : "no payload was sent");
    }

    [[nodiscard]] Figure observed(double amount, double whole, const char* evidence) const
    {
        return distrust_.empty() ? ratio(amount, whole, evidence) : unavailable(distrust_);
    }

    /// As observed(), where the kernel has the tracepoint.
    [[nodiscard]] Figure observed_at(const char* tracepoint, double amount, double whole,
                                     const char* evidence) const
    {
        if (reading_ != nullptr) {
            if (const auto it = reading_->absent.find(tracepoint); it != reading_->absent.end())
                return unavailable(it->second);
        }
        return observed(amount, whole, evidence);
    }

    [[nodiscard]] double mib() const { return payload_ / static_cast<double>(core::kMiB); }

    void calls()
    {
        std::uint64_t num_calls = 0;
        if (distrust_.empty()) {
            figures_.syscalls = reading_->calls;
            figures_.syscalls_after = reading_->calls_after;
            for (const auto& [name, count] : reading_->calls)
                num_calls += count;
        }
        const auto count = static_cast<double>(num_calls);
        figures_.syscalls_per_mib = observed(count, mib(), kCallEvidence);
        figures_.crossings_per_turn = observed(2 * count, num_turns_, kCallEvidence);
    }

    void faults_and_switches()
    {
        double faults = 0;
        double voluntary = 0;
        double involuntary = 0;
        // The marks note the task that makes them: of several threads they would show one.
        const bool by_kernel = distrust_.empty() && evidence_.worker->report.queues.empty();
        if (by_kernel) {
            const ledger_task& begin = reading_->counts.at_begin;
            const ledger_task& sent = reading_->counts.at_sent;
            faults =
                static_cast<double>(sent.min_flt + sent.maj_flt - begin.min_flt - begin.maj_flt);
            voluntary = static_cast<double>(sent.nvcsw - begin.nvcsw);
            involuntary = static_cast<double>(sent.nivcsw - begin.nivcsw);
        } else {
            faults = static_cast<double>(usage_.page_faults_minor + usage_.page_faults_major);
            voluntary = static_cast<double>(usage_.context_switches_voluntary);
            involuntary = static_cast<double>(usage_.context_switches_involuntary);
        }
        const char* evidence = by_kernel ? kTaskEvidence : kUsageEvidence;
        figures_.page_faults_per_mib = ratio(faults, mib(), evidence);
        figures_.page_faults_per_turn = ratio(faults, num_turns_, evidence);
        figures_.context_switches_per_mib = ratio(voluntary + involuntary, mib(), evidence);
        figures_.context_switches_involuntary_per_mib = ratio(involuntary, mib(), evidence);
    }

    /// Why the skbs of this transfer say nothing; empty where they do.
    [[nodiscard]] std::string blind() const
    {
        if (!distrust_.empty())
            return distrust_;
        const auto absent = [&](const char* tracepoint) {
            const auto it = reading_->absent.find(tracepoint);
            return it == reading_->absent.end() ? std::string{} : it->second;
        };
        const auto unseen = [&](ledger_stage stage) {
            const auto seen = static_cast<double>(sum(reading_->counts.payload[stage]));
            // A program of ours that missed a packet, of whomever: the sum tells whether it was
            // ours.
            const double share_max = reading_->num_missed_packets > 0 ? 0 : kUnseenShareMax;
            return payload_ - seen > share_max * payload_ ||
                           seen - payload_ > kForeignShareMax * payload_
                       ? fmt::format("{:.0f} of {:.0f} payload bytes were seen at the {} stage",
                                     seen, payload_, kStageNames[stage])
                       : std::string{};
        };
        const auto first = [](std::initializer_list<std::string> reasons) {
            const auto* it = std::find_if(reasons.begin(), reasons.end(),
                                          [](const std::string& r) { return !r.empty(); });
            return it == reasons.end() ? std::string{} : *it;
        };
        const auto unknown = [&](ledger_stage stage) {
            const Places& places = reading_->counts.payload[stage];
            const auto bytes =
                static_cast<double>(places[LEDGER_OTHER] + places[LEDGER_FILE_ASTRAY]);
            return bytes > kUnknownShareMax * payload_
                       ? fmt::format("{:.0f} of {:.0f} payload bytes lie where the ledger knows "
                                     "nothing of them at the {} stage",
                                     bytes, payload_, kStageNames[stage])
                       : std::string{};
        };
        if (evidence_.wire == core::Wire::kNone)
            return "nothing is sent";
        if (!evidence_.engine)
            return first({absent("net_dev_queue"), absent("net_dev_start_xmit"),
                          unseen(LEDGER_QUEUE), unseen(LEDGER_TRANSMIT), unknown(LEDGER_QUEUE),
                          unknown(LEDGER_TRANSMIT)});
        if (passes_queue())
            return first({absent("net_dev_queue"), unseen(LEDGER_QUEUE), unknown(LEDGER_QUEUE)});
        if (passes_driver())
            return first({unseen(LEDGER_DRIVER), unknown(LEDGER_DRIVER)});
        if (!evidence_.has_peer_device)
            return "an engine's packets pass no tracepoint on their way to the driver, no fentry "
                   "saw them, and the other end of this link is not on this machine";
        return first(
            {absent("netif_receive_skb"), unseen(LEDGER_ARRIVAL), unknown(LEDGER_ARRIVAL)});
    }

    /// An engine whose packets come by a packet socket (DPDK's net_af_packet, net_pcap): they pass
    /// where AF_XDP's do not.
    [[nodiscard]] bool passes_queue() const
    {
        return evidence_.engine && sum(reading_->counts.payload[LEDGER_QUEUE]) > 0;
    }

    /// AF_XDP where fentry attaches, and the other end of the link does not tell.
    [[nodiscard]] bool passes_driver() const
    {
        return evidence_.engine && !evidence_.has_peer_device &&
               sum(reading_->counts.payload[LEDGER_DRIVER]) > 0;
    }

    /// The one stage at which an engine's packets are looked at.
    [[nodiscard]] ledger_stage engine_stage() const
    {
        return passes_queue() ? LEDGER_QUEUE : passes_driver() ? LEDGER_DRIVER : LEDGER_ARRIVAL;
    }

    /// What was seen, whether it makes a figure or not.
    void payload_bytes()
    {
        if (reading_ == nullptr)
            return;
        const ledger_counts& counts = reading_->counts;
        auto& seen = figures_.payload_bytes;
        const auto note = [&](std::string name, std::uint64_t bytes) {
            if (bytes > 0)
                seen.emplace(std::move(name), bytes);
        };
        for (int stage = 0; stage < LEDGER_NUM_STAGES; ++stage) {
            for (int place = 0; place < LEDGER_NUM_PLACES; ++place)
                note(fmt::format("{}/{}", kStageNames[stage], kPlaceNames[place]),
                     counts.payload[stage][place]);
            note(fmt::format("{}/headers", kStageNames[stage]), counts.header_bytes[stage]);
            note(fmt::format("{}/repeated", kStageNames[stage]), counts.repeated_bytes[stage]);
        }
        for (int kind = 0; kind < LEDGER_NUM_CALL_BYTES; ++kind)
            note(fmt::format("calls/{}", kCallNames[kind]), counts.call_bytes[kind]);
    }

    void no_copies(const std::string& why)
    {
        for (Figure LedgerFigures::*figure :
             {&LedgerFigures::cpu_copies_per_byte, &LedgerFigures::copies_to_user_per_byte,
              &LedgerFigures::copies_to_kernel_per_byte,
              &LedgerFigures::copies_at_transmit_per_byte})
            figures_.*figure = unavailable(why);
        figures_.observed_evidence = "unavailable: " + why;
    }

    /// `copied`: the share of the payload that did not leave from where it first was.
    void observe(double copied, const std::string& evidence)
    {
        figures_.observed = copied >= kWholly      ? ZeroCopy::kCopied
                            : copied > 1 - kWholly ? ZeroCopy::kPartly
                                                   : ZeroCopy::kZeroCopy;
        figures_.observed_evidence = evidence;
    }

    /// The addresses that a software NIC was given are what a device's DMA would have gone to:
    /// behind them nothing is copied any more.
    void copies_by_addresses(const SoftwareNicEvidence& seen)
    {
        constexpr const char* by_addresses =
            "the address of each payload descriptor, checked by the software NIC against where the "
            "sender says that its disk reads land";
        if (!seen.payload_in_disk_memory)
            return no_copies("the software NIC was not told where disk reads land");
        const auto inside = static_cast<double>(*seen.payload_in_disk_memory);
        const auto elsewhere = static_cast<double>(seen.payload_elsewhere);
        if (payload_ <= 0 || inside + elsewhere != payload_)
            return no_copies(fmt::format("the software NIC saw {:.0f} of {:.0f} payload bytes",
                                         inside + elsewhere, payload_));
        const double copied = elsewhere / payload_;
        figures_.copies_to_kernel_per_byte = {.value = copied, .evidence = by_addresses};
        figures_.copies_at_transmit_per_byte = {.value = 0, .evidence = by_addresses};
        observe(copied, by_addresses);
        if (!distrust_.empty()) {
            figures_.copies_to_user_per_byte = unavailable(distrust_);
            figures_.cpu_copies_per_byte = unavailable(distrust_);
            return;
        }
        const auto& moved = reading_->counts.call_bytes;
        const double by_reading =
            static_cast<double>(moved[LEDGER_READ_FILE] + moved[LEDGER_FILE_OTHER]) / payload_;
        figures_.copies_to_user_per_byte = {.value = by_reading, .evidence = kReadEvidence};
        figures_.cpu_copies_per_byte = {.value = by_reading + copied,
                                        .evidence =
                                            fmt::format("{}; {}", by_addresses, kReadEvidence)};
    }

    /// A call of the worker's, while it sent, that may have given it the payload's pages back;
    /// empty: none.
    [[nodiscard]] std::string lifted_protection() const
    {
        for (const char* call : {"mprotect", "pkey_mprotect"}) {
            if (reading_->calls.contains(call))
                return call;
        }
        return {};
    }

    /// A driver in the worker copies by its own instructions, which nothing watches. Where the
    /// worker has no access to the payload's pages such a copy would have been its end.
    void copies_by_protection(const UserspaceNicEvidence& seen)
    {
        if (!seen.payload_protected)
            return no_copies("its driver runs in the worker, and nothing sees what that copies: "
                             "with --protect-payload and the layout 'segments' it could not");
        if (seen.kernel_driver != kVfioDriver)
            return no_copies(fmt::format("the device is {}'s for the kernel, not {}'s",
                                         seen.kernel_driver.empty() ? "nobody" : seen.kernel_driver,
                                         kVfioDriver));
        if (!distrust_.empty())
            return no_copies(distrust_);
        if (const std::string call = lifted_protection(); !call.empty())
            return no_copies(fmt::format("the worker called {} while it sent, which may have "
                                         "lifted the payload's protection",
                                         call));
        if (!seen.tx_bytes)
            return no_copies(kNoDeviceCount);
        if (*seen.tx_bytes < evidence_.worker->report.bytes_sent)
            return no_copies(fmt::format("the device counts {} bytes sent of a payload of {:.0f}",
                                         *seen.tx_bytes, payload_));
        constexpr const char* by_protection =
            "PROT_NONE on the payload's pages, by the worker's mprotect(2), which no later "
            "mprotect or pkey_mprotect lifted (sys_exit): its driver could not read them, the "
            "kernel has none for the device (vfio-pci), and yet the device sent them";
        const auto& moved = reading_->counts.call_bytes;
        const double by_reading =
            static_cast<double>(moved[LEDGER_READ_FILE] + moved[LEDGER_FILE_OTHER]) / payload_;
        figures_.copies_to_user_per_byte = {.value = by_reading, .evidence = kReadEvidence};
        figures_.copies_to_kernel_per_byte = {.value = 0, .evidence = by_protection};
        figures_.copies_at_transmit_per_byte = {.value = 0, .evidence = by_protection};
        figures_.cpu_copies_per_byte = {
            .value = by_reading, .evidence = fmt::format("{}; {}", by_protection, kReadEvidence)};
        observe(by_reading, by_protection);
    }

    void copies()
    {
        if (evidence_.software_nic)
            return copies_by_addresses(*evidence_.software_nic);
        if (evidence_.userspace_nic)
            return copies_by_protection(*evidence_.userspace_nic);
        if (const std::string why = blind(); !why.empty())
            return no_copies(why);
        const ledger_counts& counts = reading_->counts;
        // read(2) copies out, and a pipe's writer copies in. Pages that were written into a pipe
        // and not read again were spliced on: they are met as private pages below.
        const auto& moved = counts.call_bytes;
        const double calls = static_cast<double>(
            moved[LEDGER_READ_FILE] + moved[LEDGER_FILE_OTHER] + moved[LEDGER_READ_PIPE] +
            std::min(moved[LEDGER_WRITE_PIPE], moved[LEDGER_READ_PIPE]));
        const double copied_by_calls = calls / payload_;
        const bool engine = evidence_.engine;
        const Places& down = counts.payload[engine ? engine_stage() : LEDGER_QUEUE];
        const Places& out = counts.payload[engine ? engine_stage() : LEDGER_TRANSMIT];
        const double into_kernel = share(down, LEDGER_LINEAR) + share(down, LEDGER_PRIVATE);
        // What became linear, or a page of the kernel's own, only after the protocol let it go.
        const auto later = [&](ledger_place place) {
            return std::max(0.0, share(out, place) - share(down, place));
        };
        const double at_transmit = later(LEDGER_LINEAR) + later(LEDGER_PRIVATE);
        const std::string by_pages = page_evidence(engine, std::min(sum(down), sum(out)));
        figures_.copies_to_user_per_byte = {.value = copied_by_calls, .evidence = kReadEvidence};
        figures_.copies_to_kernel_per_byte = {.value = into_kernel, .evidence = by_pages};
        figures_.copies_at_transmit_per_byte = {.value = at_transmit, .evidence = by_pages};
        figures_.cpu_copies_per_byte = {.value = copied_by_calls + into_kernel + at_transmit,
                                        .evidence = fmt::format("{}; {}", by_pages, kReadEvidence)};

        const double copied = share(out, LEDGER_LINEAR) + share(out, LEDGER_PRIVATE);
        observe(copied, by_pages);
        if (!engine)
            copied_by_receiver(copied, by_pages);
    }

    /// Where the receiver's TCP can be seen as well: what left in a process's own pages may have
    /// been copied on the way to it, which is no copy of the sender's, and no zero-copy either.
    void copied_by_receiver(double copied, const std::string& by_pages)
    {
        const Places& got = reading_->counts.payload[LEDGER_DELIVERY];
        const auto seen = static_cast<double>(sum(got));
        if (seen < (1 - kUnseenShareMax) * payload_)
            return;
        const double there = share(got, LEDGER_LINEAR) + share(got, LEDGER_PRIVATE);
        if (there - copied <= 1 - kWholly)
            return;
        figures_.copied_by_receiver = there - copied;
        observe(there, fmt::format("{}; copied after that, on the receiver's side of this machine: "
                                   "page identity at tcp_probe",
                                   by_pages));
    }

    [[nodiscard]] const char* engine_evidence() const
    {
        if (passes_queue())
            return kPacketSocketEvidence;
        if (!passes_driver())
            return kArrivalEvidence;
        const Places& seen = reading_->counts.payload[LEDGER_DRIVER];
        return seen[LEDGER_UMEM] == sum(seen) ? kUmemEvidence : kDriverEvidence;
    }

    /// Where the skbs were looked at, and what share of the payload was, where it was not all.
    [[nodiscard]] std::string page_evidence(bool engine, std::uint64_t seen_bytes) const
    {
        std::string words = engine ? engine_evidence() : kTransmitEvidence;
        if (static_cast<double>(seen_bytes) < payload_)
            words += fmt::format(", of {:.2f} % of the payload",
                                 100 * static_cast<double>(seen_bytes) / payload_);
        return words;
    }

    void copies_by_fentry()
    {
        Figure& figure = figures_.cpu_copies_per_byte_fentry;
        if (!distrust_.empty())
            figure = unavailable(distrust_);
        else if (!reading_->copiers_unavailable.empty())
            figure = unavailable("fentry: " + reading_->copiers_unavailable);
        else if (evidence_.wire == core::Wire::kNone)
            figure = unavailable("nothing is sent");
        else if (evidence_.engine)
            figure =
                unavailable("an engine's driver copies with memcpy, which no fentry can watch");
        else if (evidence_.wire != core::Wire::kTcp)
            figure = unavailable("UDP's sockets copy headers and payload by one function");
        else {
            const auto& copiers = reading_->counts.copier_bytes;
            // What is copied at transmit is copied again for a retransmission, which is no payload.
            const auto at_transmit = copiers[LEDGER_SKB_COPY_BITS];
            const auto again =
                std::min(at_transmit, reading_->counts.repeated_bytes[LEDGER_TRANSMIT]);
            const auto bytes =
                copiers[LEDGER_FILEMAP_READ] + copiers[LEDGER_TCP_SENDMSG] + at_transmit - again;
            figure = ratio(static_cast<double>(bytes), payload_,
                           "fentry: filemap_read, tcp_sendmsg_locked, skb_copy_bits, "
                           "skb_copy_and_csum_bits; less retransmissions");
        }
    }

    void disk()
    {
        const bool watched = distrust_.empty();
        const bool by_bio = watched && reading_->counts.file_has_device != 0 &&
                            !reading_->absent.contains("block_bio_queue");
        figures_.dma_disk_device_per_byte =
            evidence_.disk_read_bytes
                ? ratio(static_cast<double>(*evidence_.disk_read_bytes), payload_,
                        "statistics of the file's block device (sysfs), whoever asked")
                : unavailable("the file system does not sit on one block device");
        if (by_bio) {
            figures_.dma_disk_per_byte = ratio(
                static_cast<double>(reading_->counts.disk_bytes), payload_,
                "block_bio_queue of the file's device, by the worker or into the file's pages");
        } else if (usage_.has_disk_read_bytes) {
            figures_.dma_disk_per_byte =
                ratio(static_cast<double>(usage_.disk_read_bytes), payload_,
                      "task I/O accounting of the worker (/proc/self/io, read_bytes)");
        } else {
            figures_.dma_disk_per_byte = unavailable(
                "neither block tracepoints nor task I/O accounting (CONFIG_TASK_IO_ACCOUNTING)");
        }
        figures_.cache_insertions_per_mib = observed_at(
            "mm_filemap_add_to_page_cache",
            distrust_.empty() ? static_cast<double>(reading_->counts.cache_insertions) : 0, mib(),
            "mm_filemap_add_to_page_cache of the file, by the worker");
    }

    void nic()
    {
        if (evidence_.wire == core::Wire::kNone)
            figures_.dma_nic_per_byte = unavailable("nothing is sent");
        else if (evidence_.software_nic)
            figures_.dma_nic_per_byte =
                ratio(static_cast<double>(evidence_.software_nic->bytes_fetched), payload_,
                      "fetched by the software NIC, headers included; emulated: a process that "
                      "reads the sender's memory");
        else if (evidence_.userspace_nic)
            figures_.dma_nic_per_byte =
                evidence_.userspace_nic->tx_bytes
                    ? ratio(static_cast<double>(*evidence_.userspace_nic->tx_bytes), payload_,
                            evidence_.nic_virtual
                                ? "the device's own count, read by its driver in the worker, "
                                  "headers included; emulated: QEMU fetches what the driver's "
                                  "descriptors say"
                                : "the device's own count, read by its driver in the worker, "
                                  "headers included")
                    : unavailable(kNoDeviceCount);
        else if (!evidence_.nic_tx_bytes)
            figures_.dma_nic_per_byte = unavailable("the device's counters were not read");
        else if (static_cast<double>(*evidence_.nic_tx_bytes) < payload_)
            figures_.dma_nic_per_byte =
                unavailable("the device's tx_bytes rose by less than what was sent: its driver was "
                            "restarted meanwhile, or counts no such packets");
        else
            figures_.dma_nic_per_byte =
                ratio(static_cast<double>(*evidence_.nic_tx_bytes), payload_, nic_evidence());
    }

    [[nodiscard]] const char* nic_evidence() const
    {
        if (evidence_.nic_virtual)
            return "tx_bytes of the sending device, headers included; emulated: QEMU fetches what "
                   "the driver's descriptors say";
        return evidence_.nic_emulated
                   ? "tx_bytes of the sending device, headers included; emulated: a software "
                     "device has no DMA"
                   : "tx_bytes of the sending device, headers included";
    }

    void pmu()
    {
        const auto count = [&](const char* name, double whole) {
            const auto it = usage_.pmu.find(name);
            if (it == usage_.pmu.end())
                return unavailable(usage_.pmu_unavailable.empty() ? "not counted"
                                                                  : usage_.pmu_unavailable);
            return ratio(static_cast<double>(it->second), whole,
                         "perf_event_open(2) on the worker");
        };
        figures_.cycles_per_byte = count("cycles", payload_);
        figures_.instructions_per_byte = count("instructions", payload_);
        figures_.llc_misses_per_kib =
            count("llc_misses", payload_ / static_cast<double>(core::kKiB));
    }

    const TransferEvidence& evidence_;
    const LedgerReading* reading_;
    const WorkerFigures& usage_;
    double payload_;
    double num_turns_;
    std::string distrust_;
    LedgerFigures figures_;
};

} // namespace

Figure unavailable(std::string why)
{
    return {.value = std::nullopt, .evidence = "unavailable: " + std::move(why)};
}

std::string_view zero_copy_name(ZeroCopy observed)
{
    switch (observed) {
    case ZeroCopy::kUnknown:
        return "unknown";
    case ZeroCopy::kZeroCopy:
        return "zero-copy";
    case ZeroCopy::kPartly:
        return "partly";
    case ZeroCopy::kCopied:
        return "copied";
    }
    return {};
}

SoftwareNicEvidence software_nic_evidence(const core::ReceiveReport& report)
{
    const auto counter = [&](const char* name) -> std::optional<std::uint64_t> {
        const auto it = report.counters.find(name);
        return it == report.counters.end() ? std::nullopt : std::optional(it->second);
    };
    return {.bytes_fetched = counter("nic_bytes_fetched").value_or(0),
            .payload_in_disk_memory = counter("nic_payload_in_disk_memory"),
            .payload_elsewhere = counter("nic_payload_elsewhere").value_or(0)};
}

LedgerFigures ledger_figures(const TransferEvidence& evidence)
{
    return Maker(evidence).make();
}

} // namespace pagewire::testbed
