/* Products of matrices in 8- or 4-bit weights, on processors with AVX-512 VNNI. */

#pragma once

#include "vectors512.h"

enum { ROWS = 6 };

static __m512i magnitude(__m512 x) { return _mm512_castps_si512(_mm512_abs_ps(x)); }

/* A group of so many vectors. `vectors` is a constant wherever this is inlined. */
static inline __attribute__((always_inline)) void quantize_group(int vectors, const float *x, int64_t left, int8_t *steps,
                                                                 int32_t *sum, float *scale) {
    __m512 some[4];
    __m512i most = _mm512_setzero_si512(), rounded[4] = {most, most, most, most};
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        some[v] = _mm512_maskz_loadu_ps(lanes(left - v * LANES), x + v * LANES);
        most = _mm512_max_epi32(most, magnitude(some[v]));
    }
    *scale = step_of(_mm512_reduce_max_epi32(most));
    const __m512 steps_of_one = _mm512_set1_ps(1 / *scale);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) rounded[v] = _mm512_cvtps_epi32(_mm512_mul_ps(some[v], steps_of_one));
    *sum = _mm512_reduce_add_epi32(
        _mm512_add_epi32(_mm512_add_epi32(rounded[0], rounded[1]), _mm512_add_epi32(rounded[2], rounded[3])));
    const __m512i in_order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i early = _mm512_packs_epi32(rounded[0], rounded[1]), late = _mm512_packs_epi32(rounded[2], rounded[3]);
    const __m512i packed = _mm512_permutexvar_epi32(in_order, _mm512_packs_epi16(early, late));
    if (vectors == 4) /* a line of the cache at once: the other cores have it, and are asked for it but once */
        _mm512_storeu_si512(steps, packed);
    else
        _mm256_storeu_si256((__m256i *)steps, _mm512_castsi512_si256(packed));
}

static void quantize(const float *x, int64_t n, const Activations *a, int64_t row) {
    const int64_t group = group_of(a->weight_bits), groups = a->padded / group;
    int8_t *steps = a->steps + row * a->padded;
    for (int64_t g = 0; g < groups; g++) {
        int32_t sum;
        float *scale = a->scales + row * groups + g;
        if (a->weight_bits == 8)
            quantize_group(4, x + g * 64, n - g * 64, steps + g * 64, &sum, scale);
        else
            quantize_group(2, x + g * 32, n - g * 32, steps + g * 32, &sum, scale);
        a->start[row * groups + g] = -surplus(a->weight_bits) * sum;
    }
}

/* The intrinsic, but for gcc 12, which copies the sums around until they spill. */
static inline __attribute__((always_inline)) __m512i multiply_add(__m512i sum, __m512i weights, __m512i x) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(weights), "v"(x));
    return sum;
}

static inline __m512i broadcast(const int8_t *four) { return _mm512_set1_epi32(*(const int32_t *)four); }

/* What to fetch into the cache meanwhile, so many bytes a step of the loop: the weights that this core needs next. */
typedef struct {
    const uint8_t *from;
    int64_t step;
} Fetch;

/* Of a group's weights, which begin here, the i-th two vectors, each of 4 inputs of 16 outputs. */
static inline __attribute__((always_inline)) void unpack(int bits, const uint8_t *group, int i, __m512i *early,
                                                         __m512i *late) {
    *early = _mm512_loadu_si512(group + i * 16 * bits);
    if (bits == 8) {
        *late = _mm512_loadu_si512(group + i * 128 + 64);
    } else {
        *late = _mm512_and_si512(_mm512_srli_epi16(*early, 4), _mm512_set1_epi8(15));
        *early = _mm512_and_si512(*early, _mm512_set1_epi8(15));
    }
}

static inline __m512 scales_of(const uint16_t *halves) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)halves));
}

