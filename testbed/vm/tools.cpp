// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/tools.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "testbed/vm/apt.hpp"
#include "testbed/vm/program.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace pagewire::testbed::vm {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kToolBytes = 400 * core::kMiB;
constexpr const char* kQemu = "qemu-system-x86_64";
constexpr const char* kLibraryFolder = "x86_64-linux-gnu";

std::optional<unsigned> qemu_version(const std::string& path,
                                     const std::vector<std::string>& environment)
{
    const ProgramEnd end = run_program({.args = {path, "--version"}, .environment = environment});
    return end.exit_code == 0 ? parse_qemu_version(end.out) : std::nullopt;
}

/// No interpreter is asked for (elf(5), PT_INTERP): it runs where there are no libraries.
bool is_static(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    Elf64_Ehdr header{};
    if (!file.read(reinterpret_cast<char*>(&header), sizeof(header)) ||
        std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return false;
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment{};
        file.seekg(static_cast<std::streamoff>(header.e_phoff + i * sizeof(segment)));
        if (!file.read(reinterpret_cast<char*>(&segment), sizeof(segment)) ||
            segment.p_type == PT_INTERP)
            return false;
    }
    return true;
}

/// Below a root of unpacked packages: each release of Debian has its own idea of the folder.
std::optional<std::string> find_below(const fs::path& root, const std::string& name)
{
    for (const char* folder : {"usr/bin", "bin", "usr/sbin", "sbin"}) {
        const fs::path path = root / folder / name;
        if (fs::is_regular_file(fs::symlink_status(path)))
            return path.string();
    }
    return std::nullopt;
}

Tools tools_of(const fs::path& root)
{
    Tools tools;
    tools.root = root;
    for (const char* folder : {"usr/lib", "lib"}) {
        if (const fs::path path = root / folder / kLibraryFolder; fs::is_directory(path))
            tools.library_path.push_back(path.string());
    }
    for (const char* folder : {"usr/share/qemu", "usr/share/seabios"}) {
        if (fs::is_directory(root / folder))
            tools.qemu_data.push_back((root / folder).string());
    }
    const auto choose = [&](const std::string& name) {
        if (const auto unpacked = find_below(root, name))
            return *unpacked;
        return find_program(name).value_or("");
    };
    tools.qemu = find_below(root, kQemu).value_or("");
    tools.busybox = choose("busybox");
    if (!tools.busybox.empty() && !is_static(tools.busybox))
        tools.busybox.clear();
    tools.kmod = choose("kmod");
    tools.mke2fs = choose("mke2fs");
    tools.xz = choose("xz");
    return tools;
}

/// The QEMU that is the user's: named, or installed. Leaves `tools` as it is where there is none
/// that will do.
void choose_qemu(Tools& tools)
{
    const char* named = std::getenv("PAGEWIRE_QEMU");
    const std::string path = named != nullptr ? named : find_program(kQemu).value_or("");
    if (path.empty())
        return;
    const auto version = qemu_version(path, {});
    if (version && *version >= kQemuVersionMin) {
        tools.qemu = path;
        tools.qemu_data.clear();
        return;
    }
    if (named == nullptr)
        return;
    throw core::UsageError(
        version ? fmt::format("PAGEWIRE_QEMU={}: is version {}, and the virtual lab needs {} or "
                              "later: name a newer one, or unset it to have one fetched",
                              path, *version, kQemuVersionMin)
                : fmt::format("PAGEWIRE_QEMU={}: cannot be run as QEMU", path));
}

bool is_complete(const Tools& tools)
{
    return !tools.qemu.empty() && !tools.busybox.empty() && !tools.kmod.empty() &&
           !tools.mke2fs.empty() && !tools.xz.empty();
}

/// "package=version" of the oldest that will do: the machine's own release first, then backports.
std::string qemu_suite(const AptState& apt)
{
    std::string suite;
    for (const PackageVersion& found : apt.versions("qemu-system-x86")) {
        // "1:10.0.2+ds-2"; madison tells the newest first
        const std::string upstream = found.version.substr(found.version.find(':') + 1);
        unsigned major = 0;
        std::from_chars(upstream.data(), upstream.data() + upstream.size(), major);
        if (major >= kQemuVersionMin)
            suite = found.suite;
    }
    if (suite.empty()) {
        throw core::UsageError(fmt::format("neither this machine nor its Debian release and its "
                                           "backports have a QEMU {} or later: name one by "
                                           "PAGEWIRE_QEMU",
                                           kQemuVersionMin));
    }
    return suite;
}

void fetch_tools(const fs::path& partial)
{
    const fs::path scratch = partial / "apt";
    std::vector<AptSource> sources = machine_sources(scratch);
    std::vector<AptSource> backports;
    for (const AptSource& source : sources) {
        if (source.uri == main_archive(sources) && source.suite.find('-') == std::string::npos)
            backports.push_back({.uri = source.uri, .suite = source.suite + "-backports"});
    }
    sources.insert(sources.end(), backports.begin(), backports.end());
    AptState apt(scratch, sources);
    apt.update();
    const std::string suite = qemu_suite(apt);
    std::vector<std::string> packages{"busybox-static", "kmod", "e2fsprogs", "xz-utils"};
    // apt would take QEMU's own parts of the machine's release.
    for (const char* part :
         {"qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios"})
        packages.push_back(fmt::format("{}/{}", part, suite));
    apt.unpack_with_needed(packages, partial / "root");
    fs::remove_all(scratch);
}

} // namespace

std::vector<std::string> Tools::environment_of(const std::string& program) const
{
    if (library_path.empty() || !program.starts_with(root.string()))
        return {};
    return {fmt::format("LD_LIBRARY_PATH={}", fmt::join(library_path, ":"))};
}

std::optional<unsigned> parse_qemu_version(std::string_view text)
{
    constexpr std::string_view before = "QEMU emulator version ";
    const auto at = text.find(before);
    if (at == std::string_view::npos)
        return std::nullopt;
    const std::string_view number = text.substr(at + before.size());
    unsigned major = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), major);
    return error == std::errc{} ? std::optional(major) : std::nullopt;
}

Tools find_tools(Cache& cache, const std::function<void(const std::string&)>& note)
{
    const fs::path folder = cache.folder() / "tools";
    Tools tools = tools_of(folder / "root");
    choose_qemu(tools);
    if (!is_complete(tools)) {
        note("fetching QEMU, BusyBox and kmod into the cache");
        cache.make("tools", kToolBytes, fetch_tools);
        tools = tools_of(folder / "root");
        choose_qemu(tools);
    }
    if (!is_complete(tools)) {
        throw core::UsageError(
            "the virtual lab is incomplete: apt-get install qemu-system-x86 (8 or later) "
            "busybox-static kmod e2fsprogs xz-utils");
    }
    if (const auto version = qemu_version(tools.qemu, tools.environment_of(tools.qemu));
        !version || *version < kQemuVersionMin)
        throw core::UsageError(fmt::format("{}: cannot be run: remove {} to have it fetched again",
                                           tools.qemu, folder.string()));
    return tools;
}

} // namespace pagewire::testbed::vm
