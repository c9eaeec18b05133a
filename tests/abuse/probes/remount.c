/* Changes what is mounted, by the old and the new calls. */
#include "probe.h"
#include <sys/mount.h>

int main(void)
{
        struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };

        mkdir("m", 0700);
        TRY("remount-rw", mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL));
        TRY("bind", mount("/", "m", NULL, MS_BIND | MS_REC, NULL));
        TRY("tmpfs", mount("x", "m", "tmpfs", 0, NULL));
        TRY("proc", mount("x", "m", "proc", 0, NULL));
        TRY("sysfs", mount("x", "m", "sysfs", 0, NULL));
        TRY("overlay", mount("x", "m", "overlay", 0, "lowerdir=/usr:/etc"));
        TRY("cgroup2", mount("x", "m", "cgroup2", 0, NULL));
        TRY("fuse", mount("x", "m", "fuse", 0, "fd=0,rootmode=40000,user_id=0,group_id=0"));
        TRY("propagation", mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL));
        TRY("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
        TRY("fspick", syscall(SYS_fspick, AT_FDCWD, "/", 0));
        TRY("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
        TRY("move_mount", syscall(SYS_move_mount, AT_FDCWD, "m", AT_FDCWD, "/tmp", 0));
        TRY("mount_setattr", syscall(SYS_mount_setattr, AT_FDCWD, "m", 0, &attr, sizeof(attr)));
        TRY("pivot_root", syscall(SYS_pivot_root, "m", "m"));
        return done();
}
