/* Types for whoever sits at the terminal. */
#include "probe.h"
#include <sys/ioctl.h>
#include <termios.h>

int main(void)
{
        char letter = 'x', paste[2] = { 3, 0 };
        int discipline = 0;

        TRY("tty", open("/dev/tty", O_RDWR | O_NOCTTY));
        TRY("push", ioctl(0, TIOCSTI, &letter));
        TRY("push-high-bits", syscall(SYS_ioctl, 0, TIOCSTI | 1UL << 32, &letter));
        TRY("paste", ioctl(0, TIOCLINUX, paste));
        TRY("discipline", ioctl(0, TIOCSETD, &discipline));
        TRY("steal", ioctl(0, TIOCSCTTY, 1));
        TRY("ptmx", open("/dev/ptmx", O_RDWR | O_NOCTTY));
        return done();
}
