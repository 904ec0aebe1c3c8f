/* Runs a CUDA kernel on a processor, one thread of a block after another: each is a fiber that goes on until it has to wait
   for others. Built with the kernels' source after it; called by test_token.py. */

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

typedef struct { unsigned x, y, z, w; } uint4;
typedef struct { int x; } Index;
typedef struct { int arrived, passed; } Barrier;

#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(threads)

enum { MOST_THREADS = 1024, STACK = 64 * 1024 };

static Index threadIdx, blockIdx, gridDim;
static int threads, running;
static Barrier of_block, of_warp[MOST_THREADS / 32];
static float told[MOST_THREADS];
static ucontext_t caller, fibers[MOST_THREADS];
static jmp_buf waiting[MOST_THREADS]; /* of those that have begun: swapcontext would ask the system each time */
static char begun[MOST_THREADS], done[MOST_THREADS], *stacks;
static void (*kernel)(void);

static void others_go_on(void) {
    int before = threadIdx.x, next = before;
    do next = (next + 1) % threads;
    while (done[next] && next != before);
    if (next == before) return;
    if (_setjmp(waiting[before])) return;
    threadIdx.x = next;
    if (begun[next]) _longjmp(waiting[next], 1);
    begun[next] = 1;
    setcontext(&fibers[next]);
}

static void wait_at(Barrier *barrier, int expected) {
    int earlier = barrier->passed;
    if (++barrier->arrived == expected) barrier->arrived = 0, barrier->passed++;
    while (barrier->passed == earlier) others_go_on();
}

static void __syncthreads(void) { wait_at(&of_block, threads); }

static void __syncwarp(void) { wait_at(&of_warp[threadIdx.x / 32], 32); }

static float __shfl_xor_sync(unsigned lanes, float value, int distance) {
    told[threadIdx.x] = value;
    __syncwarp();
    value = told[threadIdx.x ^ distance];
    __syncwarp();
    return value;
}

static float __int_as_float(int bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static int __float_as_int(float value) {
    int bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

#define rsqrtf(value) (1 / sqrtf(value)) /* a function of that name is in glibc 2.42 and newer */

static void live(void) {
    kernel();
    done[threadIdx.x] = 1;
    if (--running == 0) setcontext(&caller);
    others_go_on();
}

static void run(void (*what)(void), int blocks, int of_each) {
    kernel = what, threads = of_each, gridDim.x = blocks;
    stacks = malloc((size_t)of_each * STACK);
    for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++) {
        running = of_each;
        memset(done, 0, sizeof done);
        memset(begun, 0, sizeof begun);
        memset(told, 255, sizeof told); /* what nobody has told is no number */
        for (int t = 0; t < of_each; t++) {
            getcontext(&fibers[t]);
            fibers[t].uc_stack.ss_sp = stacks + (size_t)t * STACK;
            fibers[t].uc_stack.ss_size = STACK;
            makecontext(&fibers[t], live, 0);
        }
        threadIdx.x = 0, begun[0] = 1;
        swapcontext(&caller, &fibers[0]);
    }
    free(stacks);
}

#include KERNELS

static struct { const void *weight, *input, *norm; void *output; int rows, columns, mode; double eps; } p;

static void of_product(void) { product(p.weight, p.input, p.norm, p.output, p.rows, p.columns, p.mode, p.eps); }

void run_product(int blocks, const void *weight, const void *input, const void *norm, void *output, int rows,
                 int columns, int mode, double eps) {
    p.weight = weight, p.input = input, p.norm = norm, p.output = output;
    p.rows = rows, p.columns = columns, p.mode = mode, p.eps = eps;
    run(of_product, blocks, 32 * WARPS);
}

static struct { const void *qkv, *norms, *rotary, *position; void *keys, *values, *attended; int length; double eps; } a;

static void of_attend(void) {
    attend(a.qkv, a.norms, a.rotary, a.position, a.keys, a.values, a.attended, a.length, a.eps);
}

void run_attend(int blocks, const void *qkv, const void *norms, const void *rotary, const void *position, void *keys,
                void *values, void *attended, int length, double eps) {
    a.qkv = qkv, a.norms = norms, a.rotary = rotary, a.position = position;
    a.keys = keys, a.values = values, a.attended = attended, a.length = length, a.eps = eps;
    run(of_attend, blocks, 32 * READERS);
}
