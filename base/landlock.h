/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel has of landlock, for those who only ask. */
#ifndef BASE_LANDLOCK_H
#define BASE_LANDLOCK_H

/* 0: none, also where a container withholds it; under LANDLOCK_PORTS it has no rules for ports;
 * negative: -errno. */
long landlock_version(void);

#define LANDLOCK_PORTS 4

#endif
