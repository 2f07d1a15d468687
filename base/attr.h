/* SPDX-License-Identifier: Apache-2.0 */
/* Function attributes that the whole tree uses, under names that read as facts. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define AUTO(fn) __attribute__((cleanup(fn)))
/* A large local that is written before it is read: the compiler need not clear it first. Never one
 * whose bytes go anywhere as they lie there. */
#define UNSET __attribute__((uninitialized))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
