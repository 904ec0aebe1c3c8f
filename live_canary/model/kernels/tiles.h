/* Many rows times two panels in AMX's tiles, which multiply 16 rows by a group of 64 inputs of 16 outputs at once: the same
   sums. */

#pragma once

enum { TILE_ROWS = LANES, TILE_BYTES = GROUP * LANES };

typedef int32_t Sums[TILE_ROWS][LANES];

/* Tiles are asked for by each thread, and given back, so that the system need not keep them. */
static void begin_tiles(void) {
    static const struct {
        uint8_t palette, unused[15];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shapes __attribute__((aligned(64))) = {1, {0}, {64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16}};
    __asm__ volatile("" ::: "memory"); /* gcc does not know that tiles are loaded from memory: it must be written by now */
    _tile_loadconfig(&shapes);
}

/* The sums of 16 rows, from x on, times a group of 16 outputs, by tiles of these numbers. */
#define MULTIPLY_TILES(sum_tile, row_tile, output_tile)     \
    do {                                                    \
        _tile_zero(sum_tile);                               \
        _tile_loadd(row_tile, x, padded);                   \
        _tile_loadd(output_tile, weights, 64);              \
        _tile_dpbsud(sum_tile, row_tile, output_tile);      \
        _tile_stored(sum_tile, sums, 64);                   \
    } while (0)

/* In other tiles every other time, so that none waits for the one before. */
static inline void multiply_tiles(int64_t group, const int8_t *x, int64_t padded, const uint8_t *weights, Sums sums) {
    if (group % 2)
        MULTIPLY_TILES(0, 1, 2);
    else
        MULTIPLY_TILES(3, 4, 5);
}

/* What is needed next, of which so many steps are done. */
static inline void fetch(const Panels *w, int64_t steps_done) {
    const uint8_t *from = w->fetched + steps_done * w->fetch_step;
    for (int64_t i = 0; i < w->fetch_step; i += 64) {
        _mm_prefetch((const char *)from + i, _MM_HINT_T1);
        if (w->to_lower) _mm_prefetch((const char *)from + w->to_lower + i, _MM_HINT_T1);
    }
}

/* 16 rows times one of the panels: one group's sums are added up while the next one's are computed. */
static void tile_rows(const Activations *a, int64_t row, const Panels *w, int panel, int64_t steps_done, __m512 result[][PANELS]) {
    const int64_t padded = a->padded, groups = padded / GROUP;
    const int8_t *x = a->steps + row * padded;
    const uint8_t *weights = w->weights + panel * padded * LANES;
    Sums sums[2] __attribute__((aligned(64)));
    __m512 y[TILE_ROWS];
#pragma GCC unroll 16
    for (int r = 0; r < TILE_ROWS; r++) y[r] = _mm512_setzero_ps();
    multiply_tiles(0, x, padded, weights, sums[0]);
    for (int64_t g = 0; g < groups; g++) {
        fetch(w, steps_done + g);
        if (g + 1 < groups)
            multiply_tiles(g + 1, x + (g + 1) * GROUP, padded, weights + (g + 1) * TILE_BYTES, sums[(g + 1) % 2]);
        const __m512 weight_scale = scales_of(w->scales + (panel * groups + g) * LANES);
        const float *scales = a->scales + row * groups + g;
        const int32_t *starts = a->starts + row * groups + g;
#pragma GCC unroll 16
        for (int r = 0; r < TILE_ROWS; r++) {
            const __m512i sum = _mm512_add_epi32(_mm512_load_si512(sums[g % 2][r]), _mm512_set1_epi32(starts[r * groups]));
            y[r] = added(y[r], sum, weight_scale, scales[r * groups]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < TILE_ROWS; r++) result[r][panel] = y[r];
}

static int fill_tiles(const Product *p) { return p->end - p->first >= TILE_ROWS; }

/* The last rows are taken once more where they would not fill a tile. The weights lie whole, though those that are fetched may
   lie in halves. */
static void all_rows_in_tiles(const Product *p, int64_t panel, Panels *w) {
    const int64_t groups = p->a->padded / GROUP, blocks = (p->end - p->first + TILE_ROWS - 1) / TILE_ROWS;
    w->to_lower = p->w->spread ? to_lower(p->w, p->a->padded) : 0;
    w->fetch_step = fetch_step(p, blocks * PANELS * groups) / (w->to_lower ? 2 : 1);
    begin_tiles();
    for (int64_t block = 0; block < blocks; block++) {
        __m512 y[TILE_ROWS][PANELS];
        const int64_t row = p->first + block * TILE_ROWS, left = p->end - row;
        const int64_t first = left < TILE_ROWS ? p->end - TILE_ROWS : row;
        for (int64_t r = first; r < first + TILE_ROWS; r++) /* what is written at the end */
            for (int i = 0; i < PANELS; i++) __builtin_prefetch(p->y + r * p->w->out + (panel + i) * LANES, 1);
        for (int i = 0; i < PANELS; i++) tile_rows(p->a, first, w, i, (block * PANELS + i) * groups, y);
        store(p, panel, row, left < TILE_ROWS ? left : TILE_ROWS, y + (row - first));
    }
    _tile_release();
}
