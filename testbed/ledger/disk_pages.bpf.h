/* SPDX-License-Identifier: BSD-3-Clause */
/* Pages of the kernel's own that the disk reads into for the worker, past the page cache: sendfile(2)
 * and splice(2) from a descriptor with O_DIRECT (fs/splice.c, copy_splice_read). Such a page looks like
 * one that the CPU filled; what tells them apart is that a bio named it.
 *
 * A page counts for as many bytes as the disk put into it, once at each stage: what is freed and comes
 * back as a socket's own page is not taken for the disk's. */
#ifndef PAGEWIRE_TESTBED_LEDGER_DISK_PAGES_BPF_H
#define PAGEWIRE_TESTBED_LEDGER_DISK_PAGES_BPF_H

#include "kernel_read.bpf.h"
#include "state.bpf.h"

/* A bio has 256 bio_vecs at most (BIO_MAX_VECS), each of one page here or more. */
#define MAX_BIO_PAGES 1024

#define STAGE_SLOTS 8 /* LEDGER_NUM_STAGES, rounded up to a power of two */
_Static_assert(LEDGER_NUM_STAGES <= STAGE_SLOTS, "a slot for each stage");

struct disk_page {
    __u64 token; /* of the transfer that read it */
    __u32 bytes_left[STAGE_SLOTS]; /* that were not seen there yet */
};

/* 64 MiB on their way at most; the oldest make room. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, __u64); /* address of the struct page */
    __type(value, struct disk_page);
} disk_pages SEC(".maps");

/* Walks a bio's pages, one a step. */
struct bio_walk {
    unsigned long next_vec;
    unsigned long page;
    __u32 offset;       /* in that page */
    __u32 left_in_vec;  /* bytes of the bio_vec from there on */
    __u32 left;         /* bytes of the bio */
};

static long note_disk_page(__u32 step, struct bio_walk *walk)
{
    if (walk->left == 0)
        return 1;
    if (walk->left_in_vec == 0) {
        unsigned long vec = walk->next_vec; /* libbpf would look for bio_walk in the kernel */
        unsigned long first = KERNEL_READ_WORD(struct bio_vec, vec, bv_page);
        __u32 offset = KERNEL_READ(struct bio_vec, vec, bv_offset);
        walk->left_in_vec = KERNEL_READ(struct bio_vec, vec, bv_len);
        /* The pages of a bio_vec follow each other, and so do their struct pages. */
        walk->page = first + offset / config.page_bytes * bpf_core_type_size(struct page);
        walk->offset = offset % config.page_bytes;
        walk->next_vec = vec + bpf_core_type_size(struct bio_vec);
    }
    __u32 bytes = config.page_bytes - walk->offset;
    if (bytes > walk->left_in_vec)
        bytes = walk->left_in_vec;
    if (bytes > walk->left)
        bytes = walk->left;
    struct disk_page noted = {.token = config.token, .bytes_left = {bytes, bytes, bytes, bytes, bytes}};
    __u64 key = walk->page;
    bpf_map_update_elem(&disk_pages, &key, &noted, BPF_ANY);
    walk->left -= bytes;
    walk->left_in_vec -= bytes;
    walk->page += bpf_core_type_size(struct page);
    walk->offset = 0;
    return bytes == 0; /* a bio_vec of no bytes: not one that can be walked */
}

static __always_inline void note_disk_pages(struct bio *bio)
{
    struct bio_walk walk = {
        .next_vec = (unsigned long)BPF_CORE_READ(bio, bi_io_vec),
        .left = bio->bi_iter.bi_size,
    };
    bpf_loop(MAX_BIO_PAGES, note_disk_page, &walk, 0);
    state.has_disk_pages = 1;
}

/* Has the disk filled these bytes of a page of the kernel's own, and were they not yet at the stage?
 * Global, so that the verifier goes through it once and not for each fragment of an skb. */
__noinline int take_disk_bytes(__u64 page, __u32 bytes, __u32 stage)
{
    struct disk_page *known = bpf_map_lookup_elem(&disk_pages, &page);
    if (!known || known->token != config.token)
        return 0;
    stage &= STAGE_SLOTS - 1; /* for the verifier */
    __u32 *left = &known->bytes_left[stage];
    if (*left < bytes)
        return 0;
    *left -= bytes;
    return 1;
}

#endif
