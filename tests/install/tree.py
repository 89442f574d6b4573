"""The program installed into a folder of the test's own, and its subcommands as --help tells them."""
import os
import re
import subprocess
import sys
import tempfile
import traceback

PREFIX = "usr/local"


class Skip(Exception):
    """Why a test cannot say anything here."""


class Tree:
    """`meson install` of a build folder, below a temporary DESTDIR."""

    def __init__(self, build: str):
        self.folder = tempfile.TemporaryDirectory(dir="/var/tmp", prefix="pagewire-test-")
        self.root = self.folder.name
        subprocess.run(["meson", "install", "--no-rebuild", "--quiet", "-C", build],
                       env=os.environ | {"DESTDIR": self.root}, check=True, stdout=subprocess.DEVNULL)
        prefixes = {os.path.join(self.root, path) for path in ("usr", PREFIX)}
        self.prefix = next(path for path in sorted(prefixes, key=len, reverse=True) if os.path.exists(path + "/bin/pagewire"))
        self.executable = self.path("bin/pagewire")

    def path(self, name: str) -> str:
        return os.path.join(self.prefix, name)

    def page(self, name: str) -> str:
        """A manual page's file, "man1/pagewire.1"; without a name, the folder of all."""
        if not os.path.exists(self.path("share/man")):
            raise Skip("configured without manual pages: lowdown was not there")
        return self.path("share/man/" + name)

    def run(self, *words: str, **options) -> subprocess.CompletedProcess:
        return subprocess.run([self.executable, *words], capture_output=True, text=True, cwd="/", timeout=120, **options)

    def help(self, command: tuple[str, ...]) -> str:
        return self.run(*command, "--help", check=True).stdout

    def commands(self, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
        """Every subcommand that --help shows, the program itself first."""
        section = self.help(above).partition("\nSubcommands:\n")[2].partition("\n\n")[0]
        below = re.findall(r"^  (\w+)", section, flags=re.M)
        return [above] + [command for name in below for command in self.commands((*above, name))]

    def options(self, command: tuple[str, ...]) -> dict[str, str]:
        """Each option's name and what --help says of its value."""
        return dict(re.findall(r"^  (?:-\w,)?(--[\w-]+) ?(\S*)", self.help(command), flags=re.M))


def main(tests) -> int:
    """Runs the functions, each with the installed tree and the source folder, and says so in TAP."""
    build, source = sys.argv[1:]
    tree = Tree(build)
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        name = test.__name__.replace("_", " ")
        try:
            test(tree, source)
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception:  # whatever it is, the other tests still run
            failed += 1
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
            print(f"not ok {number} - {name}", flush=True)
    return 1 if failed else 0
