/* Sixteen floats at once in four vectors of NEON: as vectors512.h, in every rounding and the order of every sum. */

#pragma once

#include "common.h"

enum { QUERIES = 2, SCORED = 2, WEIGHED = 2, KEYS = 4 };
enum { QUARTERS = 4, FOUR = 4 }; /* of sixteen, and what each has */

typedef struct {
    float32x4_t of[QUARTERS];
} Vec;
typedef int64_t Mask; /* so many lanes */

/* A Vec of what `expression` is in each of its quarters, the i-th. */
#define QUARTERLY(expression)                                                              \
    ({                                                                                     \
        Vec y;                                                                             \
        _Pragma("GCC unroll 4") for (int i = 0; i < QUARTERS; i++) y.of[i] = (expression); \
        y;                                                                                 \
    })

static inline Mask lanes(int64_t left) { return left < LANES ? left : LANES; }

static inline uint32x4_t first(Mask m, int quarter) { /* all bits of those of its lanes that are among the first m */
    const int32_t numbers[FOUR] = {0, 1, 2, 3};
    return vcltq_s32(vld1q_s32(numbers), vdupq_n_s32(m - quarter * FOUR));
}

static inline Vec each(float x) { return QUARTERLY(vdupq_n_f32(x)); }
static inline Vec zeros(void) { return each(0); }

static inline Vec load(Mask m, const float *x) {
    if (m == LANES) return QUARTERLY(vld1q_f32(x + i * FOUR));
    float some[LANES] = {0};
    for (int64_t i = 0; i < m; i++) some[i] = x[i];
    return QUARTERLY(vld1q_f32(some + i * FOUR));
}

static inline void put(float *to, Mask m, Vec x) {
    float all[LANES], *into = m < LANES ? all : to;
    for (int i = 0; i < QUARTERS; i++) vst1q_f32(into + i * FOUR, x.of[i]);
    if (m < LANES)
        for (int64_t i = 0; i < m; i++) to[i] = all[i];
}

static inline Vec only(Mask m, Vec x) { return QUARTERLY(vbslq_f32(first(m, i), x.of[i], vdupq_n_f32(0))); }

static inline Vec add(Vec a, Vec b) { return QUARTERLY(vaddq_f32(a.of[i], b.of[i])); }
static inline Vec sub(Vec a, Vec b) { return QUARTERLY(vsubq_f32(a.of[i], b.of[i])); }
static inline Vec mul(Vec a, Vec b) { return QUARTERLY(vmulq_f32(a.of[i], b.of[i])); }
static inline Vec over(Vec a, Vec b) { return QUARTERLY(vdivq_f32(a.of[i], b.of[i])); }
static inline Vec mul_add(Vec a, Vec b, Vec c) { return QUARTERLY(vfmaq_f32(c.of[i], a.of[i], b.of[i])); }
static inline Vec mul_sub(Vec a, Vec b, Vec c) { return QUARTERLY(vfmaq_f32(vnegq_f32(c.of[i]), a.of[i], b.of[i])); }
static inline Vec sub_mul(Vec c, Vec a, Vec b) { return QUARTERLY(vfmsq_f32(c.of[i], a.of[i], b.of[i])); }

/* The second where one is no number. */
static inline Vec lesser(Vec a, Vec b) { return QUARTERLY(vbslq_f32(vcltq_f32(a.of[i], b.of[i]), a.of[i], b.of[i])); }
static inline Vec greater(Mask m, Vec a, Vec b) {
    return QUARTERLY(vbslq_f32(vandq_u32(first(m, i), vcgtq_f32(a.of[i], b.of[i])), a.of[i], b.of[i]));
}

static inline Vec nearest(Vec x) { return QUARTERLY(vrndnq_f32(x.of[i])); }

/* x from 0.5 to 2, n a whole number up to 127: in two steps, of which only the last rounds where little is left. */
static inline float32x4_t quarter_times_two_to(float32x4_t x, float32x4_t n) {
    const int32x4_t whole = vmaxq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(-250));
    const int32x4_t half = vshrq_n_s32(whole, 1), one = vdupq_n_s32(127);
    const int32x4_t early = vshlq_n_s32(vaddq_s32(half, one), 23);
    const int32x4_t late = vshlq_n_s32(vaddq_s32(vsubq_s32(whole, half), one), 23);
    return vmulq_f32(vmulq_f32(x, vreinterpretq_f32_s32(early)), vreinterpretq_f32_s32(late));
}
static inline Vec times_two_to(Vec x, Vec n) { return QUARTERLY(quarter_times_two_to(x.of[i], n.of[i])); }

static inline float sum_of(Vec x) {
    const float32x4_t sum = vaddq_f32(vaddq_f32(x.of[0], x.of[2]), vaddq_f32(x.of[1], x.of[3]));
    const float32x2_t two = vadd_f32(vget_low_f32(sum), vget_high_f32(sum));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

static inline float greatest_of(Vec x) {
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(x.of[0], x.of[2]), vmaxq_f32(x.of[1], x.of[3])));
}

/* Of two vectors: the sums of each one's even lanes, then those of its odd ones. */
static inline float32x4_t by_turns(float32x4_t a, float32x4_t b) {
    return vaddq_f32(vzip1q_f32(a, b), vzip2q_f32(a, b));
}

/* Of four vectors: each one's sum. */
static inline float32x4_t sums_of_four(float32x4_t a, float32x4_t b, float32x4_t c, float32x4_t d) {
    const float32x4_t ab = by_turns(a, b), cd = by_turns(c, d);
    return vaddq_f32(vcombine_f32(vget_low_f32(ab), vget_low_f32(cd)), vcombine_f32(vget_high_f32(ab), vget_high_f32(cd)));
}

/* From 16 vectors, each one's sum. */
static inline Vec sums_of(Vec *of) {
    Vec sums;
    for (int i = 0; i < QUARTERS; i++, of += FOUR) {
        float32x4_t quarters[QUARTERS];
#pragma GCC unroll 4
        for (int q = 0; q < QUARTERS; q++) quarters[q] = sums_of_four(of[0].of[q], of[1].of[q], of[2].of[q], of[3].of[q]);
        sums.of[i] = vaddq_f32(vaddq_f32(quarters[0], quarters[1]), vaddq_f32(quarters[2], quarters[3]));
    }
    return sums;
}
