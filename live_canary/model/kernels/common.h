/* What the products have in common, whichever vectors they are computed in: layouts, threads, memory. */

#pragma once

#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __aarch64__
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif

enum { LANES = 16, PANELS = 2, CACHED = 3 << 19 };
enum { GROUP = 64, FACTORED = 32, BLOCK = 256 }; /* inputs */

typedef struct {
    const uint8_t *weights; /* 8 bits: [panel][in / 64][16][16][4]; 4 bits: [panel][in / 32][4][16][4], two to a byte;
                               8 bits in halves: all the upper ones, then all the lower ones, each as in 4 bits */
    const void *scales;     /* 8 bits: float16 [panel][in / 64][16]; 4 bits: Block [panel][in / 256] */
    const float *bias;      /* [out] or NULL */
    const float *spread;    /* [out], of 8 bits in halves, and else NULL: how far weights are from their upper halves */
    int64_t in, out, bits;
} Matrix;

/* Weights of 4 bits: 256 share a scale, and of these each 32 a whole number, at most 15, by which they are multiplied. The
   products are weights of 8 bits. */
typedef struct {
    uint16_t scale[LANES]; /* float16 */
    int8_t factor[BLOCK / FACTORED][LANES];
} Block;

/* Rounded rows, to 8 bits and a scale for every 64, which are added up before their sum is scaled. */
typedef struct {
    int8_t *steps;    /* [rows][padded] */
    int32_t *starts;  /* [rows][padded / 64]: less by what unsigned weights, 128 too large, add to a group's sum */
    int32_t *starts4; /* [rows][padded / 32]: the same of half a group and weights of 4 bits, 8 too large; or NULL */
    float *scales;    /* [rows][padded / 64] */
    int64_t padded;
} Activations;

/* Of team.c. */
extern void share(void (*take)(void *), void *loop, int threads) __attribute__((visibility("hidden")));

/* One loop, its items handed out one by one: cores need not be equally fast or free. */
typedef struct {
    void (*item)(const void *, int64_t);
    const void *context;
    int64_t items;
    atomic_llong next;
} Loop;

static void take_items(void *data) {
    Loop *loop = data;
    for (int64_t i; (i = atomic_fetch_add(&loop->next, 1)) < loop->items;) loop->item(loop->context, i);
}

static void run(void (*item)(const void *, int64_t), const void *context, int64_t items, int threads) {
    Loop loop = {item, context, items, 0};
    share(take_items, &loop, items < threads ? items : threads);
}

static int64_t pad(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/* What a step is worth when 127 of them make the largest of a group. Its magnitude comes as the bits of a float, which
   are ordered as floats are, but in which what is no number is above all and so makes the row's results none. */
static float step_of(int32_t largest) {
    float step;
    memcpy(&step, &largest, sizeof step);
    step /= 127;
    return step < FLT_MIN ? FLT_MIN : step;
}

#ifdef __aarch64__
static float from_float16(uint16_t bits) {
    __fp16 x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint16_t float16_of(float x) {
    const __fp16 rounded = x;
    uint16_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    return bits;
}
#else
/* Of start.c. */
extern int64_t ahead __attribute__((visibility("hidden")));

/* What this core reads soon, so many bytes after these, of weights that are read once: where the processor itself does not ask
   for them early enough. */
static inline void ask_ahead(const uint8_t *weights, int64_t bytes) {
    if (!ahead) return;
#pragma GCC unroll 16
    for (int64_t i = 0; i < bytes; i += 64) _mm_prefetch((const char *)weights + ahead + i, _MM_HINT_T0);
}

static float from_float16(uint16_t bits) { return _cvtsh_ss(bits); }

static uint16_t float16_of(float x) { return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT); }
#endif

typedef struct {
    const Matrix *w;
    const Activations *a;
    float *y;
    int64_t first, end, threads; /* rows */
    int64_t items, together;     /* pairs of panels, and how many of them a thread takes at once */
    float add; /* 0: y becomes the product; else so many times the product is added to it */
} Product;

static int64_t panels_of(const Matrix *w) { return pad(w->out, LANES * PANELS) / LANES; }

/* From upper halves to the lower ones, in bytes. */
static int64_t to_lower(const Matrix *w, int64_t padded) { return panels_of(w) * padded * LANES / 2; }

/* With what a group's sum begins that consists of 16 times the upper halves, the lower ones taken as 8, their middle. */
static inline int32_t start_of_halves(const Activations *a, int64_t group) { return a->starts[group] - a->starts[group] / 16; }

static void *room(intptr_t *at, int64_t bytes) {
    void *here = (void *)*at;
    *at += pad(bytes, 64);
    return here;
}

static Activations activations(int64_t rows, int64_t in, int64_t weight_bits, intptr_t *at) {
    const int64_t padded = pad(in, GROUP), groups = padded / GROUP;
    return (Activations){.steps = room(at, rows * padded),
                         .starts = room(at, rows * groups * 4),
                         .starts4 = weight_bits == 8 ? NULL : room(at, rows * groups * 2 * 4),
                         .scales = room(at, rows * groups * 4),
                         .padded = padded};
}

static inline int64_t blocks_of(int64_t padded) { return (padded + BLOCK - 1) / BLOCK; }
