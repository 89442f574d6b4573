// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <CLI/App.hpp>

#include <string>
#include <vector>

/// The subcommands, one file each. Each adds itself to the program and sets `exit_code` when it
/// runs.
namespace pagewire::cli {

/// Exit codes: docs/decisions/0002-exit-codes.md.
inline constexpr int kDone = 0;
inline constexpr int kFoundWrong = 1;
inline constexpr int kUsage = 2;
inline constexpr int kInterrupted = 130;

void add_run(CLI::App& program, int& exit_code);
void add_compare(CLI::App& program, int& exit_code);
void add_doctor(CLI::App& program, int& exit_code);
void add_list(CLI::App& program, int& exit_code);
void add_nic(CLI::App& program, int& exit_code);
void add_report(CLI::App& program, int& exit_code);
/// Below `nic`.
void add_nic_check(CLI::App& nic, int& exit_code);

void add_vm(CLI::App& program, int& exit_code);

void add_sink(CLI::App& program, int& exit_code);

/// `pagewire complete WORD...`, what the shell asks at the Tab key: no subcommand, for its words
/// are not to be parsed.
int print_completions(const CLI::App& program, const std::vector<std::string>& words);

/// Hidden: what the testbed starts itself as.
void add_worker(CLI::App& program, int& exit_code);

} // namespace pagewire::cli
