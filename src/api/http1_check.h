#pragma once

/* The rules about a request head that llhttp leaves to us; used by api/http1.c only.  Each returns 0 or a status. */

#include "api/http1.h"

/* The request line.  Fills method and minor, and takes leading empty lines off @head. */
int http1_check_line(struct view *head, struct http1_request *request, const char **ret_reason) MUST_USE;

/*
 * The target (request->path as sent) and the fields, in the order of the request.  Splits the target into path and query
 * and fills host, length and the flags about the body.
 */
int http1_check_fields(struct http1_request *request, const char **ret_reason) MUST_USE;
