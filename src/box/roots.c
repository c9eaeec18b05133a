/*
 * Roots: what a slot's boxes may see.  One is the slot's own, made of the host's toolchains; each image has one more.
 *
 * Each is a mount namespace of its own, held open by the keeper, which enters the one its next box shall be cloned in: so a
 * box of an image costs what any box costs, and sees no mount of another root.  A slot without images has no such
 * descriptors and no capability for it.
 */
#include "box/keeper.h"
#include "box/root.h"
#include "box/steps.h"

#include <fcntl.h>
#include <sched.h>

/* The mount namespace the caller is in. */
static int open_own(const struct keeper *of)
{
        int fd = openat(of->proc, "self/ns/mnt", O_RDONLY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int enter(int fd)
{
        return setns(fd, CLONE_NEWNS) < 0 ? -errno : 0;
}

/* One root in a new copy of what the caller sees; a descriptor or -errno. */
static int build_image(struct keeper *of, const char *files)
{
        enum step step;
        int r = unshare(CLONE_NEWNS) < 0 ? -errno : root_build(of->boot, files, &step);

        return r ? r : open_own(of);
}

/* An image that cannot be shown is its own jobs' trouble: they are told why, all others run. */
static int build_images(struct keeper *of, int host)
{
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < of->boot->n_images; i++) {
                of->roots[i + 1] = build_image(of, of->boot->images[i]);
                r = enter(host);
        }
        return r;
}

int roots_build(struct keeper *of, enum step *ret_step)
{
        CLEANUP(close_fd) int host = -1;
        int r;

        *ret_step = STEP_SLOT_IMAGE;
        r = steps_fault(STEP_SLOT_IMAGE);
        if (r < 0 || of->boot->n_images == 0)
                return r ? r : root_build(of->boot, NULL, ret_step);
        host = open_own(of);
        r = host < 0 ? host : build_images(of, host);
        r = r ? r : root_build(of->boot, NULL, ret_step);
        of->roots[0] = r ? r : open_own(of);
        return MIN(of->roots[0], 0);
}

int roots_enter(struct keeper *of, uint32_t image)
{
        int fd = of->roots[image], r = fd < 0 ? fd : enter(fd);

        if (r == 0)
                of->image = image;
        return r;
}
