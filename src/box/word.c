/* What a box's processes say to their keeper. */
#include "box/keeper.h"

#include <sys/socket.h>

void word_send(int channel, enum word word, enum step step, int error)
{
        struct word_frame frame = { .word = word, .step = step, .error = error < 0 ? -error : error };

        (void)send(channel, &frame, sizeof(frame), MSG_NOSIGNAL);
}
