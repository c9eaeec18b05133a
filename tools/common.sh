# Shared by the commands of ./dev: words to the person waiting, packages, builds.

STARTED_MS=$(date +%s%3N)
DOWNLOAD_MS=0

# One line per step, with the seconds since the start.
step() {
        local ms=$(($(date +%s%3N) - STARTED_MS))
        printf '[%3d.%d s] %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$*"
}

die() {
        echo "dev: $*" >&2
        exit 1
}

# Run quietly, keep what was said in build/log/NAME, show its end when it fails.
logged() {
        local name=$1
        shift
        mkdir -p build/log
        "$@" >"build/log/$name" 2>&1 </dev/null && return
        tail -n 30 "build/log/$name" >&2
        die "$name failed; all it said is in build/log/$name"
}

# The packages of tools/packages.txt that belong to the groups named.
packages_of() {
        awk -v groups=" $* " '!/^#/ && NF >= 2 && index(groups, " " $1 " ") { print $2 }' tools/packages.txt
}

# The packages the manifests ask for: what `--all` brings.
packages_of_runtimes() {
        sed -n 's/^apt:[[:space:]]*//p' runtimes/*.yaml | tr -d '"[],' | tr ' ' '\n' | sed '/^$/d' | sort -u
}

installed() {
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Install what is missing of the packages named; says and does nothing when nothing is.
need_packages() {
        local missing=() package before
        for package in "$@"; do
                installed "$package" || missing+=("$package")
        done
        ((${#missing[@]} == 0)) && return
        ((EUID == 0)) || die "missing: ${missing[*]}; install them as root: apt-get install -y ${missing[*]}"
        command -v apt-get >/dev/null || die "missing: ${missing[*]}; this is no Debian, install them by hand"

        export DEBIAN_FRONTEND=noninteractive
        before=$(date +%s%3N)
        step "reading the package lists"
        logged apt-update apt-get update -q
        step "downloading ${#missing[@]} packages: ${missing[*]}"
        logged apt-download apt-get install -q -y --no-install-recommends --download-only "${missing[@]}"
        DOWNLOAD_MS=$((DOWNLOAD_MS + $(date +%s%3N) - before))
        step "installing them"
        logged apt-install apt-get install -q -y --no-install-recommends "${missing[@]}"
}

need() {
        # shellcheck disable=SC2046
        need_packages $(packages_of "$@")
}

# Set up build/NAME once; the words after NAME are meson's.
set_up() {
        local name=$1
        shift
        [[ -f build/$name/build.ninja ]] && return
        step "setting up build/$name"
        rm -rf "build/$name"
        logged "setup-$name" meson setup "build/$name" -Drun_from_build=true "$@"
}

# Bring build/NAME up to date: the targets named, else everything.
make_targets() {
        local name=$1
        shift
        step "building build/$name"
        if [[ -t 1 ]]; then
                ninja -C "build/$name" "$@" || die "the build of build/$name failed"
        else
                logged "build-$name" ninja -C "build/$name" "$@"
        fi
}

build() {
        set_up "$@"
        make_targets "$1"
}

build_release() {
        build release --buildtype=release -Dtests=disabled
}

# The keeper is static and so never sanitized; meson.build sees to that.
build_test() {
        build test --buildtype=debugoptimized -Dtests=enabled -Db_sanitize=address,undefined
}
