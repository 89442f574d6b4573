// SPDX-License-Identifier: BSD-3-Clause
/* The ledger's programs: BTF tracepoints only, which load where kprobes and fentry are refused.
 * They count into one record that the testbed reads by mmap: no event is queued, so that no queue can
 * overflow. What a program misses because it runs already on that CPU, the kernel counts.
 *
 *   sys_exit                      marks; system calls by number; bytes that read and write moved
 *   net_dev_queue                 \
 *   net_dev_start_xmit             > where the payload bytes of each skb lie: page identity
 *   netif_receive_skb             /
 *   tcp_probe                     the same at the receiver's TCP
 *   block_bio_queue               disk reads, of the worker or into the file's pages
 *   xdp_driver.bpf.h, copiers.bpf.h   fentry, where the kernel lets it attach
 *   mm_filemap_add_to_page_cache  folios of the source file that the worker brings into the page cache
 */
#include "copiers.bpf.h"
#include "page_identity.bpf.h"
#include "state.bpf.h"
#include "xdp_driver.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Numbers of the calls that move bytes, of this machine; set by the testbed. */
const volatile __u32 nr_prctl, nr_read, nr_readv, nr_pread, nr_preadv, nr_preadv2, nr_write,
    nr_writev, nr_pwrite, nr_pwritev, nr_pwritev2, nr_sendto, nr_sendmsg;

#define S_IFMT 0170000
#define S_IFIFO 0010000
#define S_IFREG 0100000
#define S_IFSOCK 0140000
const volatile __u32 o_direct; /* differs between architectures */

#define REQ_OP_MASK 0xff
#define REQ_OP_READ 0

/* ---- marks and system calls ---- */

static __always_inline struct file *file_of(unsigned int fd)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct fdtable *table = task->files->fdt;
    struct file **slots = table->fd;
    struct file *file = 0;
    if (fd < table->max_fds)
        bpf_probe_read_kernel(&file, sizeof(file), slots + fd);
    return file;
}

static __always_inline void note_file(unsigned int fd)
{
    struct file *file = file_of(fd);
    struct address_space *mapping = BPF_CORE_READ(file, f_mapping);
    struct block_device *disk = BPF_CORE_READ(mapping, host, i_sb, s_bdev);
    state.mapping = mapping;
    counts.file_has_device = disk != 0;
    if (disk)
        state.disk = BPF_CORE_READ(disk, bd_dev);
}

static __always_inline void note_task(struct ledger_task *at)
{
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    at->min_flt = BPF_CORE_READ(task, min_flt);
    at->maj_flt = BPF_CORE_READ(task, maj_flt);
    at->nvcsw = BPF_CORE_READ(task, nvcsw);
    at->nivcsw = BPF_CORE_READ(task, nivcsw);
}

static __always_inline void take_mark(struct pt_regs *regs)
{
    switch (SYSCALL_ARGUMENT_3(regs)) {
    case LEDGER_MARK_FILE:
        note_file(SYSCALL_ARGUMENT_4(regs));
        break;
    case LEDGER_MARK_BEGIN:
        note_task(&counts.at_begin);
        state.tgid = bpf_get_current_pid_tgid() >> 32;
        counts.phase = LEDGER_WINDOW;
        break;
    case LEDGER_MARK_SENT:
        note_task(&counts.at_sent);
        counts.phase = LEDGER_DRAIN;
        break;
    case LEDGER_MARK_DONE:
        counts.phase = LEDGER_OVER;
        break;
    }
}

enum kind { KIND_NONE, KIND_SOURCE, KIND_DIRECT, KIND_OTHER_FILE, KIND_PIPE, KIND_SOCKET };

static __always_inline enum kind kind_of(struct file *file)
{
    switch (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) {
    case S_IFREG:
        if (BPF_CORE_READ(file, f_flags) & o_direct)
            return KIND_DIRECT;
        return BPF_CORE_READ(file, f_mapping) == state.mapping ? KIND_SOURCE : KIND_OTHER_FILE;
    case S_IFIFO:
        return KIND_PIPE;
    case S_IFSOCK:
        return KIND_SOCKET;
    default:
        return KIND_NONE;
    }
}

