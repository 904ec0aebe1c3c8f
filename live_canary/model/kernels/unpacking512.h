/* Weights of 4 bits, and of 8 in halves, as they are multiplied, in vectors of 16. */

#pragma once

#include "vectors512.h"

/* Half a group's weights of 4 bits: the i-th two vectors, each of 4 inputs of 16 outputs. */
static inline void take_apart(const uint8_t *weights, int i, __m512i *early, __m512i *late) {
    const __m512i both = _mm512_loadu_si512(weights + i * 64);
    *early = _mm512_and_si512(both, _mm512_set1_epi8(15));
    *late = _mm512_and_si512(_mm512_srli_epi16(both, 4), _mm512_set1_epi8(15));
}

/* The same of 8 bits in halves, of which the upper ones begin here. */
static inline void put_together(const uint8_t *upper, int64_t to_lower, int i, __m512i *early, __m512i *late) {
    const __m512i high = _mm512_loadu_si512(upper + i * 64), low = _mm512_loadu_si512(upper + to_lower + i * 64);
    const __m512i fifteen = _mm512_set1_epi8(15);
    *early = _mm512_ternarylogic_epi32(fifteen, low, _mm512_slli_epi16(high, 4), 0xca);
    *late = _mm512_ternarylogic_epi32(fifteen, _mm512_srli_epi16(low, 4), high, 0xca);
}

static inline __m512i factors_of(const Block *block, int64_t part) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)block->factor[part]));
}

/* Weights of 4 bits times their factor, as those of 8 bits and 128 more. With 16 bits at a time: a product of the upper byte
   needs nothing of the lower one's, which with 128 is never below zero. */
typedef struct {
    __m512i factor, more;
} Multiplier;

static inline Multiplier multiplier_of(const Block *block, int64_t part) {
    const __m512i factor = _mm512_shuffle_epi8(factors_of(block, part), /* in both halves of 32 bits */
                                               _mm512_set4_epi32(0x0d0c0d0c, 0x09080908, 0x05040504, 0x01000100));
    const __m512i low = _mm512_sub_epi16(_mm512_set1_epi16(128), _mm512_slli_epi16(factor, 3));
    return (Multiplier){factor, _mm512_add_epi16(low, _mm512_slli_epi16(low, 8))};
}

static inline void multiply_up(const uint8_t *weights, int i, Multiplier times, __m512i *early, __m512i *late) {
    take_apart(weights, i, early, late);
    *early = _mm512_add_epi16(_mm512_mullo_epi16(*early, times.factor), times.more);
    *late = _mm512_add_epi16(_mm512_mullo_epi16(*late, times.factor), times.more);
}

/* A panel of 4 bits, or of 8 in halves, as one of 8 bits. */
static void unpack(const Matrix *w, int64_t panel, int64_t padded, uint8_t *weights) {
    const __m512i zero = _mm512_setzero_si512();
    const uint8_t *half = w->weights + panel * padded * LANES / 2;
    const Block *blocks = w->bits == 4 ? (const Block *)w->scales + panel * blocks_of(padded) : NULL;
    for (int64_t h = 0; h < padded / FACTORED; h++, half += FACTORED * LANES / 2, weights += FACTORED * LANES) {
        const Multiplier times =
            blocks ? multiplier_of(blocks + h * FACTORED / BLOCK, h % (BLOCK / FACTORED)) : (Multiplier){zero, zero};
#pragma GCC unroll 4
        for (int i = 0; i < FACTORED / 8; i++) {
            __m512i early, late;
            if (blocks)
                multiply_up(half, i, times, &early, &late);
            else
                put_together(half, to_lower(w, padded), i, &early, &late);
            _mm512_storeu_si512(weights + i * 64, early);
            _mm512_storeu_si512(weights + (i + 4) * 64, late);
        }
    }
}
