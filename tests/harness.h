/* SPDX-License-Identifier: Apache-2.0 */
/* A small test harness: TAP on stdout, both values printed when a comparison fails.
 * A test is a function; main lists them with RUN and ends with `return harness_end();`. A skip says
 * its reason aloud. */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

void harness_run(const char *name, void (*fn)(void));
void harness_skip(const char *fmt, ...) PRINTF(1, 2); /* marks the running test as skipped */
bool harness_ok(bool ok, const char *file, int line, const char *fmt, ...) PRINTF(4, 5);
bool harness_int(long long got, long long want, const char *file, int line, const char *what);
bool harness_str(const char *got, const char *want, const char *file, int line, const char *what);
bool harness_mem(struct bytes got, struct bytes want, const char *file, int line, const char *what);
int harness_end(void);
/* A fresh private directory below $TMPDIR, removed at the end. */
const char *harness_dir(void);

#define RUN(fn) harness_run(#fn, fn)
#define CHECK(c) harness_ok((c), __FILE__, __LINE__, "%s", #c)
#define EQ_INT(got, want) harness_int((long long)(got), (long long)(want), __FILE__, __LINE__, #got)
#define EQ_STR(got, want) harness_str((got), (want), __FILE__, __LINE__, #got)
#define EQ_MEM(got, want) harness_mem((got), (want), __FILE__, __LINE__, #got)
/* A call that must succeed; prints the error when it does not. */
#define OK_CALL(call, err) harness_ok((call) == 0, __FILE__, __LINE__, "%s: %s", #call, (err)->msg)

#endif
