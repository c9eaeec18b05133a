#pragma once

/* Pause: how long to wait before the next attempt, from the number of failures and some randomness. */

#include "util/base.h"

/* After attempt number @attempts of one delivery. */
uint64_t pause_of_delivery(unsigned attempts, uint64_t random);

/* After so many attempts in a row, of whatever deliveries, to which a receiver did not answer. */
uint64_t pause_of_receiver(unsigned failures, uint64_t random);
