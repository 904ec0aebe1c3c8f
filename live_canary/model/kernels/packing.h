/* Weights rounded to 8 or 4 bits and laid out as products read them. */

#pragma once

enum { LARGEST = 127, LOWEST4 = -8, HIGHEST4 = 7, LARGEST_FACTOR = 15 };
enum { FLOAT32, BFLOAT16, FLOAT16 };

typedef struct {
    const void *const *parts; /* matrices on top of each other, row by row, all of one of these kinds */
    const int64_t *ends;      /* of each, counted in rows of the whole */
    uint8_t *weights;         /* what becomes a Matrix's, in halves where there is a spread */
    void *scales;
    float *spread;
    int64_t in, out, bits, kind;
} Packing;

/* So many inputs of a row, from `first` on, and zeros behind the last row or input. */
static void read_inputs(const Packing *p, int64_t row, int64_t first, int64_t count, float *x) {
    const int64_t there = row < p->out ? within(p->in - first, 0, count) : 0;
    int part = 0;
    int64_t begin = 0;
    if (there) /* the row is in one of the parts */
        for (; row >= p->ends[part]; part++) begin = p->ends[part];
    const int64_t at = (row - begin) * p->in + first;
    const uint16_t *halves = there ? (const uint16_t *)p->parts[part] + at : NULL;
    if (p->kind == BFLOAT16)
        for (int64_t i = 0; i < there; i++) {
            const uint32_t bits = (uint32_t)halves[i] << 16;
            memcpy(x + i, &bits, sizeof bits);
        }
    else if (p->kind == FLOAT16)
        for (int64_t i = 0; i < there; i++) x[i] = from_float16(halves[i]);
    else if (there)
        memcpy(x, (const float *)p->parts[part] + at, there * sizeof *x);
    for (int64_t i = there; i < count; i++) x[i] = 0;
}

/* The bits of the largest magnitude: above all where one is no number, and so are the scale and what is made with it. */
static int32_t largest_magnitude(const float *x, int64_t n) {
    int32_t most = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= INT32_MAX;
        most = bits > most ? bits : most;
    }
    return most;
}

