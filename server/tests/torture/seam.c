/* The seam between the real binary and its file system, loaded by LD_PRELOAD. A seccomp filter hands every call that a file system answers to this
   library, whoever makes it: libc, SQLite, or Rust code that enters the kernel by itself (rustix does). Calls on files below KEEPSTONE_SEAM_ROOT and
   on standard output are numbered over all threads, by their name and the kind of path they are made on, and logged in the order in which the kernel
   answered. One of them can be told to fail, to write only half, or to be the last of the process.

   KEEPSTONE_SEAM_LOG    where each call gets a line: thread, name, number, kind, path, second path, inode, offset, length, flags, result, what was
                         done to it, where its data lie, and a hash of the stack that made it
   KEEPSTONE_SEAM_DATA   where what was written goes, if it is wanted
   KEEPSTONE_SEAM_SITES  whether stacks are wanted
   KEEPSTONE_SEAM_FAULT  name TAB kind TAB number TAB harm TAB scope: harm is KILL, SHORT or an errno; scope is once, here or everywhere */
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef __x86_64__
#error "the seam knows the registers of x86-64 only"
#endif

/* The one place from which calls pass the filter. */
long seam_call(long number, long a, long b, long c, long d, long e, long f);
extern char seam_call_end[];
__asm__(".text\n.globl seam_call\n.hidden seam_call\nseam_call:\n"
        "mov %rdi, %rax\nmov %rsi, %rdi\nmov %rdx, %rsi\nmov %rcx, %rdx\nmov %r8, %r10\nmov %r9, %r8\nmov 8(%rsp), %r9\nsyscall\n"
        ".globl seam_call_end\n.hidden seam_call_end\nseam_call_end:\nret\n");
#define CALL(number, ...) CALL_(number, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_(number, a, b, c, d, e, f, ...) seam_call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* How a call names its file: by path, by folder and path, by two of either, or by descriptor. */
enum shape { PATH, AT, PATHS, ATS, SYMLINK, SYMLINKAT, FD, FD_OUT_C, FD_OUT_A };
/* What a call does, as far as it decides which lasting faults it meets. */
enum { GROWS = 1, NAMES = 2, WRITES = 4, WAITS = 8 };
static const struct { long number; const char *name; enum shape shape; int traits; } calls[] = {
  {__NR_open, "open", PATH, NAMES}, {__NR_creat, "creat", PATH, NAMES | GROWS}, {__NR_openat, "openat", AT, NAMES},
  {__NR_openat2, "openat2", AT, NAMES}, {__NR_read, "read", FD, 0}, {__NR_pread64, "pread64", FD, 0}, {__NR_readv, "readv", FD, 0},
  {__NR_preadv, "preadv", FD, 0}, {__NR_write, "write", FD, GROWS | WRITES}, {__NR_pwrite64, "pwrite64", FD, GROWS | WRITES},
  {__NR_writev, "writev", FD, GROWS | WRITES}, {__NR_pwritev, "pwritev", FD, GROWS | WRITES}, {__NR_fsync, "fsync", FD, 0},
  {__NR_fdatasync, "fdatasync", FD, 0}, {__NR_syncfs, "syncfs", FD, 0}, {__NR_sync_file_range, "sync_file_range", FD, 0},
  {__NR_ftruncate, "ftruncate", FD, GROWS}, {__NR_truncate, "truncate", PATH, NAMES}, {__NR_fallocate, "fallocate", FD, GROWS},
  {__NR_rename, "rename", PATHS, NAMES}, {__NR_renameat, "renameat", ATS, NAMES}, {__NR_renameat2, "renameat2", ATS, NAMES},
  {__NR_link, "link", PATHS, NAMES | GROWS}, {__NR_linkat, "linkat", ATS, NAMES | GROWS}, {__NR_symlink, "symlink", SYMLINK, NAMES | GROWS},
  {__NR_symlinkat, "symlinkat", SYMLINKAT, NAMES | GROWS}, {__NR_unlink, "unlink", PATH, NAMES}, {__NR_unlinkat, "unlinkat", AT, NAMES},
  {__NR_mkdir, "mkdir", PATH, NAMES | GROWS}, {__NR_mkdirat, "mkdirat", AT, NAMES | GROWS}, {__NR_rmdir, "rmdir", PATH, NAMES},
  {__NR_flock, "flock", FD, WAITS}, {__NR_fcntl, "fcntl", FD, WAITS}, {__NR_stat, "stat", PATH, NAMES}, {__NR_lstat, "lstat", PATH, NAMES},
  {__NR_fstat, "fstat", FD, 0}, {__NR_newfstatat, "newfstatat", AT, NAMES}, {__NR_statx, "statx", AT, NAMES}, {__NR_access, "access", PATH, NAMES},
  {__NR_faccessat, "faccessat", AT, NAMES}, {__NR_faccessat2, "faccessat2", AT, NAMES}, {__NR_getdents64, "getdents64", FD, 0},
  {__NR_readlink, "readlink", PATH, NAMES}, {__NR_readlinkat, "readlinkat", AT, NAMES}, {__NR_chmod, "chmod", PATH, NAMES},
  {__NR_fchmod, "fchmod", FD, 0}, {__NR_fchmodat, "fchmodat", AT, NAMES}, {__NR_chown, "chown", PATH, NAMES}, {__NR_fchown, "fchown", FD, 0},
  {__NR_fchownat, "fchownat", AT, NAMES}, {__NR_utimensat, "utimensat", AT, NAMES}, {__NR_statfs, "statfs", PATH, NAMES},
  {__NR_fstatfs, "fstatfs", FD, 0}, {__NR_copy_file_range, "copy_file_range", FD_OUT_C, GROWS | WRITES},
  {__NR_sendfile, "sendfile", FD_OUT_A, GROWS | WRITES}, {__NR_ioctl, "ioctl", FD, GROWS | WRITES},
};
enum { CALLS = sizeof calls / sizeof *calls, LONGEST = 1024 };

