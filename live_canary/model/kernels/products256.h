/* Products on processors with AVX2; with AVX-VNNI, which is asked for when this is compiled, in a quarter of the steps.

   The same layouts, roundings and sums as in products512.h, in vectors of 8: the same results, bit by bit. */

#pragma once

#include "vectors256.h"

#ifdef __AVXVNNI__
enum { ROWS = 3, UNSIGNED = 1 };
#else
enum { ROWS = 2, UNSIGNED = 0 };
#endif
enum { HALVES = 2, EIGHT = 8 }; /* a panel is two vectors */

static int32_t largest(__m256i x) {
    __m128i most = _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    most = _mm_max_epi32(most, _mm_shuffle_epi32(most, 0x4e));
    return _mm_cvtsi128_si32(_mm_max_epi32(most, _mm_shuffle_epi32(most, 0xb1)));
}

static int32_t total(__m256i x) {
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

static __m256i magnitude(__m256 x) { return _mm256_castps_si256(_mm256_andnot_ps(_mm256_set1_ps(-0.0f), x)); }

static __m256 upto(const float *x, int64_t left) {
    if (left >= EIGHT) return _mm256_loadu_ps(x);
    float some[EIGHT] = {0};
    for (int64_t i = 0; i < left; i++) some[i] = x[i];
    return _mm256_loadu_ps(some);
}

static void quantize(const float *x, int64_t n, const Activations *a, int64_t row) {
    const int64_t groups = a->padded / GROUP;
    for (int64_t g = 0; g < groups; g++) {
        __m256i most = _mm256_setzero_si256();
        for (int64_t i = g * GROUP; i < (g + 1) * GROUP; i += EIGHT)
            most = _mm256_max_epi32(most, magnitude(upto(x + i, n - i)));
        const float scale = a->scales[row * groups + g] = step_of(largest(most));
        int32_t sums[2];
        for (int half = 0; half < 2; half++) {
            const int64_t at = g * GROUP + half * FACTORED;
            __m256i steps[4], sum = _mm256_setzero_si256();
            for (int i = 0; i < 4; i++) {
                const __m256 part = upto(x + at + i * EIGHT, n - at - i * EIGHT);
                steps[i] = _mm256_cvtps_epi32(_mm256_mul_ps(part, _mm256_set1_ps(1 / scale)));
                sum = _mm256_add_epi32(sum, steps[i]);
            }
            sums[half] = total(sum);
            const __m256i first = _mm256_packs_epi32(steps[0], steps[1]), second = _mm256_packs_epi32(steps[2], steps[3]);
            const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(first, second), order);
            _mm256_storeu_si256((__m256i *)(a->steps + row * a->padded + at), bytes);
            if (a->starts4) a->starts4[(row * groups + g) * 2 + half] = -8 * sums[half];
        }
        a->starts[row * groups + g] = -128 * (sums[0] + sums[1]);
    }
}

static inline __m256i broadcast(const int8_t *four) { return _mm256_set1_epi32(*(const int32_t *)four); }

/* To each of 8 sums the product of 4 weights and 4 steps. Weights of 8 bits: 128 more than they are; without VNNI, as they
   are. Those of 4 bits, 8 more, are without VNNI summed in 16 bits, two sums for one. */
static inline __m256i multiply_add(int bits, __m256i sum, __m256i weights, __m256i x) {
#ifdef __AVXVNNI__
    (void)bits;
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(weights), "x"(x)); /* gcc 12 spills around the intrinsic */
    return sum;
#else
    if (bits == 4) return _mm256_add_epi16(sum, _mm256_maddubs_epi16(weights, x));
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(weights, x));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
}

/* With what the sum of a part of a group begins, where there is something to be taken off; in 8 bits that of the first part
   does for the whole group. That of half a group and weights of 4 bits fits 16 bits, and so do the two sums of 16 bits of
   which the first begins with it, whatever they sum up. */
static inline __m256i begin(int bits, const Activations *a, int64_t group, int part) {
    if (bits == 4) {
        const int32_t start = a->starts4[group * 2 + part];
        return _mm256_set1_epi32(UNSIGNED ? start : start & 0xffff);
    }
    return UNSIGNED && part == 0 ? _mm256_set1_epi32(a->starts[group]) : _mm256_setzero_si256();
}

/* The factors of half a group and 8 outputs for `times`: of one sum in 32 bits, or of two in 16. */
static inline __m256i factors_of(const int8_t *eight) {
    const __m256i factor = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)eight));
    return _mm256_blend_epi16(factor, UNSIGNED ? _mm256_setzero_si256() : _mm256_slli_epi32(factor, 16), 0xaa);
}

static inline __m256i times(__m256i sum, __m256i factor) { return _mm256_madd_epi16(sum, factor); }

