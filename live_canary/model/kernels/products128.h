/* Products on ARM's processors with the dot products of 8-bit numbers (ARMv8.2; Apple's all).

   The same layouts, roundings and sums as in products512.h, in vectors of 4: the same results, bit by bit. Weights are made
   signed as they are read, so that nothing is to be taken off a sum, and those of 4 bits multiplied by their factors. */

#pragma once

#include "vectors128.h"

enum { ROWS = 4, MANY_ROWS = 12 /* of which it pays to unpack a panel once */ };
enum { SIXTEEN = 16 }; /* inputs, whose steps fill a vector */

static int32x4_t magnitude(float32x4_t x) { return vreinterpretq_s32_f32(vabsq_f32(x)); }

static void quantize(const float *x, int64_t n, const Activations *a, int64_t row) {
    const int64_t groups = a->padded / GROUP;
    for (int64_t g = 0; g < groups; g++, x += GROUP, n -= GROUP) {
        Vec some[GROUP / LANES];
        int32x4_t most = vdupq_n_s32(0);
        for (int v = 0; v < GROUP / LANES; v++) {
            some[v] = load(lanes(n - v * LANES), x + v * LANES);
            for (int i = 0; i < QUARTERS; i++) most = vmaxq_s32(most, magnitude(some[v].of[i]));
        }
        const float scale = a->scales[row * groups + g] = step_of(vmaxvq_s32(most));
        int8_t *steps = a->steps + row * a->padded + g * GROUP;
        for (int v = 0; v < GROUP / LANES; v++, steps += LANES) {
            int16x4_t rounded[QUARTERS];
            for (int i = 0; i < QUARTERS; i++)
                rounded[i] = vqmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(some[v].of[i], 1 / scale)));
            vst1_s8(steps, vqmovn_s16(vcombine_s16(rounded[0], rounded[1])));
            vst1_s8(steps + LANES / 2, vqmovn_s16(vcombine_s16(rounded[2], rounded[3])));
        }
    }
}

/* How weights lie: 8 bits; 4 bits; 8 bits in halves, and of these the upper ones alone; signed, once they are unpacked. */
typedef enum { WHOLE, IN_FOURS, IN_HALVES, UPPER, UNPACKED } Form;

static inline int parts_of(Form form) { return form == WHOLE || form == UNPACKED ? 1 : 2; } /* that share a byte */

/* Of 32 inputs' weights, which begin here, those for four inputs of four outputs, less what they are too large by. The i-th
   four of the 16 early inputs, or of those 16 later; to_lower: where they lie in halves; factor: of each, in 4 bits. */
static inline __attribute__((always_inline)) int8x16_t weights_of(Form form, const uint8_t *weights, int64_t to_lower,
                                                                  int late, int i, int8x16_t factor) {
    const uint8_t *vectors = weights + (late * FOUR + i) * LANES * 4;
    if (form == UNPACKED) return vreinterpretq_s8_u8(vld1q_u8(vectors));
    if (form == WHOLE) return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(vectors), vdupq_n_u8(128)));
    const uint8x16_t both = vld1q_u8(weights + i * LANES * 4);
    if (form == IN_FOURS) {
        const uint8x16_t four = late ? vshrq_n_u8(both, 4) : vandq_u8(both, vdupq_n_u8(15));
        return vmulq_s8(vsubq_s8(vreinterpretq_s8_u8(four), vdupq_n_s8(8)), factor);
    }
    if (form == UPPER) { /* the lower ones taken as 8, their middle */
        const uint8x16_t upper = late ? vandq_u8(both, vdupq_n_u8(0xf0)) : vshlq_n_u8(both, 4);
        return vreinterpretq_s8_u8(vsubq_u8(upper, vdupq_n_u8(128 - 8)));
    }
    const uint8x16_t lower = vld1q_u8(weights + to_lower + i * LANES * 4);
    const uint8x16_t whole = late ? vsriq_n_u8(both, lower, 4) : vsliq_n_u8(lower, both, 4);
    return vreinterpretq_s8_u8(veorq_u8(whole, vdupq_n_u8(128)));
}

/* The factors of 16 outputs, each four times. */
static inline int8x16x4_t factors_of(const int8_t *sixteen) {
    const int8x16_t factors = vld1q_s8(sixteen), twice = vzip1q_s8(factors, factors), later = vzip2q_s8(factors, factors);
    return (int8x16x4_t){{
        vreinterpretq_s8_s16(vzip1q_s16(vreinterpretq_s16_s8(twice), vreinterpretq_s16_s8(twice))),
        vreinterpretq_s8_s16(vzip2q_s16(vreinterpretq_s16_s8(twice), vreinterpretq_s16_s8(twice))),
        vreinterpretq_s8_s16(vzip1q_s16(vreinterpretq_s16_s8(later), vreinterpretq_s16_s8(later))),
        vreinterpretq_s8_s16(vzip2q_s16(vreinterpretq_s16_s8(later), vreinterpretq_s16_s8(later))),
    }};
}

/* To each row's sums of 16 outputs the products of four inputs, the i-th of 16, which is to be a constant. Not by the
   intrinsic, for gcc 12, which copies the sums around until they spill. */
