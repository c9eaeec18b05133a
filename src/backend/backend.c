#include "backend/backend.h"

const struct store_ops *const backend_stores[] = {
#define BACKEND_STORE(name, text) &store_##name,
#include "backend/backend.def"
        NULL,
};

const struct queue_ops *const backend_queues[] = {
#define BACKEND_QUEUE(name, text) &queue_##name,
#include "backend/backend.def"
        NULL,
};

const struct store_ops *backend_store(const char *name)
{
        for (size_t i = 0; backend_stores[i]; i++)
                if (streq(backend_stores[i]->name, name))
                        return backend_stores[i];
        return NULL;
}

const struct queue_ops *backend_queue(const char *name)
{
        for (size_t i = 0; backend_queues[i]; i++)
                if (streq(backend_queues[i]->name, name))
                        return backend_queues[i];
        return NULL;
}
