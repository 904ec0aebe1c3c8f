/* Sixteen floats at once in two vectors of AVX2: as vectors512.h, in every rounding and the order of every sum. */

#pragma once

#include "common.h"

enum { QUERIES = 2, SCORED = 2, WEIGHED = 2, KEYS = 4 };

typedef struct {
    __m256 low, high;
} Vec;
typedef int64_t Mask; /* so many lanes */

static inline Mask lanes(int64_t left) { return left < LANES ? left : LANES; }

static inline __m256i first(int64_t count) { /* all bits of so many lanes */
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline Vec each(float x) { return (Vec){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
static inline Vec zeros(void) { return each(0); }

static inline Vec load(Mask m, const float *x) {
    if (m == LANES) return (Vec){_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)};
    return (Vec){_mm256_maskload_ps(x, first(m)), _mm256_maskload_ps(x + 8, first(m - 8))};
}

static inline void put(float *to, Mask m, Vec x) {
    float all[LANES];
    if (m == LANES) {
        _mm256_storeu_ps(to, x.low);
        _mm256_storeu_ps(to + 8, x.high);
        return;
    }
    _mm256_storeu_ps(all, x.low);
    _mm256_storeu_ps(all + 8, x.high);
    for (int64_t i = 0; i < m; i++) to[i] = all[i]; /* a masked store is slow on some processors */
}

static inline Vec only(Mask m, Vec x) {
    if (m == LANES) return x;
    return (Vec){_mm256_and_ps(x.low, _mm256_castsi256_ps(first(m))), _mm256_and_ps(x.high, _mm256_castsi256_ps(first(m - 8)))};
}

static inline Vec add(Vec a, Vec b) { return (Vec){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
static inline Vec sub(Vec a, Vec b) { return (Vec){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
static inline Vec mul(Vec a, Vec b) { return (Vec){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
static inline Vec over(Vec a, Vec b) { return (Vec){_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
static inline Vec mul_add(Vec a, Vec b, Vec c) {
    return (Vec){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
static inline Vec mul_sub(Vec a, Vec b, Vec c) {
    return (Vec){_mm256_fmsub_ps(a.low, b.low, c.low), _mm256_fmsub_ps(a.high, b.high, c.high)};
}
static inline Vec sub_mul(Vec c, Vec a, Vec b) {
    return (Vec){_mm256_fnmadd_ps(a.low, b.low, c.low), _mm256_fnmadd_ps(a.high, b.high, c.high)};
}

static inline Vec lesser(Vec a, Vec b) { return (Vec){_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
static inline Vec greater(Mask m, Vec a, Vec b) {
    const Vec most = {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
    if (m == LANES) return most;
    return (Vec){_mm256_blendv_ps(b.low, most.low, _mm256_castsi256_ps(first(m))),
                 _mm256_blendv_ps(b.high, most.high, _mm256_castsi256_ps(first(m - 8)))};
}

static inline Vec nearest(Vec x) { return (Vec){_mm256_round_ps(x.low, 8), _mm256_round_ps(x.high, 8)}; }

/* x from 0.5 to 2, n a whole number up to 127: in two steps, of which only the last rounds where little is left. */
static inline __m256 half_times_two_to(__m256 x, __m256 n) {
    const __m256i whole = _mm256_max_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(-250));
    const __m256i half = _mm256_srai_epi32(whole, 1), one = _mm256_set1_epi32(127);
    const __m256i early = _mm256_slli_epi32(_mm256_add_epi32(half, one), 23);
    const __m256i late = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), one), 23);
    return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_castsi256_ps(early)), _mm256_castsi256_ps(late));
}
static inline Vec times_two_to(Vec x, Vec n) {
    return (Vec){half_times_two_to(x.low, n.low), half_times_two_to(x.high, n.high)};
}

static inline __m128 halves_added(__m256 x) { return _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1)); }

static inline float sum_of(Vec x) {
    __m128 sum = halves_added(_mm256_add_ps(x.low, x.high));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

static inline float greatest_of(Vec x) {
    const __m256 most = _mm256_max_ps(x.low, x.high);
    __m128 of = _mm_max_ps(_mm256_castps256_ps128(most), _mm256_extractf128_ps(most, 1));
    of = _mm_max_ps(of, _mm_movehl_ps(of, of));
    return _mm_cvtss_f32(_mm_max_ss(of, _mm_movehdup_ps(of)));
}

/* Of four vectors: in each half the sum of each one's four lanes. */
static inline __m256 quarters(__m256 a, __m256 b, __m256 c, __m256 d) {
    const __m256d ab = _mm256_castps_pd(_mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)));
    const __m256d cd = _mm256_castps_pd(_mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d)));
    return _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd)), _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd)));
}

static inline Vec sums_of(Vec *of) {
    __m128 four[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++, of += 4) {
        const __m128 low = halves_added(quarters(of[0].low, of[1].low, of[2].low, of[3].low));
        four[i] = _mm_add_ps(low, halves_added(quarters(of[0].high, of[1].high, of[2].high, of[3].high)));
    }
    return (Vec){_mm256_set_m128(four[1], four[0]), _mm256_set_m128(four[3], four[2])};
}
