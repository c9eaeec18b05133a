"""Archives, an index and a server for them; everything on loopback."""
import gzip
import hashlib
import http.server
import io
import json
import pathlib
import tarfile
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ECHO_RUN = '#!/bin/bash\nmain=$1\nshift\nexec bash "$main" "$@"\n'


def info(language, version, **more):
    return json.dumps({"language": language, "version": version, "build_platform": "docker-debian", "aliases": [], **more})


def tar(entries):
    """@entries: (name, bytes or text) or a TarInfo; the .tar.gz of them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            name, content = entry
            content = content.encode() if isinstance(content, str) else content
            head = tarfile.TarInfo(name)
            head.size = len(content)
            head.mode = 0o755
            archive.addfile(head, io.BytesIO(content))
    return out.getvalue()


def link(name, target):
    head = tarfile.TarInfo(name)
    head.type = tarfile.SYMTYPE
    head.linkname = target
    return head


def special(name, kind, target=""):
    head = tarfile.TarInfo(name)
    head.type = kind
    head.linkname = target
    return head


def shell_package(language, version, *more, **keys):
    """A package whose programs are shell scripts."""
    return tar([("pkg-info.json", info(language, version, **keys)), ("run", ECHO_RUN),
                ("environment", 'export PATH=$PWD/bin:$PATH\nexport SHELL_HOME=$PWD\n'), *more])


def bomb(size):
    """A gzip of a tar with one file of @size zero bytes."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9) as packed:
        head = tarfile.TarInfo("zeros")
        head.size = size
        packed.write(head.tobuf())
        block = bytes(1024 * 1024)
        for _ in range(size // len(block)):
            packed.write(block)
        packed.write(bytes(1024))
    return out.getvalue()


class Index:
    """An HTTP server on loopback with an index and its archives."""

    def __init__(self):
        self.files = {}
        self.lines = []
        self.hits = []
        self.hooks = {}
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                index.hits.append(self.path)
                if self.path in index.hooks:
                    index.hooks[self.path](self)
                    return
                body = "".join(index.lines).encode() if self.path == "/index" else index.files.get(self.path)
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, name, version, archive, sum=None, url=None):
        path = f"/{name}-{version}.pkg.tar.gz"
        self.files[path] = archive
        sum = sum or hashlib.sha256(archive).hexdigest()
        self.lines.append(f"{name},{version},{sum},{url or self.url + path}\n")
        return path

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def ask(engine, method, language=None, version=None, timeout=120):
    body = None if method == "GET" else json.dumps({"language": language, "version": version})
    return engine.request(method, "/api/v2/packages", body, {"Content-Type": "application/json"}, timeout)


def install(engine, language, version="*"):
    return ask(engine, "POST", language, version)


def uninstall(engine, language, version="*"):
    return ask(engine, "DELETE", language, version)


def installed(engine):
    return {(row["language"], row["language_version"]) for row in ask(engine, "GET").json() if row["installed"]}


@pytest.fixture(scope="module")
def index():
    index = Index()
    yield index
    index.close()


@pytest.fixture(scope="module")
def packaged(index, start_engine):
    """An engine that installs from `index`."""
    return start_engine(repo_url=index.url + "/index", package_size_limit="64MiB", package_archive_limit="16MiB",
                        package_timeout="60s")
