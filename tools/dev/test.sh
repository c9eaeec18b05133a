# shellcheck shell=bash
# [--all] [name…]: install what tests need, build with sanitizers, run every test or those whose name holds a word
((EUID == 0)) || die "./dev test needs root: boxes are made of namespaces and cgroups; run it as root"
need build up test

# Clients of Piston from npm.  Without them their tests are skipped, so a registry that cannot be reached spoils nothing.
install_clients() {
        local folder=tests/.cache/clients
        command -v npm >/dev/null || need npm
        cmp -s tests/clients/package-lock.json "$folder/installed.json" && return
        step "installing the clients from npm"
        rm -rf "$folder"
        mkdir -p "$folder" build/log
        cp tests/clients/{package.json,package-lock.json,.npmrc} "$folder"
        if (cd "$folder" && timeout 300 npm ci --fetch-retries=1) >build/log/npm 2>&1 </dev/null; then
                cp tests/clients/package-lock.json "$folder/installed.json"
        else
                echo "dev: npm could not install the clients; build/log/npm says why" >&2
        fi
}

all=()
names=()
for word in "$@"; do
        case $word in
        --all)
                # shellcheck disable=SC2046
                need_packages $(packages_of_runtimes)
                all=(--all)
                ;;
        -*) die "test takes --all and parts of test names, not '$word'" ;;
        *) names+=("$word") ;;
        esac
done
install_clients
build_test
step "running the tests"
exec /usr/bin/python3 tests/run.py --build build/test "${all[@]}" -- "${names[@]}"
