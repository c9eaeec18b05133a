/* A frame that is believed can be written again, and is then the same frame, byte for byte. */
#include "fuzz.h"
#include "job/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        for (size_t n_fds = 0; n_fds <= WIRE_FDS_MAX; n_fds++) {
                struct bytes again = BYTES_INIT(WIRE_FRAME_BYTES);
                struct wire_frame frame;
                const char *field = NULL;
                int r = wire_decode(data, size, n_fds, &frame, &field);

                if (r < 0) {
                        must(field && *field);
                        continue;
                }
                must(wire_encode(&frame, &again, &field) == 0);
                must(again.n == size && memcmp(again.p, data, size) == 0);
                bytes_deinit(&again);
        }
        return 0;
}