#define MULTIPLY_ADD(i)                                                                                       \
    for (int q = 0; q < QUARTERS; q++) {                                                                      \
        const int8x16_t w = weights_of(form, weights + q * SIXTEEN, lower, late, i, factor.val[q]);           \
        for (int r = 0; r < rows; r++)                                                                        \
            __asm__("sdot %0.4s, %1.16b, %2.4b[" #i "]" : "+w"(sum[r][q]) : "w"(w), "w"(x[r]));               \
    }

/* Of half a group, where there are any. */
static inline int8x16x4_t factors_in(Form form, const Matrix *w, int64_t panel, int64_t padded, int64_t half) {
    const Block *block = (const Block *)w->scales + panel * blocks_of(padded) + half * FACTORED / BLOCK;
    return form == IN_FOURS ? factors_of(block->factor[half % (BLOCK / FACTORED)]) : (int8x16x4_t){0};
}

/* `rows` rows times one panel, whose weights begin here. `form` and `rows` are constants wherever this is inlined. */
static inline __attribute__((always_inline)) void block(Form form, int rows, const Matrix *w, int64_t panel,
                                                        const uint8_t *weights, const Activations *a, int64_t row, Vec *y) {
    const int64_t groups = a->padded / GROUP, lower = form == IN_HALVES ? to_lower(w, a->padded) : 0;
    const int8_t *steps = a->steps + row * a->padded;
    const Block *blocks = (const Block *)w->scales + panel * blocks_of(a->padded);
    for (int r = 0; r < rows; r++) y[r] = zeros();
    for (int64_t g = 0; g < groups; g++) {
        const uint16_t *scales =
            w->bits == 4 ? blocks[g * GROUP / BLOCK].scale : (const uint16_t *)w->scales + (panel * groups + g) * LANES;
        int32x4_t sum[ROWS][QUARTERS];
        for (int r = 0; r < rows; r++)
            for (int q = 0; q < QUARTERS; q++) sum[r][q] = vdupq_n_s32(0);
        for (int half = 0; half < GROUP / FACTORED; half++, weights += FACTORED * LANES / parts_of(form)) {
            const int8x16x4_t factor = factors_in(form, w, panel, a->padded, g * 2 + half);
            for (int late = 0; late < 2; late++, steps += SIXTEEN) {
                int8x16_t x[ROWS];
                for (int r = 0; r < rows; r++) x[r] = vld1q_s8(steps + r * a->padded);
                MULTIPLY_ADD(0) MULTIPLY_ADD(1) MULTIPLY_ADD(2) MULTIPLY_ADD(3)
            }
        }
        for (int q = 0; q < QUARTERS; q++) {
            const float32x4_t scale = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(scales + q * FOUR)));
            for (int r = 0; r < rows; r++) {
                const float32x4_t step = vmulq_n_f32(scale, a->scales[(row + r) * groups + g]);
                y[r].of[q] = vfmaq_f32(y[r].of[q], vcvtq_f32_s32(sum[r][q]), step);
            }
        }
    }
}

static void store(const Product *p, int64_t panel, int64_t row, int rows, const Vec *y) {
    const Matrix *w = p->w;
    const int64_t first = panel * LANES;
    const Mask m = lanes(w->out - first);
    for (int r = 0; m > 0 && r < rows; r++) {
        float *to = p->y + (row + r) * w->out + first;
        Vec value = y[r];
        if (w->bias) value = add(value, load(m, w->bias + first));
        if (p->add != 0) value = add(mul(value, each(p->add)), load(m, to));
        put(to, m, value);
    }
}

#define CASE(form, n) \
    case n: block(form, n, w, panel, weights, p->a, row, y); break;
#define CASES(form) CASE(form, 1) CASE(form, 2) CASE(form, 3) CASE(form, 4)

static void all_rows(Form form, const Product *p, int64_t panel, const uint8_t *weights) {
    const Matrix *w = p->w;
    for (int64_t row = p->first; row < p->end; row += ROWS) {
        Vec y[ROWS];
        const int rows = p->end - row < ROWS ? p->end - row : ROWS;
        if (form == WHOLE)
            switch (rows) { CASES(WHOLE) }
        else if (form == IN_FOURS)
            switch (rows) { CASES(IN_FOURS) }
        else if (form == IN_HALVES)
            switch (rows) { CASES(IN_HALVES) }
        else if (form == UPPER) /* of a single row */
            block(UPPER, 1, w, panel, weights, p->a, row, y);
        else
            switch (rows) { CASES(UNPACKED) }
        store(p, panel, row, rows, y);
    }
}

/* A panel's weights are unpacked once, on the stack, which other products need not keep room on. */
static __attribute__((noinline)) void many_rows(Form form, const Product *p, int64_t panel, const uint8_t *weights) {
    const int64_t padded = p->a->padded, lower = form == IN_HALVES ? to_lower(p->w, padded) : 0;
    int8_t unpacked[padded * LANES], *to = unpacked;
    for (int64_t half = 0; half < padded / FACTORED; half++, weights += FACTORED * LANES / parts_of(form)) {
        const int8x16x4_t factor = factors_in(form, p->w, panel, padded, half);
        for (int late = 0; late < 2; late++)
            for (int i = 0; i < FOUR; i++)
                for (int q = 0; q < QUARTERS; q++, to += SIXTEEN)
                    vst1q_s8(to, weights_of(form, weights + q * SIXTEEN, lower, late, i, factor.val[q]));
    }
    all_rows(UNPACKED, p, panel, (const uint8_t *)unpacked);
}

static void two_panels_of(Form form, const Product *p, int64_t item) {
    const int64_t bytes = p->a->padded * LANES / parts_of(form);
    for (int64_t panel = item * PANELS; panel < (item + 1) * PANELS; panel++)
        (p->end - p->first > MANY_ROWS ? many_rows : all_rows)(form, p, panel, p->w->weights + panel * bytes);
}

static void two_panels(const void *context, int64_t item) {
    const Matrix *w = ((const Product *)context)->w;
    two_panels_of(w->bits == 4 ? IN_FOURS : w->spread ? IN_HALVES : WHOLE, context, item);
}

static void two_upper_panels(const Product *p, int64_t item) { two_panels_of(UPPER, p, item); }

#include "matmul.h"
