// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/kernel.hpp"

#include "core/error.hpp"
#include "core/system_root.hpp"
#include "core/units.hpp"
#include "testbed/vm/program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>

namespace pagewire::testbed::vm {

namespace fs = std::filesystem;

namespace {

/// Packages and what is unpacked of them: 6.1's modules are not compressed.
constexpr std::uint64_t kKernelBytes = 800 * core::kMiB;

/// Releases whose kernels the lab runs, whatever release this machine has.
constexpr const char* kKernelSuites[] = {"bookworm", "bookworm-backports", "trixie",
                                         "trixie-backports"};

constexpr const char* kMetaPackage = "linux-image-amd64";

/// What a kernel's package needs that is part of the kernel, and not of booting it from a disk.
constexpr const char* kKernelParts[] = {"linux-image-", "linux-binary-", "linux-modules-",
                                        "linux-base-"};

/// Drivers of what the lab has not: a third of all, and depmod's time.
constexpr const char* kUnusedModules[] = {"sound",           "drivers/gpu",
                                          "drivers/media",   "drivers/net/wireless",
                                          "drivers/staging", "drivers/iio"};

fs::path kernels_folder(const fs::path& cache)
{
    return cache / "kernels";
}

/// vmlinuz and the modules lie where each release of Debian likes them.
std::optional<Kernel> kernel_below(const fs::path& root)
{
    for (const char* lib : {"lib/modules", "usr/lib/modules"}) {
        for (const std::string& release : core::names_in(root / lib)) {
            const fs::path modules = root / lib / release;
            for (const fs::path& image :
                 {root / "boot" / ("vmlinuz-" + release), modules / "vmlinuz"}) {
                if (fs::is_regular_file(image))
                    return Kernel{.release = release, .image = image, .modules = modules};
            }
        }
    }
    return std::nullopt;
}

/// The packages that a kernel's own is made of: "linux-image-...", of newer ones
/// "linux-binary-...", "linux-modules-...", "linux-base-...", each with its version.
std::vector<std::string> kernel_packages(const AptState& apt, const PackageVersion& meta)
{
    std::vector<std::string> found;
    std::set<std::string> seen{meta.package};
    std::vector<std::string> open{meta.package};
    while (!open.empty()) {
        const std::string package = open.back();
        open.pop_back();
        for (const std::string& name : apt.depends(fmt::format("{}={}", package, meta.version))) {
            const bool is_part =
                std::any_of(std::begin(kKernelParts), std::end(kKernelParts),
                            [&](const char* prefix) { return name.starts_with(prefix); });
            if (!is_part || !seen.insert(name).second)
                continue;
            open.push_back(name);
            found.push_back(fmt::format("{}={}", name, meta.version));
        }
    }
    return found;
}

void fetch_kernel(const fs::path& partial, const AptState& apt, const PackageVersion& version,
                  const Tools& tools)
{
    const fs::path root = partial / "root";
    apt.unpack(kernel_packages(apt, version), root);
    const auto kernel = kernel_below(root);
    if (!kernel) {
        throw core::UsageError(
            fmt::format("Debian's package {} {} has no vmlinuz and modules where "
                        "the lab looks for them",
                        version.package, version.version));
    }
    for (const char* folder : kUnusedModules)
        fs::remove_all(kernel->modules / "kernel" / folder);
    // depmod takes the folder that has lib/modules in it
    const fs::path base = kernel->modules.parent_path().parent_path().parent_path();
    (void)output_of({.args = {tools.kmod, "-b", base.string(), kernel->release},
                     .name = "depmod",
                     .environment = tools.environment_of(tools.kmod)});
}

/// Empty at first, and gone at the end.
class ScratchFolder {
  public:
    explicit ScratchFolder(fs::path path) : path_(std::move(path)) { fs::remove_all(path_); }

    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;

    ~ScratchFolder()
    {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }

    [[nodiscard]] const fs::path& path() const noexcept { return path_; }

  private:
    fs::path path_;
};

/// Which kernel was the newest when it was last asked for.
fs::path newest_note(const fs::path& cache)
{
    return kernels_folder(cache) / "newest";
}

std::optional<Kernel> find_cached(const fs::path& cache, const std::string& name)
{
    std::string wanted = name;
    if (name == kNewestKernel) {
        const auto noted = core::read_text(newest_note(cache));
        if (!noted)
            return std::nullopt;
        wanted = *noted;
    }
    for (Kernel& kernel : cached_kernels(cache)) {
        if (names_release(wanted, kernel.release))
            return std::move(kernel);
    }
    return std::nullopt;
}

Kernel fetch(Cache& cache, const Tools& tools, const std::string& name,
             const std::function<void(const std::string&)>& note)
{
    note("asking Debian's archive for kernels");
    Kernel fetched;
    const ScratchFolder scratch(cache.folder() / "apt.partial");
    const fs::path& apt_folder = scratch.path();
    const std::string archive = main_archive(machine_sources(apt_folder));
    std::vector<AptSource> sources;
    for (const char* suite : kKernelSuites)
        sources.push_back({.uri = archive, .suite = suite});
    AptState apt(apt_folder, sources);
    apt.update();
    const PackageVersion version = choose_kernel(apt.versions(kMetaPackage), name);
    const std::string folder = "kernels/" + version.version;
    if (!kernel_below(cache.folder() / folder / "root")) {
        note(fmt::format("fetching Linux {} into the cache", version.version));
        cache.make(folder, kKernelBytes,
                   [&](const fs::path& partial) { fetch_kernel(partial, apt, version, tools); });
    }
    fetched = kernel_below(cache.folder() / folder / "root").value();
    if (name == kNewestKernel)
        std::ofstream(newest_note(cache.folder())) << fetched.release << '\n';
    return fetched;
}

} // namespace

std::vector<Kernel> cached_kernels(const fs::path& cache)
{
    std::vector<Kernel> kernels;
    for (const std::string& name : core::names_in(kernels_folder(cache))) {
        if (name.ends_with(".partial"))
            continue;
        if (auto kernel = kernel_below(kernels_folder(cache) / name / "root"))
            kernels.push_back(std::move(*kernel));
    }
    std::sort(kernels.begin(), kernels.end(),
              [](const Kernel& a, const Kernel& b) { return version_less(b.release, a.release); });
    return kernels;
}

Kernel find_kernel(Cache& cache, const Tools& tools, const std::string& name, bool update,
                   const std::function<void(const std::string&)>& note)
{
    if (!update) {
        if (auto cached = find_cached(cache.folder(), name))
            return std::move(*cached);
    }
    try {
        return fetch(cache, tools, name, note);
    } catch (const core::UsageError& error) {
        const std::vector<Kernel> cached = cached_kernels(cache.folder());
        if (name != kNewestKernel || cached.empty())
            throw;
        note(
            fmt::format("{}: Linux {} of the cache is used", error.what(), cached.front().release));
        return cached.front();
    }
}

} // namespace pagewire::testbed::vm
