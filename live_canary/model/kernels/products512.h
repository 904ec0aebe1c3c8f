/* Products of matrices in 8- or 4-bit weights, on processors with AVX-512 VNNI; with AMX, which is asked for when this is
   compiled, those of many rows in tiles.h. */

#pragma once

#include "unpacking512.h"

enum { ROWS = 6 };

static __m512i magnitude(__m512 x) { return _mm512_castps_si512(_mm512_abs_ps(x)); }

static void quantize(const float *x, int64_t n, const Activations *a, int64_t row) {
    const int64_t groups = a->padded / GROUP;
    for (int64_t g = 0; g < groups; g++, x += GROUP, n -= GROUP) {
        __m512 some[4];
        __m512i most = _mm512_setzero_si512(), rounded[4];
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++) {
            some[v] = _mm512_maskz_loadu_ps(lanes(n - v * LANES), x + v * LANES);
            most = _mm512_max_epi32(most, magnitude(some[v]));
        }
        const float scale = a->scales[row * groups + g] = step_of(_mm512_reduce_max_epi32(most));
        const __m512 steps_of_one = _mm512_set1_ps(1 / scale);
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++) rounded[v] = _mm512_cvtps_epi32(_mm512_mul_ps(some[v], steps_of_one));
        const __m512i early = _mm512_add_epi32(rounded[0], rounded[1]), late = _mm512_add_epi32(rounded[2], rounded[3]);
        a->starts[row * groups + g] = -128 * _mm512_reduce_add_epi32(_mm512_add_epi32(early, late));
        if (a->starts4) {
            a->starts4[(row * groups + g) * 2] = -8 * _mm512_reduce_add_epi32(early);
            a->starts4[(row * groups + g) * 2 + 1] = -8 * _mm512_reduce_add_epi32(late);
        }
        const __m512i in_order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        const __m512i first = _mm512_packs_epi32(rounded[0], rounded[1]), last = _mm512_packs_epi32(rounded[2], rounded[3]);
        _mm512_storeu_si512(a->steps + row * a->padded + g * GROUP,
                            _mm512_permutexvar_epi32(in_order, _mm512_packs_epi16(first, last)));
    }
}

/* The intrinsic, but for gcc 12, which copies the sums around until they spill. */
static inline __attribute__((always_inline)) __m512i multiply_add(__m512i sum, __m512i weights, __m512i x) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(weights), "v"(x));
    return sum;
}

static inline __m512i broadcast(const int8_t *four) { return _mm512_set1_epi32(*(const int32_t *)four); }

/* Two panels of weights in 8 bits, and what to fetch into the cache meanwhile, so many bytes a step of the loop: the weights
   that this core needs next. */
typedef struct {
    const uint8_t *weights;
    const uint16_t *scales;
    const uint8_t *fetched;
    int64_t fetch_step, to_lower; /* where they lie in halves */
} Panels;

static inline __m512 scales_of(const uint16_t *float16) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)float16));
}

static inline __m512 added(__m512 y, __m512i sum, __m512 weight_scale, float scale) {
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_mul_ps(weight_scale, _mm512_set1_ps(scale)), y);
}

/* `rows` rows times two panels in 8 bits. `halves` and `rows` are constants wherever this is inlined. */
static inline __attribute__((always_inline)) void block(int halves, int rows, const Panels *w, const Activations *a,
                                                        int64_t row, const uint8_t *fetched, __m512 y[][PANELS]) {
    const int64_t groups = a->padded / GROUP, group_bytes = GROUP * LANES / (halves ? 2 : 1);
    const int8_t *x = a->steps + row * a->padded;
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) y[r][0] = y[r][1] = _mm512_setzero_ps();
    for (int64_t g = 0; g < groups; g++) {
        __m512i sum[ROWS][PANELS];
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm512_set1_epi32(a->starts[(row + r) * groups + g]);
#pragma GCC unroll 8
        for (int i = 0; i < GROUP / 8; i++) {
            __m512i early[PANELS], late[PANELS];
#pragma GCC unroll 2
            for (int p = 0; p < PANELS; p++) {
                _mm_prefetch((const char *)fetched + (halves ? p * w->to_lower : 0), _MM_HINT_T1);
                fetched += halves && p == 0 ? 0 : w->fetch_step;
                const uint8_t *vectors = w->weights + (p * groups + g) * group_bytes;
                if (halves) {
                    put_together(vectors, w->to_lower, i, early + p, late + p);
                } else {
                    early[p] = _mm512_loadu_si512(vectors + i * 128);
                    late[p] = _mm512_loadu_si512(vectors + i * 128 + 64);
                }
            }
            const int64_t input = halves ? i / 4 * FACTORED + i % 4 * 4 : i * 8, later = halves ? FACTORED / 2 : 4;
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                const int8_t *four = x + r * a->padded + g * GROUP + input;
                const __m512i early4 = broadcast(four), late4 = broadcast(four + later);
                sum[r][0] = multiply_add(sum[r][0], early[0], early4);
                sum[r][1] = multiply_add(sum[r][1], early[1], early4);
                sum[r][0] = multiply_add(sum[r][0], late[0], late4);
                sum[r][1] = multiply_add(sum[r][1], late[1], late4);
            }
        }
