#pragma once

/* Backend: the implementations of store and queue there are, by name (backend.def). */

#include "job/queue.h"
#include "job/store.h"

#define BACKEND_STORE(name, text) extern const struct store_ops store_##name;
#define BACKEND_QUEUE(name, text) extern const struct queue_ops queue_##name;
#include "backend/backend.def"

/* NULL when there is none of this name. */
const struct store_ops *backend_store(const char *name);
const struct queue_ops *backend_queue(const char *name);

/* All of them, NULL at the end. */
extern const struct store_ops *const backend_stores[];
extern const struct queue_ops *const backend_queues[];
