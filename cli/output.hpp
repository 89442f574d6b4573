// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace pagewire::cli {

/// Throws core::UsageError where no file can be put there: before anything is measured in vain.
void require_writable(const std::string& path);

/// Makes the folder where it is not there. Throws core::UsageError where no file can be put into
/// it.
void make_writable_folder(const std::string& folder);

/// The file appears whole or not at all. Throws core::UsageError.
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