static float float_of(int32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* In steps, from the least to the most; the most where it is no number. */
static Vec in_steps(Vec x, float step, float least, float most) {
    const Vec steps = nearest(over(x, each(step == 0 ? 1 : step)));
    return greater(lanes(LANES), lesser(steps, each(most)), each(least));
}

/* 64 inputs of an output, 128 more, four in a row for every 64 bytes; returns the bits of their scale. */
static uint16_t pack_group(const float *x, uint8_t *to) {
    const uint16_t bits = float16_of(float_of(largest_magnitude(x, GROUP)) / LARGEST);
    const float scale = from_float16(bits);
    float steps[GROUP];
    uint8_t bytes[GROUP];
    for (int i = 0; i < GROUP; i += LANES)
        put(steps + i, lanes(LANES), in_steps(load(lanes(LANES), x + i), scale, -LARGEST, LARGEST));
    for (int i = 0; i < GROUP; i++) bytes[i] = (int32_t)steps[i] + 128;
    for (int i = 0; i < GROUP; i += 4) memcpy(to + i * LANES, bytes + i, 4);
    return bits;
}

/* A group of a panel, [16][16][4], in halves, two to a byte as weights of 4 bits; of each output the largest square so far
   of what it loses without the lower ones. */
static void halve_group(const uint8_t *whole, const uint16_t *scales, uint8_t *upper, uint8_t *lower, float *lost) {
    enum { FOURS = LANES * 4 * 4 }; /* the bytes of 16 inputs */
    for (int half = 0; half < 2; half++, whole += 2 * FOURS, upper += FOURS, lower += FOURS)
        for (int i = 0; i < FOURS; i++) {
            const uint8_t early = whole[i], late = whole[i + FOURS];
            upper[i] = early >> 4 | (late & 0xf0);
            lower[i] = (early & 0x0f) | late << 4;
        }
    whole -= 4 * FOURS;
    for (int lane = 0; lane < LANES; lane++) {
        int32_t squares = 0;
        for (int i = 0; i < GROUP; i++) {
            const int32_t off = (whole[(i / 4 * LANES + lane) * 4 + i % 4] & 15) - 8;
            squares += off * off;
        }
        const float scale = from_float16(scales[lane]), loss = squares / (float)GROUP * (scale * scale);
        lost[lane] = loss > lost[lane] || loss != loss ? loss : lost[lane];
    }
}

static void pack_panel8(const Packing *p, int64_t panel) {
    const int64_t padded = pad(p->in, GROUP), groups = padded / GROUP, half = pad(p->out, LANES * PANELS) * padded / 2;
    uint16_t *scales = (uint16_t *)p->scales + panel * groups * LANES;
    float x[GROUP], lost[LANES] = {0};
    uint8_t whole[GROUP * LANES];
    for (int64_t g = 0; g < groups; g++, scales += LANES) {
        const int64_t at = (panel * groups + g) * GROUP * LANES;
        uint8_t *to = p->spread ? whole : p->weights + at;
        for (int lane = 0; lane < LANES; lane++) {
            read_inputs(p, panel * LANES + lane, g * GROUP, GROUP, x);
            scales[lane] = pack_group(x, to + lane * 4);
        }
        if (p->spread) halve_group(whole, scales, p->weights + at / 2, p->weights + half + at / 2, lost);
    }
    if (p->spread)
        for (int64_t lane = 0; lane < LANES && panel * LANES + lane < p->out; lane++)
            p->spread[panel * LANES + lane] = sqrtf(lost[lane]);
}

/* 32 inputs with the factor of the scale that does best: the steps of all, and the squares of what is lost. */
typedef struct {
    Vec steps[2];
    float factor, error;
} Tried;

static Tried try_factor(const float *x, float scale, float of_largest, float more) {
    const float wanted = nearbyintf(of_largest / (scale == 0 ? 1 : scale));
    const float sign = (wanted > 0) - (wanted < 0), factor = wanted + more * sign;
    Tried t = {.factor = factor > LARGEST_FACTOR ? LARGEST_FACTOR : factor < -LARGEST_FACTOR ? -LARGEST_FACTOR : factor};
    Vec squares = zeros();
    for (int v = 0; v < 2; v++) {
        const Vec exact = load(lanes(LANES), x + v * LANES);
        t.steps[v] = in_steps(exact, t.factor * scale, LOWEST4, HIGHEST4);
        const Vec error = mul_sub(t.steps[v], each(t.factor * scale), exact);
        squares = mul_add(error, error, squares);
    }
    t.error = sum_of(squares);
    return t;
}

/* 32 inputs of an output, 8 more, two to a byte; returns their factor. */
static int8_t pack_factored(const float *x, float scale, float largest, uint8_t *to) {
    /* So many steps the largest of them is worth, with the nearest factor or one more: what is tried. */
    static const float worth[][2] = {{-8, 0}, {-8, 1}, {-8, -1}, {7, 0}, {7, 1}};
    Tried best = {.error = INFINITY};
    best.steps[0] = best.steps[1] = zeros();
    for (unsigned i = 0; i < sizeof worth / sizeof *worth; i++) {
        const Tried t = try_factor(x, scale, largest / worth[i][0], worth[i][1]);
        if (t.error < best.error) best = t;
    }
    float steps[FACTORED];
    for (int v = 0; v < 2; v++) put(steps + v * LANES, lanes(LANES), best.steps[v]);
    uint8_t bytes[LANES];
    for (int i = 0; i < LANES; i++) bytes[i] = ((int32_t)steps[i] + 8) | ((int32_t)steps[i + LANES] + 8) << 4;
    for (int i = 0; i < LANES; i += 4) memcpy(to + i * LANES, bytes + i, 4);
    return (int8_t)best.factor;
}

static void pack_panel4(const Packing *p, int64_t panel) {
    const int64_t padded = pad(p->in, GROUP), blocks = blocks_of(padded);
    for (int64_t b = 0; b < blocks; b++) {
        Block *block = (Block *)p->scales + panel * blocks + b;
        for (int lane = 0; lane < LANES; lane++) {
            float x[BLOCK], largest[BLOCK / FACTORED];
            int32_t most = 0;
            read_inputs(p, panel * LANES + lane, b * BLOCK, BLOCK, x);
            for (int part = 0; part < BLOCK / FACTORED; part++) {
                const float *some = x + part * FACTORED;
                const int32_t magnitude = largest_magnitude(some, FACTORED);
                most = magnitude > most ? magnitude : most;
                int at = 0;
                while (at < FACTORED - 1 && fabsf(some[at]) != float_of(magnitude)) at++;
                largest[part] = some[at];
            }
            block->scale[lane] = float16_of(float_of(most) / (LARGEST_FACTOR * -LOWEST4));
            const float scale = from_float16(block->scale[lane]);
            for (int part = 0; part < BLOCK / FACTORED; part++) {
                const int64_t first = b * BLOCK + part * FACTORED;
                uint8_t unused[FACTORED / 2 * LANES], *to = p->weights + (panel * padded + first) * LANES / 2;
                block->factor[part][lane] =
                    pack_factored(x + part * FACTORED, scale, largest[part], (first < padded ? to : unused) + lane * 4);
            }
        }
    }
}

static void pack_panel(const void *context, int64_t panel) {
    const Packing *p = context;
    if (p->bits == 8)
        pack_panel8(p, panel);
    else
        pack_panel4(p, panel);
}

static int pack(const Packing *p, int threads) {
    run(pack_panel, p, pad(p->out, LANES * PANELS) / LANES, threads);
    return 0;
}
