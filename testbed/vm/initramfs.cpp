// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/initramfs.hpp"

#include "core/error.hpp"
#include "testbed/vm/cpio.hpp"
#include "testbed/vm/guest_init.hpp" // generated from guest_init.sh
#include "testbed/vm/modules.hpp"
#include "testbed/vm/program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>
#include <iterator>

namespace pagewire::testbed::vm {

namespace fs = std::filesystem;

namespace {

/// Of every kernel; one that has a driver built in has no such module. Debian 12's ext4 finds its
/// checksum by its name only, and not as what it needs.
const std::vector<std::string> kModules{
    "virtio_pci", "virtio_console", "9pnet_virtio",   "9p",  "overlay", "igb",
    "virtio_net", "nvme",           "crc32c_generic", "ext4"};

std::string content_of(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    std::string content((std::istreambuf_iterator<char>(file)), {});
    if (!file)
        core::throw_errno("read", path.string());
    return content;
}

std::string module_content(const fs::path& path, const Tools& tools)
{
    if (path.extension() == ".ko")
        return content_of(path);
    if (path.extension() != ".xz") {
        throw core::UsageError(fmt::format(
            "{}: is compressed in a way that the virtual lab does not know", path.string()));
    }
    return output_of({.args = {tools.xz, "--decompress", "--stdout", path.string()},
                      .environment = tools.environment_of(tools.xz)});
}

void add_modules(CpioArchive& archive, const Kernel& kernel, const Tools& tools)
{
    std::string order;
    for (const std::string& file :
         load_order(content_of(kernel.modules / "modules.dep"), kModules)) {
        const std::string name = module_name(file) + ".ko";
        archive.file("pagewire/modules/" + name, module_content(kernel.modules / file, tools));
        order += name + '\n';
    }
    archive.file("pagewire/modules/order", order);
}

/// kmod is what it is called by, and its libraries may have come with it.
void add_modprobe(CpioArchive& archive, const Tools& tools)
{
    archive.folder("pagewire/kmod");
    archive.symlink("pagewire/kmod/modprobe", tools.kmod);
    std::string script = "#!/pagewire/bin/busybox sh\n";
    for (const std::string& pair : tools.environment_of(tools.kmod)) {
        const auto equals = pair.find('=');
        script += fmt::format("export {}={}\n", pair.substr(0, equals),
                              shell_quoted(pair.substr(equals + 1)));
    }
    script += "exec /pagewire/kmod/modprobe \"$@\"\n";
    archive.file("pagewire/bin/modprobe", script, true);
}

std::string environment_file(const InitramfsConfig& config)
{
    return fmt::format("PAGEWIRE_VM_MODULES={}\nPAGEWIRE_VM_PORTS={}\nPAGEWIRE_VM_RESULTS={}\n"
                       "PAGEWIRE_VM_SHELL={}\n",
                       shell_quoted(config.kernel->modules.string()), config.num_ports,
                       config.has_results ? "yes" : "", config.job->command.empty() ? "yes" : "");
}

} // namespace

std::string shell_quoted(std::string_view word)
{
    std::string quoted = "'";
    for (const char c : word)
        quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + '\'';
}

std::string job_script(const GuestJob& job)
{
    std::string script;
    for (const auto& [name, value] : job.environment)
        script += fmt::format("export {}={}\n", name, shell_quoted(value));
    script += fmt::format("cd {} 2>/dev/null || cd /\n", shell_quoted(job.folder));
    if (job.terminal_rows != 0)
        script += fmt::format("stty rows {} cols {}\n", job.terminal_rows, job.terminal_columns);
    // Through env(1): a shell that has programs built in would take its own.
    script += "exec /usr/bin/env --";
    if (job.command.empty())
        script += " ${SHELL:-/bin/sh}";
    for (const std::string& word : job.command)
        script += ' ' + shell_quoted(word);
    return script + '\n';
}

std::string make_initramfs(const InitramfsConfig& config)
{
    CpioArchive archive;
    for (const char* folder : {"bin", "pagewire", "pagewire/bin", "pagewire/modules"})
        archive.folder(folder);
    archive.file("init", kGuestInit, true);
    const std::string busybox = content_of(config.tools->busybox);
    archive.file("bin/busybox", busybox, true);
    archive.file("pagewire/bin/busybox", busybox, true);
    archive.file("pagewire/job", job_script(*config.job));
    archive.file("pagewire/environment", environment_file(config));
    add_modprobe(archive, *config.tools);
    add_modules(archive, *config.kernel, *config.tools);
    return std::move(archive).finish();
}

} // namespace pagewire::testbed::vm
