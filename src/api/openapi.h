#pragma once

/* OpenAPI: what the native door takes and answers, told by itself. */

struct exchange;

void openapi_get(struct exchange *exchange);