static char root[LONGEST];
static size_t root_length;
static int log_fd = -1, data_fd = -1, sites;
static long data_at;
static atomic_flag busy = ATOMIC_FLAG_INIT;

static struct { char name[32], kind[LONGEST]; long number; int harm, kill, cut; enum { ONCE, HERE, EVERYWHERE } scope; int armed, fallen; } fault;

/* How often a call was made on a kind of path. */
static struct { uint64_t key; long count; } counts[16384];

static void lock(void) { while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) CALL(__NR_sched_yield, 0); }
static void unlock(void) { atomic_flag_clear_explicit(&busy, memory_order_release); }

static uint64_t hash(uint64_t seed, const char *text) {
  for (; *text; text++) seed = (seed ^ (unsigned char)*text) * 1099511628211u;
  return seed;
}

static void append(char *text, size_t room, const char *more) {
  size_t at = strlen(text);
  while (*more && at + 1 < room) text[at++] = *more++;
  text[at] = 0;
}

static void append_number(char *text, size_t room, long number) {
  char digits[24], *at = digits + sizeof digits - 1;
  unsigned long rest = number < 0 ? -(unsigned long)number : (unsigned long)number;
  for (*at = 0; *--at = (char)('0' + rest % 10), rest /= 10;) {}
  if (number < 0) *--at = '-';
  append(text, room, at);
}

static void path_of_fd(long fd, char *path) {
  char link[40] = "/proc/self/fd/";
  if (fd == AT_FDCWD) strcpy(link, "/proc/self/cwd"); else append_number(link, sizeof link, fd);
  long length = CALL(__NR_readlink, link, path, LONGEST - 1);
  path[length < 0 ? 0 : length] = 0;
}

static void path_at(long fd, const char *name, char *path) {
  if (name && *name == '/') { *path = 0; append(path, LONGEST, name); return; }
  path_of_fd(fd, path);
  if (!name || !*name) return;
  while (name[0] == '.' && name[1] == '/') name += 2;
  if (!strcmp(name, ".")) return;
  append(path, LONGEST, "/");
  append(path, LONGEST, name);
}

static int is_ours(const char *path) {
  return !strncmp(path, root, root_length) && (path[root_length] == '/' || path[root_length] == 0);
}

