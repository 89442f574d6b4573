// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/guest.hpp"

#include "core/error.hpp"
#include "testbed/vm/console.hpp"
#include "testbed/vm/program.hpp"
#include "testbed/vm/wire.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <optional>
#include <utility>

namespace pagewire::testbed::vm {

namespace {

using Clock = std::chrono::steady_clock;

/// How often an interruption is looked for.
constexpr int kPollMs = 100;

/// A job's output that is on its way when the job's exit code comes.
constexpr int kDrainMs = 20;
constexpr std::chrono::seconds kDrainTime{2};

/// One of QEMU's character devices: our end, and the one that QEMU inherits.
class Port {
  public:
    Port()
    {
        std::array<int, 2> ends{};
        core::checked(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()),
                      "socketpair");
        ours_.reset(ends[0]);
        theirs_.reset(ends[1]);
    }

    [[nodiscard]] int theirs() const noexcept { return theirs_.get(); }

    [[nodiscard]] int ours() const noexcept { return ours_.get(); }

    /// QEMU has it: the end of QEMU is the end of the stream.
    void hand_over() { theirs_.reset(); }

    void close() { ours_.reset(); }

  private:
    core::UniqueFd ours_;
    core::UniqueFd theirs_;
};

core::UniqueFd in_memory(const std::string& content)
{
    core::UniqueFd file(core::checked(::memfd_create("initramfs", MFD_CLOEXEC), "memfd_create"));
    for (std::string_view left = content; !left.empty();) {
        const ssize_t put =
            core::checked(::write(file.get(), left.data(), left.size()), "write", "initramfs");
        left.remove_prefix(static_cast<std::size_t>(put));
    }
    return file;
}

std::vector<std::string> kernel_words(const GuestConfig& config)
{
    std::vector<std::string> words{"console=ttyS0", "quiet",
                                   // At once, and QEMU ends instead: -no-reboot.
                                   "panic=-1", "oops=panic",
                                   // On a busy host an emulated timer is late, and the kernel would
                                   // panic for it; nor is a CPU that waits for the host's stuck.
                                   "no_timer_check", "nowatchdog",
                                   // Linux 6.1 gives up an emulated TSC, and then each look at the
                                   // clock is a system call of the worker's.
                                   "tsc=reliable", "rcupdate.rcu_cpu_stall_suppress=1",
                                   "intel_iommu=on", "iommu=pt", "mitigations=off",
                                   "net.ifnames=0"};
    words.insert(words.end(), config.append.begin(), config.append.end());
    return words;
}

class Guest {
  public:
    explicit Guest(const GuestConfig& config) : config_(config)
    {
        const bool is_shell = config.job.command.empty();
        const core::UniqueFd initramfs =
            in_memory(make_initramfs({.kernel = config.kernel,
                                      .tools = config.tools,
                                      .job = &config.job,
                                      .num_ports = kNumMachinePorts,
                                      .has_results = !config.results.empty()}));
        MachineConfig machine{.accelerator = config.accelerator,
                              .num_cpus = config.num_cpus,
                              .memory_mib = config.memory_mib,
                              .kernel = config.kernel->image.string(),
                              .append = kernel_words(config),
                              .initramfs = initramfs.get(),
                              .disk = config.disk,
                              .taps = {wire_.tap(0), wire_.tap(1)},
                              .console = console_port_.theirs(),
                              .control = control_port_.theirs(),
                              .out = out_port_.theirs(),
                              .err = err_port_.theirs(),
                              .terminal = is_shell ? terminal_port_.theirs() : -1,
                              .results = config.results,
                              .gdb = config.gdb};
        std::vector<int> inherited{machine.initramfs, machine.disk, machine.console,
                                   machine.control,   machine.out,  machine.err,
                                   wire_.tap(0),      wire_.tap(1)};
        if (is_shell)
            inherited.push_back(machine.terminal);
        pid_ = start_program({.args = qemu_arguments(machine, *config.tools),
                              .environment = config.tools->environment_of(config.tools->qemu),
                              .inherited = inherited,
                              .out = qemu_port_.theirs(),
                              .err = qemu_port_.theirs(),
                              // where there is nobody that the guest could reach
                              .before_exec = [this] { wire_.netns().enter(); }});
        for (Port* port :
             {&console_port_, &control_port_, &out_port_, &err_port_, &terminal_port_, &qemu_port_})
            port->hand_over();
        if (!is_shell)
            terminal_port_.close();
    }

    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

    ~Guest()
    {
        ::kill(pid_, SIGKILL);
        (void)wait_for(pid_);
    }

    GuestEnd run()
    {
        const auto deadline = begun_ + config_.time_limit;
        GuestEnd end;
        for (;;) {
            if (config_.interrupted != nullptr && config_.interrupted->load()) {
                end.how = GuestEnd::How::kInterrupted;
                break;
            }
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
            if (left.count() <= 0) {
                end.how = GuestEnd::How::kTimeLimit;
                break;
            }
            const bool is_living =
                pump(static_cast<int>(std::min<std::int64_t>(kPollMs, left.count())));
            if (exit_code_) {
                end.how = GuestEnd::How::kExited;
                end.exit_code = *exit_code_;
                break;
            }
            if (!is_living) {
                end.how = GuestEnd::How::kDied;
                break;
            }
        }
        const auto drained = Clock::now() + kDrainTime;
        do {
            (void)pump(kDrainMs);
        } while (is_moving_ && Clock::now() < drained);
        end.release = release_;
        end.ready = ready_;
        end.console = console_.lines();
        if (end.how == GuestEnd::How::kDied)
            end.reason = why_it_died();
        return end;
    }

