/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's structures as far as the ledger reads them. CO-RE: libbpf moves every access to
 * where the running kernel has the field, so neither order nor completeness matters here. */
#ifndef PAGEWIRE_TESTBED_LEDGER_KERNEL_TYPES_BPF_H
#define PAGEWIRE_TESTBED_LEDGER_KERNEL_TYPES_BPF_H

#include <stdbool.h>

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed int __s32;
typedef signed long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

/* include/uapi/linux/bpf.h */
enum bpf_map_type { BPF_MAP_TYPE_LRU_HASH = 9 };
#define BPF_ANY 0

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
    unsigned long di, si, dx, r10, orig_ax;
};
#    define SYSCALL_NUMBER(regs) ((regs)->orig_ax)
#    define SYSCALL_ARGUMENT_1(regs) ((regs)->di)
#    define SYSCALL_ARGUMENT_2(regs) ((regs)->si)
#    define SYSCALL_ARGUMENT_3(regs) ((regs)->dx)
#    define SYSCALL_ARGUMENT_4(regs) ((regs)->r10)
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
    __u64 regs[31];
    __u64 orig_x0;
    __s32 syscallno;
};
#    define SYSCALL_NUMBER(r) ((r)->syscallno)
#    define SYSCALL_ARGUMENT_1(r) ((r)->orig_x0)
#    define SYSCALL_ARGUMENT_2(r) ((r)->regs[1])
#    define SYSCALL_ARGUMENT_3(r) ((r)->regs[2])
#    define SYSCALL_ARGUMENT_4(r) ((r)->regs[3])
#else
#    error "the ledger knows the system call registers of x86 and arm64 only"
#endif

struct block_device {
    __u32 bd_dev;
};

struct super_block {
    struct block_device *s_bdev;
};

struct inode {
    __u16 i_mode;
    struct super_block *i_sb;
};

struct address_space {
    struct inode *host;
};

struct file {
    unsigned int f_flags;
    struct inode *f_inode;
    struct address_space *f_mapping;
};

struct fdtable {
    unsigned int max_fds;
    struct file **fd;
};

struct files_struct {
    struct fdtable *fdt;
};

struct task_struct {
    unsigned long min_flt, maj_flt, nvcsw, nivcsw;
    struct files_struct *files;
};

struct bio_vec { /* skb_frag_t before Linux 6.9 */
    struct page *bv_page;
    unsigned int bv_len;
    unsigned int bv_offset;
};

struct bvec_iter {
    unsigned int bi_size;
};

struct bio {
    struct block_device *bi_bdev;
    unsigned int bi_opf;
    struct bvec_iter bi_iter;
    struct bio_vec *bi_io_vec;
};

struct timespec64 { /* two integers of 64 bits, in every kernel's BTF */
    __s64 tv_sec;
};

struct page {
    unsigned long compound_head; /* of a tail page: the folio, plus 1 */
};

struct page___v7 {
    unsigned long compound_info; /* the same, renamed in Linux 7 */
};

struct folio {
    struct address_space *mapping;
    unsigned long index; /* in the file, in pages */
};

struct ns_common {
    unsigned int inum;
};

struct net {
    struct ns_common ns;
};

typedef struct {
    struct net *net;
} possible_net_t;

struct net_device {
    int ifindex;
    possible_net_t nd_net;
};

struct sock_common {
    possible_net_t skc_net;
};

struct sock {
    struct sock_common __sk_common;
};

struct sk_buff {
    struct net_device *dev;
    unsigned int len, data_len;
    unsigned int end; /* an offset from head on 64-bit kernels */
    unsigned char *head, *data;
    __u16 network_header;
};

struct skb_frag {
    unsigned long netmem; /* of a struct page; the lowest bit marks device memory */
    unsigned int len;
    unsigned int offset;
};

struct skb_shared_info {
    __u8 nr_frags;
    unsigned short gso_size; /* payload of each packet that it is to become; 0: it is one */
    void *destructor_arg; /* bit 0: no ubuf_info, but an address */
    struct skb_frag frags[17];
};

#pragma clang attribute pop

#endif
