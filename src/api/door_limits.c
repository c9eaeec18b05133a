/* Theory of operation: never above runtime_most(), which the runner checks again. */
#include "api/door_limits.h"
#include "config/config.h"
#include "job/job.h"
#include "runtime/runtime.h"

void door_limits_set(struct job *job, const struct config *config, uint64_t wall_ns, uint64_t memory_bytes)
{
        const struct runtime *runtime = job->runtime;
        struct limits *run = &job->limits[STAGE_RUN];

        run->wall_ns = MIN(wall_ns, runtime_most(runtime, STAGE_RUN, LIMIT_wall_ns));
        run->cpu_ns = MIN(wall_ns, runtime_most(runtime, STAGE_RUN, LIMIT_cpu_ns));
        if (memory_bytes > 0 && run->memory_bytes <= config->limits[STAGE_RUN].memory_bytes)
                run->memory_bytes = MIN(memory_bytes, run->memory_bytes);
}