/* Weights lie by whole groups, or by half ones, two weights of 4 bits or halves of one to a byte. */
static inline int parts_of(int bits, int halves) { return bits == 4 || halves ? 2 : 1; }

/* Half a group's weights of 4 bits for 8 of 16 outputs, which begin here: the i-th two vectors, each of 4 inputs. */
static inline void take_apart(const uint8_t *part, int i, __m256i *early, __m256i *late) {
    const __m256i both = _mm256_loadu_si256((const __m256i *)(part + i * 64));
    *early = _mm256_and_si256(both, _mm256_set1_epi8(15));
    *late = _mm256_and_si256(_mm256_srli_epi16(both, 4), _mm256_set1_epi8(15));
}

/* The same of any weights; `to_lower`, where they lie in halves. */
static inline __attribute__((always_inline)) void unpack(int bits, int halves, const uint8_t *part, int64_t to_lower, int i,
                                                         __m256i *early, __m256i *late) {
    if (parts_of(bits, halves) == 2) {
        take_apart(part, i, early, late);
    } else {
        *early = _mm256_loadu_si256((const __m256i *)(part + i * 128));
        *late = _mm256_loadu_si256((const __m256i *)(part + i * 128 + 64));
    }
    if (halves) {
        __m256i lower[2];
        take_apart(part + to_lower, i, lower, lower + 1);
        *early = _mm256_or_si256(_mm256_slli_epi16(*early, 4), lower[0]);
        *late = _mm256_or_si256(_mm256_slli_epi16(*late, 4), lower[1]);
    }
    if (bits == 8 && !UNSIGNED) {
        *early = _mm256_xor_si256(*early, _mm256_set1_epi8(-128));
        *late = _mm256_xor_si256(*late, _mm256_set1_epi8(-128));
    }
}

/* The i-th vector of a group multiplies the inputs from here on, and the next those 4 later; the i-th two of half a group,
   which share one, these and those 16 later: in the order in which they lie. */
static inline int64_t input_of(int parts, int i) { return parts == 1 ? i * 8 : i * 4; }
static inline int64_t later(int parts) { return parts == 1 ? 4 : FACTORED / 2; }

/* `rows` rows times one panel. `bits`, `halves` and `rows` are constants wherever this is inlined. */
static inline __attribute__((always_inline)) void block(int bits, int halves, int rows, const Matrix *w, int64_t panel,
                                                        const Activations *a, int64_t row, __m256 y[][HALVES]) {
    const int parts = parts_of(bits, halves), inputs = GROUP / parts; /* of a group: whole, or half by half */
    const int64_t groups = a->padded / GROUP, lower = halves ? to_lower(w, a->padded) : 0;
    const int8_t *x = a->steps + row * a->padded;
    const uint8_t *weights = w->weights + panel * a->padded * LANES / parts;
    const Block *blocks = (const Block *)w->scales + panel * blocks_of(a->padded);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) y[r][0] = y[r][1] = _mm256_setzero_ps();
    for (int64_t g = 0; g < groups; g++) {
        const Block *block = blocks + g * GROUP / BLOCK;
        const uint16_t *scales = bits == 8 ? (const uint16_t *)w->scales + (panel * groups + g) * LANES : block->scale;
        __m256i whole[ROWS][HALVES];
#pragma GCC unroll 2
        for (int part = 0; part < parts; part++, weights += inputs * LANES / parts) {
            __m256i sum[ROWS][HALVES];
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = begin(bits, a, (row + r) * groups + g, part);
#pragma GCC unroll 8
            for (int i = 0; i < inputs / 8; i++) {
                __m256i early[HALVES], late[HALVES];
                unpack(bits, halves, weights, lower, i, early, late);
                unpack(bits, halves, weights + 32, lower, i, early + 1, late + 1);
#pragma GCC unroll 8
                for (int r = 0; r < rows; r++) {
                    const int8_t *four = x + r * a->padded + g * GROUP + part * FACTORED + input_of(parts, i);
                    const __m256i early4 = broadcast(four), late4 = broadcast(four + later(parts));
                    sum[r][0] = multiply_add(bits, sum[r][0], early[0], early4);
                    sum[r][1] = multiply_add(bits, sum[r][1], early[1], early4);
                    sum[r][0] = multiply_add(bits, sum[r][0], late[0], late4);
                    sum[r][1] = multiply_add(bits, sum[r][1], late[1], late4);
                }
            }
#pragma GCC unroll 2
            for (int h = 0; h < HALVES; h++) {
                const __m256i factor = bits == 4 ? factors_of(block->factor[(g * 2 + part) % (BLOCK / FACTORED)] + h * EIGHT)
                                                 : _mm256_setzero_si256();
#pragma GCC unroll 8
                for (int r = 0; r < rows; r++) {
                    const __m256i exact = bits == 4 ? times(sum[r][h], factor) : sum[r][h];
                    whole[r][h] = part ? _mm256_add_epi32(whole[r][h], exact) : exact;
                }
            }
        }
#pragma GCC unroll 2
        for (int h = 0; h < HALVES; h++) {
            const __m256 scale = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(scales + h * EIGHT)));
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                const __m256 step = _mm256_mul_ps(scale, _mm256_set1_ps(a->scales[(row + r) * groups + g]));
                y[r][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[r][h]), step, y[r][h]);
            }
        }
    }
}

