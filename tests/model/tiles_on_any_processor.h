/* AMX's tiles in plain C, included before kernels.c: what they multiply is tried on processors that have none. */

#pragma once

#include <immintrin.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define __AMX_INT8__ 1
#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbsud
#define _tile_loadconfig(shapes) tiles_shaped(shapes)
#define _tile_release() tiles_shaped(NULL)
#define _tile_zero(t) memset(tiles[t], 0, sizeof tiles[t])
#define _tile_loadd(t, from, stride) tile_loaded(t, (const char *)(from), stride)
#define _tile_stored(t, to, stride) tile_stored(t, (char *)(to), stride)
#define _tile_dpbsud(sum, a, b) tiles_multiplied(sum, a, b)

static _Thread_local uint8_t tiles[8][16][64];
static _Thread_local int tiles_are_shaped;
__attribute__((weak)) int some_were_multiplied; /* one for all files */

__attribute__((destructor)) static void tiles_were_used(void) {
    if (!some_were_multiplied) abort();
}

__attribute__((unused)) static void tiles_shaped(const void *shapes) {
    static const uint8_t row_bytes[2] = {64, 0}, rows[6] = {16, 16, 16, 16, 16, 16};
    tiles_are_shaped = shapes && *(const uint8_t *)shapes == 1;
    for (int t = 0; tiles_are_shaped && t < 6; t++)
        tiles_are_shaped = !memcmp((const uint8_t *)shapes + 16 + 2 * t, row_bytes, 2);
    tiles_are_shaped = tiles_are_shaped && !memcmp((const uint8_t *)shapes + 48, rows, sizeof rows);
    memset(tiles, 0, sizeof tiles);
}

__attribute__((unused)) static void tile_loaded(int t, const char *from, int64_t stride) {
    for (int row = 0; row < 16; row++) memcpy(tiles[t][row], from + row * stride, 64);
}

__attribute__((unused)) static void tile_stored(int t, char *to, int64_t stride) {
    for (int row = 0; row < 16; row++) memcpy(to + row * stride, tiles[t][row], 64);
}

/* Signed bytes of a's rows times unsigned ones of b, four of each in a column's sum at once. */
__attribute__((unused)) static void tiles_multiplied(int sum, int a, int b) {
    if (!tiles_are_shaped) abort();
    some_were_multiplied = 1;
    int32_t sums[16][16];
    memcpy(sums, tiles[sum], sizeof sums);
    for (int row = 0; row < 16; row++)
        for (int column = 0; column < 16; column++)
            for (int i = 0; i < 64; i++)
                sums[row][column] += (int8_t)tiles[a][row][i] * tiles[b][i / 4][column * 4 + i % 4];
    memcpy(tiles[sum], sums, sizeof sums);
}
