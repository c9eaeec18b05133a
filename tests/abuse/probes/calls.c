/* System calls by name, grouped by what they are about; the argument names the group. */
#include "probe.h"
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>

static void keys(void)
{
        TRY("add_key", syscall(SYS_add_key, "user", "probe", "x", 1, KEY_SPEC_PROCESS_KEYRING));
        TRY("request_key", syscall(SYS_request_key, "user", "probe", NULL, KEY_SPEC_PROCESS_KEYRING));
        TRY("session", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1));
        TRY("persistent", syscall(SYS_keyctl, 22, -1, KEY_SPEC_PROCESS_KEYRING));
}

static void uring(void)
{
        static char params[256];

        TRY("io_uring_setup", syscall(425, 4, params));
        TRY("io_uring_enter", syscall(426, -1, 0, 0, 0, NULL, 0));
        TRY("io_uring_register", syscall(427, -1, 0, NULL, 0));
        TRY("io_setup", syscall(SYS_io_setup, 1, &(unsigned long){ 0 }));
}

static void bpf_and_perf(void)
{
        union bpf_attr map = {
                .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
        };
        struct perf_event_attr event = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(event) };

        TRY("bpf-map", syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)));
        TRY("perf-self", syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
        TRY("perf-host", syscall(SYS_perf_event_open, &event, -1, 0, -1, 0));
        TRY("syslog", syscall(SYS_syslog, 10, NULL, 0));
}

int main(int argc, char **argv)
{
        if (strcmp(argv[1], "keys") == 0)
                keys();
        if (strcmp(argv[1], "uring") == 0)
                uring();
        if (strcmp(argv[1], "bpf") == 0)
                bpf_and_perf();
        return done();
}