  private:
    [[nodiscard]] std::string why_it_died() const
    {
        if (!console_.panic().empty())
            return console_.panic();
        const std::vector<std::string> words = qemu_words_.lines();
        // QEMU ends without a word where the guest reboots.
        return words.empty() ? std::string("the guest rebooted") : "QEMU: " + words.back();
    }

    /// Takes what there is, waiting for it at most `wait_ms`. False when QEMU has gone.
    bool pump(int wait_ms)
    {
        enum : std::size_t {
            kConsoleAt,
            kControlAt,
            kOutAt,
            kErrAt,
            kTerminalAt,
            kQemuAt,
            kInAt,
            kNum
        };

        const auto readable = [](int fd) {
            return pollfd{.fd = fd, .events = POLLIN, .revents = 0};
        };
        std::array<pollfd, kNum> open{
            readable(console_port_.ours()),
            readable(control_port_.ours()),
            readable(out_port_.ours()),
            readable(err_port_.ours()),
            readable(terminal_port_.ours()),
            readable(qemu_port_.ours()),
            readable(terminal_port_.ours() >= 0 ? config_.terminal_in : -1)};
        is_moving_ = false;
        if (::poll(open.data(), open.size(), wait_ms) <= 0)
            return true;
        take(open[kConsoleAt], console_port_, [&](std::string_view text) {
            console_.append(text);
            config_.output(GuestStream::kConsole, text);
        });
        take(open[kOutAt], out_port_,
             [&](std::string_view text) { config_.output(GuestStream::kOut, text); });
        take(open[kErrAt], err_port_,
             [&](std::string_view text) { config_.output(GuestStream::kErr, text); });
        take(open[kTerminalAt], terminal_port_,
             [&](std::string_view text) { put(config_.terminal_out, text); });
        if (open[kInAt].revents != 0) {
            std::array<char, 1024> piece{};
            const ssize_t got = ::read(config_.terminal_in, piece.data(), piece.size());
            if (got > 0)
                put(terminal_port_.ours(), {piece.data(), static_cast<std::size_t>(got)});
        }
        take(open[kControlAt], control_port_, [&](std::string_view text) { obey(text); });
        bool is_living = true;
        if (open[kQemuAt].revents != 0) {
            is_living = take(open[kQemuAt], qemu_port_,
                             [&](std::string_view text) { qemu_words_.append(text); });
        }
        return is_living;
    }

    /// One read of a port that poll(2) has spoken of. False when its other end is closed.
    template<typename Visit>
    bool take(const pollfd& ready, Port& port, Visit visit)
    {
        if (ready.fd < 0 || ready.revents == 0)
            return true;
        std::array<char, 65536> piece; // NOLINT(cppcoreguidelines-pro-type-member-init): read into
        const ssize_t got = ::read(ready.fd, piece.data(), piece.size());
        if (got <= 0) {
            port.close();
            return false;
        }
        is_moving_ = true;
        visit(std::string_view(piece.data(), static_cast<std::size_t>(got)));
        return true;
    }

    static void put(int fd, std::string_view text)
    {
        while (!text.empty()) {
            const ssize_t done = ::write(fd, text.data(), text.size());
            if (done < 0 && errno != EINTR)
                return;
            text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(done, 0)));
        }
    }

    /// Lines of guest_init.sh: "ready RELEASE", "exit CODE".
    void obey(std::string_view text)
    {
        control_ += text;
        for (auto end = control_.find('\n'); end != std::string::npos; end = control_.find('\n')) {
            const std::string line = control_.substr(0, end);
            control_.erase(0, end + 1);
            constexpr std::string_view ready = "ready ";
            constexpr std::string_view exit = "exit ";
            if (line.starts_with(ready)) {
                release_ = line.substr(ready.size());
                ready_ =
                    std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun_);
            } else if (line.starts_with(exit)) {
                int code = 0;
                (void)std::from_chars(line.data() + exit.size(), line.data() + line.size(), code);
                exit_code_ = code;
            }
        }
    }

    const GuestConfig& config_;
    Clock::time_point begun_ = Clock::now();
    Wire wire_;
    Port console_port_, control_port_, out_port_, err_port_, terminal_port_, qemu_port_;
    pid_t pid_ = -1;
    ConsoleTail console_;
    ConsoleTail qemu_words_;
    std::string control_; ///< a line that has not ended yet
    std::string release_;
    std::chrono::milliseconds ready_{};
    std::optional<int> exit_code_;
    bool is_moving_ = false; ///< the last pump() took something
};

} // namespace

GuestEnd run_guest(const GuestConfig& config)
{
    return Guest(config).run();
}

} // namespace pagewire::testbed::vm
