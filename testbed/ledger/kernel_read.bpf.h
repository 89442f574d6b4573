/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads of the kernel's structures at an address that a program has calculated. */
#ifndef PAGEWIRE_TESTBED_LEDGER_KERNEL_READ_BPF_H
#define PAGEWIRE_TESTBED_LEDGER_KERNEL_READ_BPF_H

#include "state.bpf.h"

/* Where the kernel lets a program treat an address as what it knows it to be (Linux 6.2), a read is
 * one load; before, it is a call. The verifier drops the branch that is not taken. Set by the testbed. */
const volatile __u32 has_rdonly_cast; /* a truth value: C++ has no _Bool */
extern void *bpf_rdonly_cast(const void *address, __u32 btf_id) __ksym __weak;

/* The integer `field` of the kernel's `type` at an address. */
#define KERNEL_READ(type, address, field)                                                          \
    (has_rdonly_cast ? ((type *)bpf_rdonly_cast((void *)(address), bpf_core_type_id_kernel(type)))   \
                           ->field                                                                 \
                     : BPF_CORE_READ((type *)(address), field))

/* The same of a pointer, as an integer: the verifier calculates with no pointer, so the word is read
 * as part of a structure of integers. */
#define KERNEL_READ_WORD(type, address, field)                                                     \
    ((unsigned long)KERNEL_READ(struct timespec64,                                                 \
                                (unsigned long)(address) + bpf_core_field_offset(type, field),     \
                                tv_sec))

#endif
