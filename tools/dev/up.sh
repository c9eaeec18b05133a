# shellcheck shell=bash
# [--all] [option…]: install what is missing, build the release, serve, run a sample; options go to `coderunr serve`
((EUID == 0)) || die "./dev up needs root: boxes are made of namespaces and cgroups; run it as root"
groups=(build up)
options=()
for word in "$@"; do
        if [[ $word == --all ]]; then groups+=(all); else options+=("$word"); fi
done
need build up
if [[ " ${groups[*]} " == *" all "* ]]; then
        # shellcheck disable=SC2046
        need_packages $(packages_of_runtimes)
fi
build_release

# Where cgroup v2 is all there is, our own group holds the shell too and so cannot hand controllers down (a rule of the
# kernel); beside it there is a place.
group=$(sed -n 's/^0:://p' /proc/self/cgroup)
if [[ $group == /?* && -z ${CODERUNR_CGROUP_PARENT-} ]] &&
        grep -qsw memory "/sys/fs/cgroup$group/cgroup.controllers"; then
        parent=${group%/*}
        export CODERUNR_CGROUP_PARENT=${parent:-/}
fi

engine=$ROOT/build/release/coderunr
address=$("$engine" config bind_address "${options[@]}") || exit 1
address=${address%%,*}
address=${address/#0.0.0.0:/127.0.0.1:}
address=${address/#\[::\]:/[::1]:}
url=http://$address

show_sample() {
        local program request answer ms
        program='#include <bits/stdc++.h>\nint main() { std::cout << 6 * 7 << \"\\n\"; }'
        request="{\"language\": \"c++\", \"version\": \"*\", \"files\": [{\"content\": \"$program\"}]}"
        until curl -sf -o /dev/null --noproxy '*' --max-time 2 "$url/health"; do
                kill -0 $$ 2>/dev/null || return
                sleep 0.05
        done
        step "the engine answers at $url; running a C++ program through it"
        answer=$(curl -sS --noproxy '*' --max-time 60 "$url/api/v2/execute" -H 'content-type: application/json' \
                -d "$request") || return
        ms=$(($(date +%s%3N) - STARTED_MS))
        printf '\n%s\n\n' "$answer"
        printf 'first answer after %d.%d s' $(((ms - DOWNLOAD_MS) / 1000)) $(((ms - DOWNLOAD_MS) % 1000 / 100))
        ((DOWNLOAD_MS == 0)) || printf ', and %d.%d s of downloads' $((DOWNLOAD_MS / 1000)) $((DOWNLOAD_MS % 1000 / 100))
        printf '\n\nnext, from another terminal:\n'
        printf '  %-64s %s\n' "curl -s $url/api/v2/runtimes" 'what is offered' \
                "build/release/coderunr run --url $url FILE" 'run a file of yours' \
                'build/release/coderunr doctor' 'what this host lacks'
        echo 'Ctrl-C ends the engine.'
}

# The shell becomes the engine, so signals and the exit status are the engine's own; the sample is a grandchild
# of nobody.  Where somebody already listens, the engine's own sentence says so and there is nothing to wait for.
if ! curl -s -o /dev/null --noproxy '*' --max-time 2 "$url/"; then
        (show_sample &)
fi
step "starting the engine"
exec "$engine" serve "${options[@]}"
