// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include <string>

namespace pagewire::cli {

/// Throws core::UsageError where no file can be put there: before anything is measured in vain.
void require_writable(const std::string& path);

/// Makes the folder where it is not there. Throws core::UsageError where no file can be put into
/// it.
void make_writable_folder(const std::string& folder);

/// Throws core::UsageError where writing `path` would write over `input`, by whatever name.
void require_other_file(const std::string& path, const std::string& input);

[[nodiscard]] bool is_same_file(const std::string& one, const std::string& other);

/// For options that name a file or a folder: not nothing, which a shell's empty variable gives.
[[nodiscard]] CLI::Validator is_named();

/// For files that are written whole: nor "-", which means stdout elsewhere.
[[nodiscard]] CLI::Validator names_a_file();

/// The file appears whole or not at all, and keeps the mode that it had. Throws core::UsageError.
void write_file(const std::string& path, const std::string& text);

/// Where a run's results go besides the terminal. Checked when made, so that nothing is measured in
/// vain.
class Output {
  public:
    /// `folder` is created; `json_file` may be "-" for stdout; both may be empty. Throws
    /// core::UsageError when a place cannot be written.
    Output(std::string folder, std::string json_file);

    /// Files appear whole or not at all. Throws core::UsageError.
    void write(const nlohmann::json& document, const std::string& table) const;

  private:
    std::string folder_;
    std::string json_file_;
};

} // namespace pagewire::cli
