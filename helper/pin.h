/* SPDX-License-Identifier: Apache-2.0 */
/* The PIN, from the descriptor in which it travels straight into locked memory. */
#ifndef HELPER_PIN_H
#define HELPER_PIN_H

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"

#define PIN_MAX 255u
#define PIN_MS 2000u

/* The first line less its end. ERR_PIN: empty, too long, or not there within PIN_MS. */
int pin_receive(int fd, struct secret *out, struct err *e) MUST_USE;

#endif
