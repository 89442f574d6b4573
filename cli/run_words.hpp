// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/plan.hpp"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pagewire::cli {

/// The words of `pagewire run`; what is not given leaves the plan as it is.
struct RunWords {
    std::string plan_file;
    std::optional<std::string> file;
    std::vector<std::string> size;
    std::optional<std::string> offset;
    std::vector<std::string> length;
    std::vector<std::string> methods;
    std::vector<std::string> cache;
    std::optional<std::string> wire;
    std::optional<std::string> sink;
    std::optional<unsigned> rounds;
    std::optional<unsigned> rounds_max;
    std::optional<std::uint64_t> seed;
    std::vector<std::string> chunk;
    std::vector<std::uint32_t> mtu;
    std::vector<std::string> rate;
    std::optional<std::string> source;
    std::optional<std::string> fault;
    std::optional<long> time_limit_s;
    std::optional<std::string> lab;
    std::optional<std::string> kernel;
    std::optional<std::string> interface;
    std::optional<std::string> peer;
    bool allow_nic_changes = false;
    std::optional<std::string> layout;
    std::optional<std::string> checksum;
    std::optional<std::string> bind;
    std::optional<std::uint32_t> queue;
    std::vector<std::uint32_t> queues;
    bool latency = false;
    bool protect_payload = false;
    std::optional<std::string> dpdk_port;
    bool dpdk_bind = false;
    std::optional<std::string> ledger;
    std::string explain;
    bool pause = false;
    bool dry_run = false;
    std::string progress = "auto";
    bool no_verify = false;
    bool no_ceilings = false;
    std::string out_folder;
    std::string json_file;
    bool quiet = false;
};

void add_run_options(CLI::App& command, RunWords& words);

/// The plan's file, if one is named, with the words laid over it; validated. Throws
/// core::UsageError.
[[nodiscard]] testbed::Plan make_plan(const RunWords& words);

} // namespace pagewire::cli