#pragma GCC unroll 2
        for (int p = 0; p < PANELS; p++) {
            const __m512 scale = scales_of(w->scales + (p * groups + g) * LANES);
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) y[r][p] = added(y[r][p], sum[r][p], scale, a->scales[(row + r) * groups + g]);
        }
    }
}

/* One row times a panel: its weights come from memory, once, and so are read in the order in which they lie, as the
   processor's own prefetching expects it. */
static __m512 single8(const Matrix *w, int64_t panel, const Activations *a, int64_t row) {
    const int64_t groups = a->padded / GROUP;
    const int8_t *x = a->steps + row * a->padded;
    const uint8_t *weights = w->weights + panel * a->padded * LANES;
    const uint16_t *scales = (const uint16_t *)w->scales + panel * groups * LANES;
    __m512 y = _mm512_setzero_ps();
    for (int64_t g = 0; g < groups; g++, x += GROUP, weights += GROUP * LANES, scales += LANES) {
        ask_ahead(weights, GROUP * LANES);
        __m512i sum = _mm512_set1_epi32(a->starts[row * groups + g]);
#pragma GCC unroll 16
        for (int i = 0; i < GROUP / 4; i++)
            sum = multiply_add(sum, _mm512_loadu_si512(weights + i * 64), broadcast(x + i * 4));
        y = added(y, sum, scales_of(scales), a->scales[row * groups + g]);
    }
    return y;
}

static __m512 single4(const Matrix *w, int64_t panel, const Activations *a, int64_t row) {
    const int64_t groups = a->padded / GROUP;
    const int8_t *x = a->steps + row * a->padded;
    const uint8_t *weights = w->weights + panel * a->padded * LANES / 2;
    const Block *blocks = (const Block *)w->scales + panel * blocks_of(a->padded);
    __m512 y = _mm512_setzero_ps();
    for (int64_t g = 0; g < groups; g++) {
        const Block *block = blocks + g * GROUP / BLOCK;
        __m512i whole = _mm512_setzero_si512();
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++, x += FACTORED, weights += FACTORED * LANES / 2) {
            ask_ahead(weights, FACTORED * LANES / 2);
            __m512i sum = _mm512_set1_epi32(a->starts4[(row * groups + g) * 2 + h]);
#pragma GCC unroll 4
            for (int i = 0; i < FACTORED / 8; i++) {
                __m512i early, late;
                take_apart(weights, i, &early, &late);
                sum = multiply_add(sum, early, broadcast(x + i * 4));
                sum = multiply_add(sum, late, broadcast(x + i * 4 + FACTORED / 2));
            }
            whole = _mm512_add_epi32(whole, _mm512_mullo_epi32(sum, factors_of(block, (g * 2 + h) % (BLOCK / FACTORED))));
        }
        y = added(y, whole, scales_of(block->scale), a->scales[row * groups + g]);
    }
    return y;
}

/* The same of 8 bits in halves, of the upper ones alone. */
static __m512 single_upper(const Matrix *w, int64_t panel, const Activations *a, int64_t row) {
    const int64_t groups = a->padded / GROUP;
    const int8_t *x = a->steps + row * a->padded;
    const uint8_t *weights = w->weights + panel * a->padded * LANES / 2;
    const uint16_t *scales = (const uint16_t *)w->scales + panel * groups * LANES;
    __m512 y = _mm512_setzero_ps();
    for (int64_t g = 0; g < groups; g++, scales += LANES) {
        ask_ahead(weights, GROUP * LANES / 2);
        __m512i sum = _mm512_set1_epi32(start_of_halves(a, row * groups + g)), sixteenth = _mm512_setzero_si512();
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++, x += FACTORED, weights += FACTORED * LANES / 2)
#pragma GCC unroll 4
            for (int i = 0; i < FACTORED / 8; i++) {
                const __m512i both = _mm512_loadu_si512(weights + i * 64), fifteen = _mm512_set1_epi8(15);
                sixteenth = multiply_add(sixteenth, _mm512_and_si512(both, fifteen), broadcast(x + i * 4));
                sum = multiply_add(sum, _mm512_andnot_si512(fifteen, both), broadcast(x + i * 4 + FACTORED / 2));
            }
        sum = _mm512_add_epi32(sum, _mm512_slli_epi32(sixteenth, 4));
        y = added(y, sum, scales_of(scales), a->scales[row * groups + g]);
    }
    return y;
}

