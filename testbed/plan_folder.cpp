// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/plan_folder.hpp"

#include "core/error.hpp"
#include "install_paths.hpp" // generated

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pagewire::testbed {

namespace fs = std::filesystem;

fs::path plan_folder()
{
    std::error_code unreadable;
    const fs::path executable = fs::read_symlink("/proc/self/exe", unreadable);
    const fs::path from_bin = fs::path(kInstalledPlans).lexically_relative(kInstalledExecutables);
    return unreadable ? fs::path(kInstalledPlans)
                      : (executable.parent_path() / from_bin).lexically_normal();
}

std::vector<std::string> shipped_plans(const fs::path& folder)
{
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        if (entry->path().extension() == ".toml")
            names.push_back(entry->path().stem());
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::string find_plan(const std::string& word, const fs::path& folder)
{
    std::error_code error;
    const fs::file_status status = fs::status(word, error);
    const bool is_there = fs::exists(status) && !fs::is_directory(status);
    if (is_there || word.find('/') != std::string::npos || word.ends_with(".toml"))
        return word;
    const std::vector<std::string> names = shipped_plans(folder);
    if (std::find(names.begin(), names.end(), word) != names.end())
        return folder / (word + ".toml");
    throw core::UsageError(
        names.empty()
            ? fmt::format("{}: no such plan file, and no plans are installed in {}: name a "
                          "plan's file, as configs/{}.toml",
                          word, folder.string(), word)
            : fmt::format("{}: no such plan: name a file, or one of {} (in {})", word,
                          fmt::join(names, ", "), folder.string()));
}

} // namespace pagewire::testbed