static __always_inline void count_bytes(__u32 nr, unsigned int fd, long ret)
{
    bool reads = nr == nr_read || nr == nr_readv || nr == nr_pread || nr == nr_preadv ||
                 nr == nr_preadv2;
    bool writes = nr == nr_write || nr == nr_writev || nr == nr_pwrite || nr == nr_pwritev ||
                  nr == nr_pwritev2 || nr == nr_sendto || nr == nr_sendmsg;
    if (ret <= 0 || (!reads && !writes))
        return;
    struct file *file = file_of(fd);
    struct known_file *known = &state.known[fd % KNOWN_FDS];
    if (known->file != file) {
        known->kind = kind_of(file);
        known->file = file;
    }
    switch (known->kind) {
    case KIND_SOURCE:
        add(&counts.call_bytes[reads ? LEDGER_READ_FILE : LEDGER_FILE_OTHER], ret);
        break;
    case KIND_DIRECT:
        add(&counts.call_bytes[LEDGER_READ_DIRECT], ret);
        break;
    case KIND_OTHER_FILE:
        add(&counts.call_bytes[LEDGER_FILE_OTHER], ret);
        break;
    case KIND_PIPE:
        add(&counts.call_bytes[reads ? LEDGER_READ_PIPE : LEDGER_WRITE_PIPE], ret);
        break;
    case KIND_SOCKET:
        if (writes)
            add(&counts.call_bytes[LEDGER_WRITE_SOCKET], ret);
        break;
    }
}

/* At its exit a call has crossed twice. Its number and first arguments are still in the registers
 * that it was entered with. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long ret)
{
    __u32 nr = SYSCALL_NUMBER(regs);
    if (nr == nr_prctl && SYSCALL_ARGUMENT_1(regs) == LEDGER_MARK && config.token != 0 &&
        SYSCALL_ARGUMENT_2(regs) == config.token) {
        take_mark(regs);
        return 0;
    }
    if (!is_worker())
        return 0;
    __u32 phase = counts.phase;
    __u32 slot = nr < LEDGER_NUM_SYSCALLS ? nr : LEDGER_NUM_SYSCALLS - 1;
    if (phase < LEDGER_NUM_PHASES)
        add(&counts.calls[phase][slot], 1);
    if (phase == LEDGER_WINDOW)
        count_bytes(nr, SYSCALL_ARGUMENT_1(regs), ret);
    return 0;
}

/* ---- the disk ---- */

static __always_inline bool reads_file_disk(struct bio *bio)
{
    return bio != 0 && state.disk != 0 && (bio->bi_opf & REQ_OP_MASK) == REQ_OP_READ &&
           bio->bi_bdev->bd_dev == state.disk;
}

/* Into pages of the file's: somebody else took the fault, or a tracer looked at the worker's buffer. */
static __always_inline bool fills_file_pages(struct bio *bio)
{
    unsigned long page = (unsigned long)BPF_CORE_READ(bio, bi_io_vec, bv_page);
    return page != 0 && state.mapping != 0 &&
           KERNEL_READ_WORD(struct folio, folio_of(page), mapping) == (unsigned long)state.mapping;
}

/* Into pages that belong to no file and to no process. */
static __always_inline bool fills_kernel_pages(struct bio *bio)
{
    unsigned long page = (unsigned long)BPF_CORE_READ(bio, bi_io_vec, bv_page);
    return page != 0 && KERNEL_READ_WORD(struct folio, folio_of(page), mapping) == 0;
}

SEC("tp_btf/block_bio_queue")
int BPF_PROG(on_bio_queue, struct bio *bio)
{
    if (counts.phase != LEDGER_WINDOW || !reads_file_disk(bio))
        return 0;
    if (is_worker() && fills_kernel_pages(bio))
        note_disk_pages(bio);
    if (is_worker() || fills_file_pages(bio))
        add(&counts.disk_bytes, bio->bi_iter.bi_size);
    return 0;
}

SEC("tp_btf/mm_filemap_add_to_page_cache")
int BPF_PROG(on_cache_insertion, struct folio *folio)
{
    if (is_sending() && is_worker() && state.mapping != 0 && folio->mapping == state.mapping)
        add(&counts.cache_insertions, 1);
    return 0;
}