static void store(const Product *p, int64_t panel, int64_t row, int rows, __m512 y[][PANELS]) {
    const Matrix *w = p->w;
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < PANELS; i++) {
            const int64_t first = (panel + i) * LANES;
            const __mmask16 m = lanes(w->out - first);
            float *to = p->y + (row + r) * w->out + first;
            __m512 value = y[r][i];
            if (w->bias) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(m, w->bias + first));
            if (p->add != 0)
                value = _mm512_add_ps(_mm512_mul_ps(value, _mm512_set1_ps(p->add)), _mm512_maskz_loadu_ps(m, to));
            _mm512_mask_storeu_ps(to, m, value);
        }
}

#define CASE(halves, n) \
    case n: block(halves, n, w, p->a, row, fetched, y); break;
#define CASES(halves) CASE(halves, 1) CASE(halves, 2) CASE(halves, 3) CASE(halves, 4) CASE(halves, 5) CASE(halves, 6)

/* How many bytes to fetch a step, that so many steps fetch two panels; halves count as whole. */
static int64_t fetch_step(const Product *p, int64_t steps) {
    const int64_t bytes = p->a->padded * LANES * PANELS * p->w->bits / 8;
    return (bytes + steps - 1) / steps;
}

#ifdef __AMX_INT8__
#include "tiles.h"
#else
static int fill_tiles(const Product *p) { return (void)p, 0; }
static void all_rows_in_tiles(const Product *p, int64_t panel, Panels *w) { (void)p, (void)panel, (void)w; }
#endif

static void all_rows(const Product *p, int64_t panel, Panels *w) {
    if (fill_tiles(p)) {
        all_rows_in_tiles(p, panel, w);
        return;
    }
    const int64_t steps = p->a->padded * LANES * PANELS / 128; /* of a block */
    w->fetch_step = fetch_step(p, (p->end - p->first + ROWS - 1) / ROWS * steps);
    const int64_t fetched_a_block = w->fetch_step * steps / (w->to_lower ? 2 : 1);
    const uint8_t *fetched = w->fetched;
    for (int64_t row = p->first; row < p->end; row += ROWS, fetched += fetched_a_block) {
        __m512 y[ROWS][PANELS];
        const int rows = p->end - row < ROWS ? p->end - row : ROWS;
        if (w->to_lower)
            switch (rows) { CASES(1) }
        else
            switch (rows) { CASES(0) }
        store(p, panel, row, rows, y);
    }
}

/* Where the weights do not lie as they are multiplied: unpacked on the stack, which other products need not keep room on. */
static __attribute__((noinline)) void all_rows_unpacked(const Product *p, int64_t panel, Panels *w) {
    const int64_t padded = p->a->padded, groups = padded / GROUP;
    uint8_t weights[PANELS * padded * LANES] __attribute__((aligned(64)));
    uint16_t scales[PANELS * groups * LANES];
    for (int i = 0; i < PANELS; i++) unpack(p->w, panel + i, padded, weights + i * padded * LANES);
    if (p->w->bits == 4) {
        const Block *blocks = (const Block *)p->w->scales + panel * blocks_of(padded);
        for (int i = 0; i < PANELS; i++, blocks += blocks_of(padded))
            for (int64_t g = 0; g < groups; g++)
                memcpy(scales + (i * groups + g) * LANES, blocks[g * GROUP / BLOCK].scale, sizeof blocks->scale);
        w->scales = scales;
    }
    w->weights = weights;
    w->to_lower = 0;
    all_rows(p, panel, w);
}

static void two_upper_panels(const Product *p, int64_t item) {
    __m512 y[1][PANELS];
    for (int i = 0; i < PANELS; i++) y[0][i] = single_upper(p->w, item * PANELS + i, p->a, p->first);
    store(p, item * PANELS, p->first, 1, y);
}

static void two_panels(const void *context, int64_t item) {
    const Product *p = context;
    const Matrix *w = p->w;
    const int64_t panel = item * PANELS, padded = p->a->padded;
    if (p->end - p->first == 1 && !w->spread) {
        __m512 y[1][PANELS];
        for (int i = 0; i < PANELS; i++) y[0][i] = (w->bits == 8 ? single8 : single4)(w, panel + i, p->a, p->first);
        store(p, panel, p->first, 1, y);
        return;
    }
    const int64_t apart = padded * LANES * PANELS * (w->bits == 4 || w->spread ? 4 : 8) / 8;
    Panels both = {.weights = w->weights + item * apart,
                   .scales = (const uint16_t *)w->scales + panel * padded / GROUP * LANES,
                   .fetched = w->weights + (item + p->threads) * apart,
                   .to_lower = w->spread ? to_lower(w, padded) : 0};
    if (w->bits == 4 || (w->spread && fill_tiles(p)))
        all_rows_unpacked(p, panel, &both);
    else
        all_rows(p, panel, &both);
}

#include "matmul.h"
