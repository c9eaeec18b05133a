# shellcheck shell=bash
# [--all] [name…]: install what tests need, build with sanitizers, run every test or those whose name holds a word
((EUID == 0)) || die "./dev test needs root: boxes are made of namespaces and cgroups; run it as root"
need build up test
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
build_test
step "running the tests"
exec /usr/bin/python3 tests/run.py --build build/test "${all[@]}" -- "${names[@]}"