/* One row times a panel of 8 bits in halves, of the upper ones alone. */
static void single_upper(const Matrix *w, int64_t panel, const Activations *a, int64_t row, __m256 y[HALVES]) {
    const int64_t groups = a->padded / GROUP;
    const int8_t *x = a->steps + row * a->padded;
    const uint8_t *weights = w->weights + panel * a->padded * LANES / 2;
    const uint16_t *scales = (const uint16_t *)w->scales + panel * groups * LANES;
    y[0] = y[1] = _mm256_setzero_ps();
    for (int64_t g = 0; g < groups; g++, scales += LANES) {
        __m256i whole[HALVES];
        whole[0] = whole[1] = _mm256_set1_epi32(start_of_halves(a, row * groups + g));
        for (int part = 0; part < 2; part++, x += FACTORED, weights += FACTORED * LANES / 2)
#pragma GCC unroll 2
            for (int h = 0; h < HALVES; h++) {
                __m256i sum = _mm256_setzero_si256();
#pragma GCC unroll 4
                for (int i = 0; i < FACTORED / 8; i++) {
                    __m256i early, late;
                    take_apart(weights + h * 32, i, &early, &late);
                    sum = multiply_add(4, sum, early, broadcast(x + i * 4));
                    sum = multiply_add(4, sum, late, broadcast(x + i * 4 + FACTORED / 2));
                }
                sum = UNSIGNED ? _mm256_slli_epi32(sum, 4) : _mm256_madd_epi16(sum, _mm256_set1_epi16(16));
                whole[h] = _mm256_add_epi32(whole[h], sum);
            }
#pragma GCC unroll 2
        for (int h = 0; h < HALVES; h++) {
            const __m256 scale = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(scales + h * EIGHT)));
            const __m256 step = _mm256_mul_ps(scale, _mm256_set1_ps(a->scales[row * groups + g]));
            y[h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[h]), step, y[h]);
        }
    }
}

static void store(const Product *p, int64_t panel, int64_t row, int rows, __m256 y[][HALVES]) {
    const Matrix *w = p->w;
    for (int r = 0; r < rows; r++)
        for (int h = 0; h < HALVES; h++) {
            const int64_t first = panel * LANES + h * EIGHT, left = w->out - first;
            if (left <= 0) continue;
            float *to = p->y + (row + r) * w->out + first;
            __m256 value = y[r][h];
            if (w->bias) value = _mm256_add_ps(value, upto(w->bias + first, left));
            if (p->add != 0) value = _mm256_add_ps(_mm256_mul_ps(value, _mm256_set1_ps(p->add)), upto(to, left));
            float all[EIGHT];
            _mm256_storeu_ps(left >= EIGHT ? to : all, value);
            for (int64_t i = 0; left < EIGHT && i < left; i++) to[i] = all[i];
        }
}

#define CASE(bits, halves, n) \
    case n: block(bits, halves, n, p->w, panel, p->a, row, y); break;
#define CASES(bits, halves) \
    CASE(bits, halves, 1) CASE(bits, halves, 2) default: block(bits, halves, ROWS, p->w, panel, p->a, row, y);

static void two_panels(const void *context, int64_t item) {
    const Product *p = context;
    __m256 y[ROWS][HALVES];
    for (int64_t panel = item * PANELS; panel < (item + 1) * PANELS; panel++)
        for (int64_t row = p->first; row < p->end; row += ROWS) {
            const int rows = p->end - row < ROWS ? p->end - row : ROWS;
            if (p->w->bits == 4)
                switch (rows) { CASES(4, 0) }
            else if (p->w->spread)
                switch (rows) { CASES(8, 1) }
            else
                switch (rows) { CASES(8, 0) }
            store(p, panel, row, rows, y);
        }
}

static void two_upper_panels(const Product *p, int64_t item) {
    for (int64_t panel = item * PANELS; panel < (item + 1) * PANELS; panel++) {
        __m256 y[1][HALVES];
        single_upper(p->w, panel, p->a, p->first, y[0]);
        store(p, panel, p->first, 1, y);
    }
}

#include "matmul.h"