/* `rows` rows times two panels. `rows` and `bits` are constants wherever this is inlined. */
static inline __attribute__((always_inline)) void block(int bits, int rows, const Matrix *w, int64_t panel,
                                                        const Activations *a, int64_t row, const Fetch *next, __m512 y[][PANELS]) {
    const uint8_t *fetched = next->from;
    const int64_t group = group_of(bits), groups = a->padded / group, size = a->padded * LANES * bits / 8;
    const int8_t *x = a->steps + row * a->padded;
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) y[r][0] = y[r][1] = _mm512_setzero_ps();
    for (int64_t g = 0; g < groups; g++) {
        __m512i sum[ROWS][PANELS];
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm512_set1_epi32(a->start[(row + r) * groups + g]);
#pragma GCC unroll 8
        for (int i = 0; i < group / 8; i++) {
            __m512i early[PANELS], late[PANELS];
#pragma GCC unroll 2
            for (int p = 0; p < PANELS; p++) {
                _mm_prefetch((const char *)fetched, _MM_HINT_T1);
                fetched += next->step;
                unpack(bits, w->weights + (panel + p) * size + g * group * 2 * bits, i, early + p, late + p);
            }
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                const int8_t *four = x + r * a->padded + g * group + input_of(bits, i);
                const __m512i early4 = broadcast(four), late4 = broadcast(four + later(bits));
                sum[r][0] = multiply_add(sum[r][0], early[0], early4);
                sum[r][1] = multiply_add(sum[r][1], early[1], early4);
                sum[r][0] = multiply_add(sum[r][0], late[0], late4);
                sum[r][1] = multiply_add(sum[r][1], late[1], late4);
            }
        }
#pragma GCC unroll 2
        for (int p = 0; p < PANELS; p++) {
            const __m512 scale = scales_of(w->scales + ((panel + p) * groups + g) * LANES);
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                const __m512 step = _mm512_mul_ps(scale, _mm512_set1_ps(a->scales[(row + r) * groups + g]));
                y[r][p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[r][p]), step, y[r][p]);
            }
        }
    }
}

/* One row: its weights come from memory, once, and so are read in the order in which they lie, as the processor's own
   prefetching expects it: asking ahead for them as well was slower. */
static inline __attribute__((always_inline)) void single(int bits, const Matrix *w, int64_t panel, const Activations *a,
                                                         int64_t row, __m512 *y) {
    const int64_t group = group_of(bits), groups = a->padded / group;
    const int8_t *x = a->steps + row * a->padded;
    const uint8_t *weights = w->weights + panel * a->padded * LANES * bits / 8;
    const uint16_t *scales = w->scales + panel * groups * LANES;
    for (int p = 0; p < PANELS; p++) {
        y[p] = _mm512_setzero_ps();
        for (int64_t g = 0; g < groups; g++, weights += group * 2 * bits, scales += LANES) {
            __m512i sum = _mm512_set1_epi32(a->start[row * groups + g]);
#pragma GCC unroll 8
            for (int i = 0; i < group / 8; i++) {
                const int8_t *four = x + g * group + input_of(bits, i);
                __m512i early, late;
                unpack(bits, weights, i, &early, &late);
                sum = multiply_add(sum, early, broadcast(four));
                sum = multiply_add(sum, late, broadcast(four + later(bits)));
            }
            const __m512 step = _mm512_mul_ps(scales_of(scales), _mm512_set1_ps(a->scales[row * groups + g]));
            y[p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), step, y[p]);
        }
    }
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

#define CASE(bits, n) \
    case n: block(bits, n, p->w, panel, p->a, row, &next, y); break;
#define CASES(bits) \
    case 1: single(bits, p->w, panel, p->a, row, y[0]); break; \
    CASE(bits, 2) CASE(bits, 3) CASE(bits, 4) CASE(bits, 5) CASE(bits, 6)

static void two_panels(const void *context, int64_t item) {
    const Product *p = context;
    const int64_t panel = item * PANELS;
    const int64_t bytes = p->a->padded * LANES * PANELS * p->w->bits / 8; /* of two panels */
    const int64_t parts = (p->end - p->first + ROWS - 1) / ROWS, steps = bytes / (p->w->bits == 8 ? 128 : 64);
    Fetch next = {p->w->weights + (item + p->threads) * bytes, (bytes + parts * steps - 1) / (parts * steps)};
    __m512 y[ROWS][PANELS];
    for (int64_t row = p->first; row < p->end; row += ROWS, next.from += next.step * steps) {
        const int rows = p->end - row < ROWS ? p->end - row : ROWS;
        if (p->w->bits == 8)
            switch (rows) { CASES(8) }
        else
            switch (rows) { CASES(4) }
        store(p, panel, row, rows, y);
    }
}

#include "matmul.h"
