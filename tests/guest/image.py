"""The guest's disk: Debian packages of this machine's own apt sources taken apart, the engine and the checks.  Packages and kernels are kept in tests/.cache/guest; the disk is made anew each time, which takes seconds.
"""
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
CACHE = ROOT / "tests/.cache/guest"
PACKAGES = ["bash", "busybox-static", "coreutils", "dash", "kmod", "python3"]
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
FOLDERS = ["ci", "dev", "etc", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/lib", "usr/lib64", "usr/sbin",
           "usr/libexec", "usr/share/coderunr", "var/lib"]
# Of a kernel's modules: what boots it, what boxes need, and what a program could make it load.
MODULES = ["arch", "crypto", "drivers/block", "drivers/virtio", "fs/overlayfs", "lib", "net"]
UNIT_TESTS = ["faults"]  # those of limits measure milliseconds, which mean nothing here
BOOT_MODULES = ["virtio_pci", "virtio_blk"]
DISK_MIB = 1200


class Unavailable(Exception):
    """This machine cannot build the guest; the text says what is missing."""


def run(*words, **options):
    """A command that must succeed; what it wrote to stdout."""
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        raise Unavailable(f"{words[0]} failed: {(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout


def need_tools():
    for tool, package in (("qemu-system-x86_64", "qemu-system-x86"), ("mke2fs", "e2fsprogs"), ("cpio", "cpio"),
                          ("depmod", "kmod"), ("xz", "xz-utils"), ("apt-get", "apt")):
        if not shutil.which(tool):
            raise Unavailable(f"{tool} is not installed; apt-get install -y {package}")


# ---- packages --------------------------------------------------------------------------------------------------------


def package_of(path):
    for name in (path, path.resolve(), pathlib.Path("/usr" + str(path))):
        done = subprocess.run(["dpkg-query", "-S", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=False)
        if done.returncode == 0:
            return done.stdout.split(":")[0]
    raise Unavailable(f"{path} belongs to no Debian package")


def packages_of_engine(build):
    """The packages of the engine's shared libraries, and of the sanitizers', so that one userland serves every build."""
    paths = re.findall(r"(/\S+) \(0x", run("ldd", build / "coderunr"))
    paths += [run("gcc", "-print-file-name=libcmocka.so").strip()]
    for name in ("libasan.so", "libubsan.so"):
        paths.append(run("gcc", f"-print-file-name={name}").strip())
    return sorted({package_of(pathlib.Path(path)) for path in paths if path.startswith("/")})


def download(packages, debs):
    """The packages and all they depend on, as apt chooses for a machine that has nothing."""
    (debs / "partial").mkdir(parents=True)
    (debs / "status").write_text("")
    run("apt-get", "-q", "-y", "-o", f"Dir::State::status={debs}/status", "-o", f"Dir::Cache::archives={debs}",
        "-o", "APT::Sandbox::User=root", "--no-install-recommends", "--download-only", "install", *packages)


def unpack(deb, root):
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as source:
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", str(root)], stdin=source.stdout, check=True)


def make_userland(root, packages):
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, target in LINKS.items():
        (root / name).symlink_to(target)
    debs = root.with_suffix(".debs")
    shutil.rmtree(debs, ignore_errors=True)
    download(packages, debs)
    for deb in sorted(debs.glob("*.deb")):
        unpack(deb, root)
    shutil.rmtree(debs)
    for applet in run(root / "usr/bin/busybox", "--list").split():
        if not any((root / folder / applet).is_symlink() or (root / folder / applet).exists()
                   for folder in ("usr/bin", "usr/sbin")):
            (root / "usr/bin" / applet).symlink_to("busybox")
    for folder in ("usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(root / folder, ignore_errors=True)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "tmp").chmod(0o1777)


def userland(build, online):
    """The folder of the userland, made when the packages asked for have changed."""
    packages = PACKAGES + packages_of_engine(build)
    key = hashlib.sha256((" ".join(packages) + pathlib.Path(__file__).read_text()).encode()).hexdigest()[:16]
    root = CACHE / f"userland-{key}"
    if not root.exists():
        if not online:
            raise Unavailable("the guest's packages are not here yet; ./dev guest downloads them")
        for old in CACHE.glob("userland-*"):
            shutil.rmtree(old)
        print("guest: unpacking the userland", flush=True)
        temporary = CACHE / "userland-new"
        make_userland(temporary, packages)
        temporary.rename(root)
    return root


# ---- kernels ---------------------------------------------------------------------------------------------------------


class Kernel:
    def __init__(self, folder):
        self.folder = folder
        self.image = next(folder.glob("boot/vmlinuz-*"))
        self.version = self.image.name.removeprefix("vmlinuz-")
        self.modules = folder / "lib/modules" / self.version
        self.initrd = folder / "initrd.gz"


def kernel_package(series):
    """The newest cloud kernel of a series ("6.1") that apt knows, or None."""
    pattern = rf"linux-image-{re.escape(series)}\.[0-9].*-cloud-amd64"
    names = [name for name in run("apt-cache", "pkgnames", f"linux-image-{series}.").split()
             if re.fullmatch(pattern, name) and "unsigned" not in name]
    return max(names, key=lambda name: [int(number) for number in re.findall(r"\d+", name)], default=None)


def make_initrd(kernel):
    """An initramfs with busybox and the modules that stand between the kernel and its disk."""
    folder = kernel.folder / "initrd"
    for name in ("bin", "dev", "newroot", "m"):
        (folder / name).mkdir(parents=True)
    depends = {}
    for line in (kernel.modules / "modules.dep").read_text().splitlines():
        path, _, needs = line.partition(":")
        depends[re.sub(r"\.ko.*", "", path.rsplit("/", 1)[-1])] = [path, *needs.split()]
    ordered = []
    for name in BOOT_MODULES:
        for path in reversed(depends.get(name, [])):
            if path not in ordered:
                ordered.append(path)
    for number, path in enumerate(ordered):
        target = folder / "m" / f"{number:02}.ko"
        if path.endswith(".xz"):
            target.write_bytes(subprocess.run(["xz", "-dc", kernel.modules / path], stdout=subprocess.PIPE, check=True).stdout)
        else:
            shutil.copy(kernel.modules / path, target)
    shutil.copy(HERE / "initrd-init", folder / "init")
    (folder / "init").chmod(0o755)
    return folder


def pack_initrd(kernel, busybox):
    folder = make_initrd(kernel)
    shutil.copy(busybox, folder / "bin/busybox")
    packed = subprocess.run("find . | cpio -o -H newc --quiet | gzip -1", shell=True, cwd=folder,
                            stdout=subprocess.PIPE, check=True).stdout
    kernel.initrd.write_bytes(packed)
    shutil.rmtree(folder)


def kernel(series, busybox, online):
    """The kernel of a series, downloaded and taken apart once."""
    name = kernel_package(series) if online else next((path.name for path in CACHE.glob(f"linux-image-{series}.*")), None)
    if not name:
        raise Unavailable(f"apt knows no {series} cloud kernel" if online else
                          f"the {series} kernel is not here yet; ./dev guest downloads it")
    folder = CACHE / name
    if not (folder / "modules.ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        for old in CACHE.glob(f"linux-image-{series}.*"):
            shutil.rmtree(old)
        print(f"guest: downloading {name}", flush=True)
        folder.mkdir(parents=True)
        run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name, cwd=folder)
        unpack(next(folder.glob("*.deb")), folder)
        next(folder.glob("*.deb")).unlink()
        if (folder / "usr/lib/modules").exists() and not (folder / "lib").exists():
            (folder / "lib").symlink_to("usr/lib")
        run("depmod", "-b", folder, Kernel(folder).version)
        (folder / "modules.ready").touch()
    found = Kernel(folder)
    pack_initrd(found, busybox)
    return found


# ---- the disk --------------------------------------------------------------------------------------------------------


def copy_modules(kernel_found, root):
    target = root / "usr/lib/modules" / kernel_found.version
    target.mkdir(parents=True)
    for path in kernel_found.modules.glob("modules.*"):
        shutil.copy(path, target)
    for name in MODULES:
        if (kernel_found.modules / "kernel" / name).exists():
            shutil.copytree(kernel_found.modules / "kernel" / name, target / "kernel" / name)
    run("depmod", "-b", root, kernel_found.version)


def copy_engine(build, root):
    shutil.copy(build / "coderunr", root / "usr/bin/coderunr")
    shutil.copy(build / "coderunr-keeper", root / "usr/libexec/coderunr-keeper")
    target = root / "usr/share/coderunr/runtimes"
    target.mkdir()
    for name in ("bash", "python"):
        shutil.copy(ROOT / f"runtimes/{name}.yaml", target)


def copy_unit_tests(build, root):
    """The unit tests that make boxes, where the build has them; they look for their keepers in the build folder."""
    folder = root / str(build).lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    for path in build.glob("coderunr-keeper*"):
        if path.is_file():
            shutil.copy(path, folder)
    for name in UNIT_TESTS:
        if (build / name).is_file():
            shutil.copy(build / name, root / "ci" / f"unit-{name}")


def make_disk(build, series, online=True):
    """Kernels by series and the path of a fresh disk; the caller removes the disk.  Not @online: of what is here already."""
    need_tools()
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return make_locked(build, series, online)


def make_locked(build, series, online):
    base = userland(build, online)
    kernels = {name: kernel(name, base / "usr/bin/busybox", online) for name in series}
    root, disk = CACHE / f"root-{os.getpid()}", CACHE / f"disk-{os.getpid()}.ext4"
    try:
        run("cp", "-a", "--reflink=auto", base, root)
        for found in kernels.values():
            copy_modules(found, root)
        copy_engine(build, root)
        copy_unit_tests(build, root)
        shutil.copy(HERE / "init", root / "usr/sbin/ci-init")
        (root / "usr/sbin/ci-init").chmod(0o755)
        for path in (HERE / "inside").glob("*.py"):
            shutil.copy(path, root / "ci")
        run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0", "-d", root, disk, f"{DISK_MIB}M")
    except BaseException:
        disk.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return kernels, disk