/* The path below the root, with every word that has a digit and is not short as a star: ids, times and random names. */
static void add_kind(const char *path, char *kind) {
  if (!is_ours(path)) { append(kind, LONGEST, *path == '/' ? "elsewhere" : path); return; }
  path += root_length;
  while (*path) {
    size_t length = strcspn(path, "/.-");
    int digits = 0;
    char word[LONGEST];
    for (size_t at = 0; at < length; at++) digits += path[at] >= '0' && path[at] <= '9';
    memcpy(word, path, length), word[length] = 0;
    append(kind, LONGEST, digits && length >= 4 ? "*" : word);
    path += length;
    if (*path) { char mark[2] = {*path++, 0}; append(kind, LONGEST, mark); }
  }
}

static long count(const char *name, const char *kind) {
  uint64_t key = hash(hash(14695981039346656037u, name) * 31, kind) | 1;
  for (size_t at = key % 16384;; at = (at + 1) % 16384) {
    if (!counts[at].key) counts[at].key = key;
    if (counts[at].key == key) return ++counts[at].count;
  }
}

/* What the fault makes of this call: nothing, or one of the three. */
static int is_struck(int call, const char *kind, long number, int out) {
  if (!fault.armed) return 0;
  int here = !strcmp(fault.name, calls[call].name) && !strcmp(fault.kind, kind);
  if (here && number == fault.number) { fault.fallen = 1; return 1; }
  if (!fault.fallen || fault.scope == ONCE) return 0;
  if (fault.scope == HERE) return here && number > fault.number;
  if (out) return 0;
  switch (fault.harm) {
    case ENOSPC: case EDQUOT: return calls[call].traits & GROWS;
    case EACCES: return calls[call].traits & NAMES;
    /* Locks are no matter of a disk; and SQLite would wait for them. */
    default: return !(calls[call].traits & WAITS);
  }
}

static void keep(const void *bytes, long length) {
  if (data_fd < 0 || length <= 0) return;
  for (long done = 0; done < length;) {
    long wrote = CALL(__NR_write, data_fd, (const char *)bytes + done, length - done);
    if (wrote <= 0) return;
    done += wrote;
  }
  data_at += length;
}

static void keep_range(long fd, long at, long length) {
  static char copy[65536];
  while (data_fd >= 0 && length > 0) {
    long got = CALL(__NR_pread64, fd, copy, length < (long)sizeof copy ? length : (long)sizeof copy, at);
    if (got <= 0) return;
    keep(copy, got);
    at += got, length -= got;
  }
}

static void note(const char *name, long number, const char *kind, const char *one, const char *two, long inode, long offset, long length, long flags,
                 long result, const char *mark, long data, uint64_t site) {
  static char line[4 * LONGEST];
  long numbers[] = {inode, offset, length, flags, result};
  *line = 0;
  append_number(line, sizeof line, CALL(__NR_gettid, 0));
  const char *words[] = {name, NULL, kind, one, two};
  for (int at = 0; at < 5; at++) {
    append(line, sizeof line, "\t");
    if (words[at]) append(line, sizeof line, words[at]); else append_number(line, sizeof line, number);
  }
  for (int at = 0; at < 5; at++) append(line, sizeof line, "\t"), append_number(line, sizeof line, numbers[at]);
  append(line, sizeof line, "\t"), append(line, sizeof line, mark);
  append(line, sizeof line, "\t"), append_number(line, sizeof line, data);
  append(line, sizeof line, "\t"), append_number(line, sizeof line, (long)(site >> 1));
  append(line, sizeof line, "\n");
  CALL(__NR_write, log_fd, line, strlen(line));
}

static long inode_of(long fd) {
  struct stat status;
  return CALL(__NR_fstat, fd, &status) == 0 ? (long)status.st_ino : 0;
}

