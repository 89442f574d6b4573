// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/flow_control.hpp"
#include "core/method.hpp"
#include "core/pacer.hpp"
#include "dataplane/direct_reader.hpp"
#include "dataplane/engine.hpp"
#include "dataplane/frame_ledger.hpp"
#include "dataplane/packet_header.hpp"
#include "dataplane/segmenter.hpp"
#include "dataplane/sidecar.hpp"

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace pagewire::dataplane {

/// The run-to-completion loop from disk to NIC: one thread, no lock, no allocation once it runs.
///
///        disk                     packet memory                       NIC
///     O_DIRECT read  --DMA-->  frame k | frame k+1 | ...  --DMA-->  descriptors
///          ^                        |                                  |
///          |   reap reads -> cut packets -> submit, kick -> reclaim completions -> refill free
///          frames
///          +---------------------------------------------------------------------------+
///
/// Positions count from the first byte of frame 0's first filling, which is the range's start
/// rounded down to what O_DIRECT asks for; position `begin_` is the stream's first byte.
class Pipeline {
  public:
    /// `flow` may be null: nobody grants credit (the null engine).
    Pipeline(const core::TransferJob& job, Engine& engine, core::FlowControl* flow);

    /// Sends the whole range. Throws TransferError, SystemError.
    core::TransferReport run(core::TransferWatch& watch);

  private:
    /// Between two kicks, each a system call that sends them all: measured
    /// (docs/methods/af_xdp.md).
    static constexpr std::size_t kBatchPackets = 256;
    static constexpr std::size_t kBatchDescriptors = kBatchPackets * (Segmenter::kSlicesMax + 1);

    void open_file();
    void fill_from_memory();
    void make_sidecar();
    void protect_payload();
    [[nodiscard]] bool start_read(std::uint32_t slot, std::uint64_t frame_index);
    [[nodiscard]] UdpChecksum checksum_of(std::uint64_t sequence) const noexcept;
    void describe(core::TransferReport& report) const;
    bool reap_reads();
    void refill();
    bool stage();
    bool submit_staged();
    bool reclaim();
    void idle(const core::TransferWatch& watch);
    [[nodiscard]] bool may_send_next() const noexcept;
    bool has_credit();
    void drain(const core::TransferWatch& watch);
    [[nodiscard]] std::uint64_t read_bytes(std::uint64_t frame_index) const;

    core::TransferJob job_;
    Engine& engine_;
    core::FlowControl* flow_;
    FrameLedger ledger_;
    Segmenter segmenter_;
    PacketHeader header_;
    std::optional<DirectReader> reader_;
    std::vector<iovec> read_pieces_; // headroom: slots_per_frame of them for each frame
    std::optional<ChecksumSidecar> sidecar_;
    std::optional<core::Pacer> pacer_;

    std::uint64_t base_offset_ = 0;  // file offset of position 0
    std::uint64_t begin_ = 0;        // position of the stream's first byte
    std::uint64_t end_ = 0;          // position after its last
    std::uint32_t offset_align_ = 1; // of a read's file offset and length

    std::uint64_t position_ = 0;      // next byte to be cut
    std::uint64_t next_sequence_ = 0; // next packet
    std::uint64_t num_frames_asked_ = 0;
    std::uint64_t num_frames_ready_ = 0; // contiguous, from the first: reads end in any order
    std::uint64_t num_frames_total_ = 0;
    std::uint64_t num_frames_cut_ = 0;
    std::vector<bool> read_ended_; // by frame, of reads that ended before an earlier one

    std::array<Descriptor, kBatchDescriptors> staged_{};
    std::size_t num_staged_ = 0;
    std::array<std::uint64_t, 512> reclaimed_{};
    std::uint64_t num_reclaimed_invalid_ = 0;
    std::uint64_t num_descriptors_ = 0;
    std::uint64_t num_disk_reads_ = 0;
    std::uint64_t num_waits_disk_ = 0;
    std::uint64_t num_waits_credit_ = 0;
    std::uint64_t num_waits_engine_ = 0;
};

/// What the run() of an engine's Method does: opens flow control, the engine, its fault decorator
/// where the job asks for one, and runs the pipeline over them.
core::TransferReport
send_through_engine(const core::TransferJob& job, core::TransferWatch& watch,
                    const std::function<std::unique_ptr<Engine>()>& open_engine);

/// The same without a peer.
core::TransferReport send_to_nobody(const core::TransferJob& job, core::TransferWatch& watch,
                                    Engine& engine);

} // namespace pagewire::dataplane
