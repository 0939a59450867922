/* Counts what a program allocates while it makes and runs a model in its own memory, and its threads. Linked with examples/c/embedded.c,
   whose calls go by here. */

#define _GNU_SOURCE
#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "rexnet_digits.h"

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static unsigned counted, counting;

void *malloc(size_t n) { counted += counting; return __libc_malloc(n); }
void *calloc(size_t n, size_t m) { counted += counting; return __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { counted += counting; return __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { counted += counting; return __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { counted += counting; return __libc_memalign(a, n); }
int posix_memalign(void **p, size_t a, size_t n) { counted += counting; *p = __libc_memalign(a, n); return 0; }

rexnet_digits_status __real_rexnet_digits_create_in(void *, size_t, rexnet_digits_model **);
rexnet_digits_status __wrap_rexnet_digits_create_in(void *, size_t, rexnet_digits_model **);
void __real_rexnet_digits_destroy(rexnet_digits_model *);
void __wrap_rexnet_digits_destroy(rexnet_digits_model *);

rexnet_digits_status __wrap_rexnet_digits_create_in(void *memory, size_t size, rexnet_digits_model **model)
{
    counting = 1;
    return __real_rexnet_digits_create_in(memory, size, model);
}

void __wrap_rexnet_digits_destroy(rexnet_digits_model *model)
{
    int threads = 0;
    DIR *tasks;
    __real_rexnet_digits_destroy(model);
    counting = 0;
    tasks = opendir("/proc/self/task");
    while (tasks && readdir(tasks))
        threads++;
    if (tasks)
        closedir(tasks);
    fprintf(stderr, "%u allocations, %d threads\n", counted, threads - 2);
}
