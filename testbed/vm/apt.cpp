// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/apt.hpp"

#include "core/error.hpp"
#include "testbed/vm/program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <utility>

namespace pagewire::testbed::vm {

namespace fs = std::filesystem;

namespace {

/// Debian's own keys, of its package debian-archive-keyring.
constexpr const char* kKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Words whose output is read are not to be translated.
const std::vector<std::string> kEnvironment{"LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"};

std::string index_targets(const std::vector<std::string>& options)
{
    std::vector<std::string> args{"apt-get"};
    args.insert(args.end(), options.begin(), options.end());
    args.insert(args.end(), {"indextargets", "--format", kIndexFormat, "Identifier: Packages"});
    return run_program({.args = args, .environment = kEnvironment}).out;
}

std::vector<std::string> own_lists(const fs::path& folder)
{
    fs::create_directories(folder / "lists" / "partial");
    fs::create_directories(folder / "archives" / "partial");
    // The user that apt would fetch as may not see the folder; no key is trusted for it.
    return {"-o", "APT::Sandbox::User=root",
            "-o", fmt::format("Dir::State::Lists={}/lists", folder.string()),
            "-o", fmt::format("Dir::Cache={}", folder.string()),
            "-o", fmt::format("Dir::Cache::Archives={}/archives", folder.string()),
            "-o", "Acquire::Languages=none",
            "-o", "Acquire::Retries=2",
            "-o", "Acquire::http::Timeout=20"};
}

} // namespace

std::vector<AptSource> machine_sources(const fs::path& scratch)
{
    if (!find_program("apt-get") || !find_program("dpkg-deb")) {
        throw core::UsageError("the virtual lab fetches its kernel with apt, and this is no Debian "
                               "system: there is no apt-get");
    }
    std::vector<AptSource> sources = parse_index_targets(index_targets({}));
    if (sources.empty()) {
        const std::vector<std::string> options = own_lists(scratch);
        std::vector<std::string> args{"apt-get", "-q"};
        args.insert(args.end(), options.begin(), options.end());
        args.emplace_back("update");
        // Sources of others may fail: what counts is whether Debian's are there.
        const ProgramEnd end = run_program({.args = args, .environment = kEnvironment});
        sources = parse_index_targets(index_targets(options));
        if (sources.empty()) {
            throw core::UsageError(fmt::format(
                "apt-get update found no Debian archive that can be reached and is in this "
                "machine's apt configuration (exit code {}): the virtual lab fetches from it",
                end.exit_code));
        }
    }
    return sources;
}

std::string main_archive(const std::vector<AptSource>& sources)
{
    // Updates of security come from an archive of their own, which has no other suites.
    const auto found = std::find_if(sources.begin(), sources.end(), [](const AptSource& source) {
        return !source.suite.ends_with("security") && !source.suite.ends_with("updates");
    });
    if (found == sources.end())
        throw core::UsageError("this machine's apt configuration names no Debian release");
    return found->uri;
}

AptState::AptState(fs::path folder, const std::vector<AptSource>& sources)
    : folder_(std::move(folder))
{
    (void)own_lists(folder_); // makes the folders
    if (!fs::exists(kKeyring)) {
        throw core::UsageError(fmt::format("{}: is missing, and packages of Debian's cannot be "
                                           "checked: apt-get install debian-archive-keyring",
                                           kKeyring));
    }
    std::ofstream file(folder_ / "sources.list");
    for (const AptSource& source : sources)
        file << fmt::format("deb [signed-by={}] {} {} main\n", kKeyring, source.uri, source.suite);
    file.close();
    if (!file)
        core::throw_errno("write", (folder_ / "sources.list").string());
}

std::vector<std::string> AptState::command(const std::string& program) const
{
    std::vector<std::string> args{program, "-q"};
    const std::vector<std::string> options = own_lists(folder_);
    args.insert(args.end(), options.begin(), options.end());
    for (const std::string& option :
         {fmt::format("Dir::Etc::SourceList={}/sources.list", folder_.string()),
          std::string("Dir::Etc::SourceParts=-"), std::string("Dir::Etc::Preferences=-"),
          std::string("Dir::Etc::PreferencesParts=-"),
          std::string("APT::Install-Recommends=false")}) {
        args.emplace_back("-o");
        args.push_back(option);
    }
    return args;
}

void AptState::update()
{
    std::vector<std::string> args = command("apt-get");
    args.emplace_back("update");
    const ProgramEnd end = run_program({.args = args, .environment = kEnvironment});
    const bool has_lists = std::any_of(
        fs::directory_iterator(folder_ / "lists"), fs::directory_iterator(), [](const auto& entry) {
            return entry.path().filename().string().find("_Packages") != std::string::npos;
        });
    if (!has_lists) {
        throw core::UsageError(
            fmt::format("apt-get update: the Debian archive cannot be reached: {}",
                        end.err.empty() ? fmt::format("exit code {}", end.exit_code)
                                        : end.err.substr(0, end.err.find('\n'))));
    }
}

std::vector<PackageVersion> AptState::versions(const std::string& package) const
{
    std::vector<std::string> args = command("apt-cache");
    args.insert(args.end(), {"madison", package});
    return parse_madison(output_of({.args = args, .environment = kEnvironment}));
}

std::vector<std::string> AptState::depends(const std::string& package) const
{
    std::vector<std::string> args = command("apt-cache");
    args.insert(args.end(), {"show", package});
    return parse_depends(output_of({.args = args, .environment = kEnvironment}));
}

void AptState::unpack_archives(const fs::path& root) const
{
    fs::create_directories(root);
    for (const auto& entry : fs::directory_iterator(folder_ / "archives")) {
        if (entry.path().extension() != ".deb")
            continue;
        (void)output_of({.args = {"dpkg-deb", "-x", entry.path().string(), root.string()}});
        fs::remove(entry.path());
    }
}

void AptState::unpack(const std::vector<std::string>& packages, const fs::path& root) const
{
    std::vector<std::string> args = command("apt-get");
    args.emplace_back("download");
    args.insert(args.end(), packages.begin(), packages.end());
    const fs::path archives = folder_ / "archives";
    (void)output_of({.args = args, .environment = kEnvironment, .before_exec = [&] {
                         fs::current_path(archives); // where apt-get download puts them
                     }});
    unpack_archives(root);
}

void AptState::unpack_with_needed(const std::vector<std::string>& packages,
                                  const fs::path& root) const
{
    std::vector<std::string> args = command("apt-get");
    args.insert(args.end(), {"--yes", "--download-only", "-o", "Debug::NoLocking=true", "install"});
    args.insert(args.end(), packages.begin(), packages.end());
    (void)output_of({.args = args, .environment = kEnvironment});
    unpack_archives(root);
}

} // namespace pagewire::testbed::vm