static long answer(int call, long *a) {
  long number = calls[call].number;
  int traits = calls[call].traits;
  char one[LONGEST] = "", two[LONGEST] = "", kind[LONGEST] = "";
  long fd = -1, passed = 0;
  if (number == __NR_fcntl) passed = !(a[1] == F_SETLK || a[1] == F_SETLKW || a[1] == F_OFD_SETLK || a[1] == F_OFD_SETLKW);
  if (number == __NR_ioctl) passed = !(a[1] == (long)FICLONE || a[1] == (long)FICLONERANGE);
  if (passed) return CALL(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  switch (calls[call].shape) {
    case PATH: path_at(AT_FDCWD, (char *)a[0], one); break;
    case AT: path_at((int)a[0], (char *)a[1], one); break;
    case PATHS: path_at(AT_FDCWD, (char *)a[0], one); path_at(AT_FDCWD, (char *)a[1], two); break;
    case ATS: path_at((int)a[0], (char *)a[1], one); path_at((int)a[2], (char *)a[3], two); break;
    case SYMLINK: path_at(AT_FDCWD, (char *)a[1], one); append(two, LONGEST, (char *)a[0]); break;
    case SYMLINKAT: path_at((int)a[1], (char *)a[2], one); append(two, LONGEST, (char *)a[0]); break;
    case FD: case FD_OUT_A: fd = (int)a[0]; break;
    case FD_OUT_C: fd = (int)a[2]; break;
  }
  int out = fd == 1 && (traits & WRITES) && number != __NR_ioctl;
  if (out) append(one, LONGEST, "stdout"); else if (fd >= 0) path_of_fd(fd, one);
  if (!out && !is_ours(one) && !is_ours(two)) return CALL(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  add_kind(one, kind);
  if (*two && calls[call].shape != SYMLINK && calls[call].shape != SYMLINKAT) append(kind, LONGEST, ">"), add_kind(two, kind);

  uint64_t site = 14695981039346656037u;
  if (sites) {
    void *stack[96];
    int depth = backtrace(stack, 96);
    for (int at = 2; at < depth; at++) site = (site ^ (uint64_t)stack[at]) * 1099511628211u;
  }
  lock();
  long nth = count(calls[call].name, kind), result, offset = -1, length = -1, flags = 0, inode = fd >= 0 && !out ? inode_of(fd) : 0;
  if (number == __NR_openat) {
    flags = a[2];
    if (flags & O_CREAT && CALL(__NR_faccessat, a[0], a[1], F_OK) != 0) traits |= GROWS;
  }
  if (number == __NR_open) flags = a[1];
  if (number == __NR_unlinkat || number == __NR_fallocate) flags = number == __NR_unlinkat ? a[2] : a[1];
  if (number == __NR_renameat2) flags = a[4];
  if (number == __NR_ftruncate) length = a[1];
  if (number == __NR_fallocate) offset = a[2], length = a[3];
  if (number == __NR_pwrite64 || number == __NR_pread64) offset = a[3], length = a[2];
  if (number == __NR_write || number == __NR_read) length = a[2];
  if (number == __NR_pwritev || number == __NR_preadv) offset = a[3];
  if (traits & WRITES && offset < 0 && !out) {
    int appends = CALL(__NR_fcntl, fd, F_GETFL) & O_APPEND;
    struct stat status;
    offset = CALL(__NR_lseek, fd, 0, SEEK_CUR);
    if (appends && CALL(__NR_fstat, fd, &status) == 0) offset = status.st_size;
    if (number == __NR_copy_file_range && a[3]) offset = *(long *)a[3];
    if (number == __NR_ioctl) offset = 0;
  }
  /* What one file gets of another is read from that one: this one may be for writing only. */
  long from = number == __NR_copy_file_range ? a[0] : a[1], from_at = 0;
  if (number == __NR_copy_file_range || number == __NR_sendfile) {
    long *given = (long *)(number == __NR_copy_file_range ? a[1] : a[2]);
    from_at = given ? *given : CALL(__NR_lseek, from, 0, SEEK_CUR);
  }
  int struck = is_struck(call, kind, nth, out);
  /* A file that is there is opened on a full disk too. */
  if (struck && fault.scope == EVERYWHERE && nth != fault.number && (fault.harm == ENOSPC || fault.harm == EDQUOT)) struck = (traits & GROWS) != 0;
  if (struck && fault.kill) {
    note(calls[call].name, nth, kind, one, two, inode, offset, length, flags, 0, "KILLED", -1, site);
    CALL(__NR_kill, CALL(__NR_getpid, 0), SIGKILL);
    for (;;) CALL(__NR_pause, 0);
  }
  const char *mark = "-";
  long data = data_at, asked = a[2];
  if (struck && fault.cut && nth == fault.number && (number == __NR_write || number == __NR_pwrite64) && a[2] > 1) {
    a[2] = a[2] / 2;
    mark = "SHORT";
    if (fault.scope == EVERYWHERE) fault.harm = ENOSPC;
    struck = 0;
  }
  if (struck && fault.cut && fault.harm == 0) struck = 0;
  if (struck) {
    result = -fault.harm;
    mark = "FAILED";
  } else if (traits & WAITS) {
    unlock();
    result = CALL(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    lock();
  } else {
    result = CALL(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  }
  if (result >= 0 && data_fd >= 0 && !out) {
    if (number == __NR_write || number == __NR_pwrite64) keep((void *)a[1], result);
    else if (number == __NR_copy_file_range || number == __NR_sendfile) keep_range(from, from_at, result);
  }
  if (number == __NR_openat || number == __NR_open) inode = result >= 0 ? inode_of(result) : 0;
  note(calls[call].name, nth, kind, one, two, inode, offset, length, flags, result, mark, data, site);
  unlock();
  a[2] = asked;
  return result;
}

static void trapped(int signal, siginfo_t *info, void *context) {
  (void)signal;
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  long a[6] = {registers[REG_RDI], registers[REG_RSI], registers[REG_RDX], registers[REG_R10], registers[REG_R8], registers[REG_R9]};
  for (int call = 0; call < CALLS; call++)
    if (calls[call].number == info->si_syscall) { registers[REG_RAX] = answer(call, a); return; }
  registers[REG_RAX] = -ENOSYS;
}

static void fail(const char *why) {
  CALL(__NR_write, 2, why, strlen(why));
  CALL(__NR_exit_group, 120);
}

static char *word(char **text) {
  char *begin = *text, *end = begin ? strchr(begin, '\t') : NULL;
  if (end) *end++ = 0;
  *text = end;
  return begin ? begin : "";
}

static void arm(char *text) {
  append(fault.name, sizeof fault.name, word(&text));
  append(fault.kind, sizeof fault.kind, word(&text));
  fault.number = atol(word(&text));
  char *harm = word(&text), *scope = word(&text);
  fault.kill = !strcmp(harm, "KILL"), fault.cut = !strcmp(harm, "SHORT"), fault.harm = atoi(harm);
  fault.scope = !strcmp(scope, "once") ? ONCE : !strcmp(scope, "here") ? HERE : EVERYWHERE;
  fault.armed = 1;
}

/* A number above all that the program uses. */
static int opened(const char *path) {
  long fd = CALL(__NR_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  long high = fd < 0 ? -1 : CALL(__NR_fcntl, fd, F_DUPFD_CLOEXEC, 700);
  if (high < 0) fail("the seam has nowhere to log\n");
  CALL(__NR_close, fd);
  return (int)high;
}

__attribute__((constructor)) static void begin(void) {
  const char *folder = getenv("KEEPSTONE_SEAM_ROOT"), *log = getenv("KEEPSTONE_SEAM_LOG"), *data = getenv("KEEPSTONE_SEAM_DATA");
  char *planned = getenv("KEEPSTONE_SEAM_FAULT");
  if (!folder || !log) return;
  append(root, sizeof root, folder);
  root_length = strlen(root);
  log_fd = opened(log);
  if (data) data_fd = opened(data);
  if (getenv("KEEPSTONE_SEAM_SITES")) {
    void *stack[4];
    sites = backtrace(stack, 4) > 0;
  }
  if (planned) arm(strdup(planned));

  struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGSYS, &action, NULL);
  uint64_t end = (uint64_t)seam_call_end;
  static struct sock_filter filter[CALLS + 8];
  int at = 0;
  filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (int call = 0; call < CALLS; call++, at++)
    filter[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[call].number, (uint8_t)(CALLS - call), 0);
  filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer));
  filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)end, 0, 2);
  filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4);
  filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(end >> 32), 1, 0);
  filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
  filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {(unsigned short)at, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) fail("the seam may not filter calls here\n");
}
