/* Sixteen floats at once: what the layers need of AVX-512. vectors256.h has the same of AVX2, with the same results. */

#pragma once

#include "common.h"

/* How much is computed at once, as far as there are registers: queries that share a walk through keys or values, vectors of
   each, and keys of one query. */
enum { QUERIES = 4, SCORED = 3, WEIGHED = 4, KEYS = 16 };

typedef __m512 Vec;
typedef __mmask16 Mask;

static inline Mask lanes(int64_t left) { return left >= LANES ? 0xffff : (1u << (left < 0 ? 0 : left)) - 1; }

static inline Vec zeros(void) { return _mm512_setzero_ps(); }
static inline Vec each(float x) { return _mm512_set1_ps(x); }
static inline Vec load(Mask m, const float *x) { return _mm512_maskz_loadu_ps(m, x); }
static inline void put(float *to, Mask m, Vec x) { _mm512_mask_storeu_ps(to, m, x); }
static inline Vec only(Mask m, Vec x) { return _mm512_maskz_mov_ps(m, x); }

static inline Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
static inline Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
static inline Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
static inline Vec over(Vec a, Vec b) { return _mm512_div_ps(a, b); }
static inline Vec mul_add(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline Vec mul_sub(Vec a, Vec b, Vec c) { return _mm512_fmsub_ps(a, b, c); }
static inline Vec sub_mul(Vec c, Vec a, Vec b) { return _mm512_fnmadd_ps(a, b, c); }

/* The second where one is no number. */
static inline Vec lesser(Vec a, Vec b) { return _mm512_min_ps(a, b); }
static inline Vec greater(Mask m, Vec a, Vec b) { return _mm512_mask_max_ps(b, m, a, b); }

static inline Vec nearest(Vec x) { return _mm512_roundscale_ps(x, 8); }
static inline Vec times_two_to(Vec x, Vec n) { return _mm512_scalef_ps(x, n); }

static inline float sum_of(Vec x) { return _mm512_reduce_add_ps(x); }
static inline float greatest_of(Vec x) { return _mm512_reduce_max_ps(x); }

/* From 16 vectors, each one's sum. */
static inline Vec sums_of(Vec *of) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        of[i] = add(_mm512_unpacklo_ps(of[2 * i], of[2 * i + 1]), _mm512_unpackhi_ps(of[2 * i], of[2 * i + 1]));
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const __m512d a = _mm512_castps_pd(of[2 * i]), b = _mm512_castps_pd(of[2 * i + 1]);
        of[i] = add(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
    }
#pragma GCC unroll 2
    for (int halves = 2; halves; halves--)
#pragma GCC unroll 2
        for (int i = 0; i < halves; i++) {
            const Vec a = of[2 * i], b = of[2 * i + 1];
            of[i] = add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
        }
    return of[0];
}
