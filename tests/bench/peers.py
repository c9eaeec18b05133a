"""Other sandboxes from Debian, run with the same program in the same minutes: before HTTP, and without our limits."""
import json
import os
import shutil
import subprocess
import sys


def root_of(folder):
    """A root with one static program in it: that is the least a container needs."""
    root = folder / "peer/rootfs"
    for name in ("proc", "dev", "sys", "tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / "true", root / "true")
    return root


def bundle_of(folder, tool):
    """What `crun spec` and `runc spec` propose, with our program in place of a shell."""
    bundle = folder / f"peer/{tool}"
    bundle.mkdir(parents=True)
    subprocess.run([tool, "spec"], cwd=bundle, check=True)
    spec = json.loads((bundle / "config.json").read_text())
    spec["process"]["args"] = ["/true"]
    spec["process"]["terminal"] = False
    spec["process"].pop("rlimits", None)  # may need a capability that a container's root has not
    spec["root"] = {"path": str(folder / "peer/rootfs"), "readonly": True}
    (bundle / "config.json").write_text(json.dumps(spec))
    return bundle


def words(folder):
    """Name, words: each runs `true` in a sandbox of its own and removes it."""
    root = root_of(folder)
    if shutil.which("bwrap"):
        yield "bubblewrap", [shutil.which("bwrap"), "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev",
                             "--tmpfs", "/tmp", "--unshare-all", "--uid", "1000", "--gid", "1000", "--die-with-parent",
                             "/true"]
    for tool in ("crun", "runc"):
        if not shutil.which(tool):
            continue
        bundle = bundle_of(folder, tool)
        command = [shutil.which(tool), "--root", str(folder / f"peer/{tool}-state"), "run", "--bundle", str(bundle),
                   f"bench-{os.getpid()}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, check=False)
        if done.returncode == 0:
            yield tool, command
        else:  # crun, where cgroups are of both versions
            print(f"bench: {tool}: left out: {done.stderr.strip()}", file=sys.stderr)
