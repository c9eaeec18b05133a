"""Images made here, and the pull side of a registry that hands them out; everything on loopback."""
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import platform
import shutil
import subprocess
import tarfile
import threading

import conftest
import pytest

BUSYBOX = next((path for path in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(path)), None)
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI = (MANIFEST, INDEX, CONFIG, LAYER)
DOCKER = ("application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
          "application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip")
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())

# name: what it needs; the shell of it is busybox's
SHELL = """language: {language}
title: A shell of an image
image: {image}
find: [sh]
version:
  env: BOX_VERSION
extensions: [sh]
run: ["{{tool}}", "{{main}}", "{{args}}"]
"""


def head(name, kind=tarfile.REGTYPE, target="", mode=0o755, size=0):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode, entry.size = kind, target, mode, size
    return entry


def folder(name, mode=0o755):
    return head(name, tarfile.DIRTYPE, mode=mode), b""


def file(name, content, mode=0o644):
    content = content.encode() if isinstance(content, str) else content
    return head(name, mode=mode, size=len(content)), content


def musl_loader():
    """musl's loader, which is its libc, where programs linked to it look."""
    loader = next(pathlib.Path("/lib").glob("ld-musl-*.so.1"))
    return [folder("lib"), file(f"lib/{loader.name}", loader.resolve().read_bytes(), 0o755)]


def link(name, target):
    return head(name, tarfile.SYMTYPE, target), b""


def hard_link(name, target):
    return head(name, tarfile.LNKTYPE, target), b""


def device(name, major, minor, kind=tarfile.CHRTYPE):
    entry = head(name, kind, mode=0o666)
    entry.devmajor, entry.devminor = major, minor
    return entry, b""


def tar(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for entry, content in entries:
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def busybox_tree(*more):
    """The smallest image there is: one static program with its names."""
    program = pathlib.Path(BUSYBOX).read_bytes()
    names = ("sh", "cat", "ls", "id", "echo", "mount", "head", "wc", "cut", "sort", "readlink", "grep", "sleep", "true",
             "mknod", "chroot", "ln", "mkdir", "dd", "ps", "touch", "stat", "find", "kill", "chmod", "rm", "mv", "unshare")
    return [folder("bin"), file("bin/busybox", program, 0o755), *(link(f"bin/{name}", "busybox") for name in names),
            folder("etc"), file("etc/of-the-image", "yes\n"), *more]


class Registry:
    """GET /v2/…: manifests by tag or digest, blobs by digest."""

    def __init__(self):
        self.manifests, self.blobs, self.hooks, self.hits = {}, {}, {}, []
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                registry.hits.append(self.path)
                if self.path in registry.hooks:
                    registry.hooks[self.path](self)
                    return
                kind, body = registry.find(self.path)
                self.send_response(200 if body is not None else 404)
                if kind:
                    self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body or b"")

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def find(self, path):
        words = path.strip("/").split("/")
        if words == ["v2"]:
            return "application/json", b"{}"
        if len(words) > 3 and words[-2] == "manifests":
            return self.manifests.get(("/".join(words[1:-2]), words[-1]), (None, None))
        if len(words) > 3 and words[-2] == "blobs":
            return "application/octet-stream", self.blobs.get(words[-1])
        return None, None

    def blob(self, content):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return digest

    def manifest(self, name, tag, kind, document):
        body = json.dumps(document).encode()
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        self.manifests[name, tag] = self.manifests[name, digest] = (kind, body)
        return digest, len(body)

    def push(self, name, *layers, tag="latest", env=(), machine=MACHINE, indexed=False, kinds=OCI):
        """@layers: lists of entries, or a tar as bytes.  The image's name as `image:` takes it."""
        manifest, index, config_kind, layer = kinds
        tars = [layer if isinstance(layer, bytes) else tar(layer) for layer in layers]
        packed = [gzip.compress(each, mtime=0) for each in tars]
        config = json.dumps({"architecture": machine, "os": "linux", "config": {"Env": list(env)},
                             "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(each).hexdigest()
                                                                        for each in tars]}}).encode()
        document = {"schemaVersion": 2, "mediaType": manifest,
                    "config": {"mediaType": config_kind, "digest": self.blob(config), "size": len(config)},
                    "layers": [{"mediaType": layer, "digest": self.blob(each), "size": len(each)} for each in packed]}
        digest, size = self.manifest(name, tag, manifest, document)
        if indexed:
            row = {"mediaType": manifest, "digest": digest, "size": size}
            self.manifest(name, tag, index, {"schemaVersion": 2, "mediaType": index, "manifests": [
                {**row, "platform": {"architecture": MACHINE, "os": "linux"}}]})
        return f"{self.host}/{name}:{tag}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def words(data, *more):
    return [conftest.BINARY, "image", *more, f"--data-directory={data}"]


def clean_environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(("CODERUNR_", "PISTON_", "RUNNER_"))}


def image(data, *more, timeout=120):
    """`coderunr image …`: exit status, stdout, stderr."""
    done = subprocess.run(words(data, *more), env=clean_environment(), capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout, done.stderr


def pull(data, name, *more):
    return image(data, "pull", name, "--plain-http", *more)


def needs_tools():
    missing = [name for name in ("skopeo", "umoci") if not shutil.which(name)]
    missing += ["busybox-static"] if not BUSYBOX else []
    if missing:
        pytest.skip("not installed: " + ", ".join(missing))
    if os.geteuid() != 0:
        pytest.skip("images are root's")


@pytest.fixture(scope="module")
def registry():
    needs_tools()
    registry = Registry()
    yield registry
    registry.close()


def write_manifest(runtimes, language, name, text=SHELL):
    (runtimes / f"{language}.yaml").write_text(text.format(language=language, image=name))
