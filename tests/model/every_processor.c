/* What the kernels make of numbers from one sequence, written to stdout: the same bytes on every kind of processor.

   Compiled with kernels.c's folder among those that are searched, for the processor whose kernels are tried, and with
   start.c and team.c. */

#include "kernels.c"

#include <pthread.h>
#include <stdio.h>

extern int live_canary_can(void);
extern void live_canary_join(void);

enum { THREADS = 2 };

static float number(void) { /* mostly between -2 and 2, seldom far less or more */
    static uint64_t state = 88172645463325252u;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    const float x = (int32_t)(state >> 32) / 1073741824.0f;
    return state % 7 == 0 ? x * 1e-3f : state % 31 == 0 ? x * 200 : x;
}

static float *numbers(int64_t n) {
    float *x = malloc(n * sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i] = number();
    return x;
}

static void tell(const void *data, int64_t bytes) { fwrite(data, 1, bytes, stdout); }

static void tell_floats(const float *x, int64_t n) { /* of what is no number only that */
    for (int64_t i = 0; i < n; i++) tell(x[i] == x[i] ? &x[i] : &(float){0.0f / 0.0f * 0}, x[i] == x[i] ? sizeof *x : 1);
}

/* A matrix of `kind`, made of two on top of each other, and told. */
static Matrix matrix(int64_t out, int64_t in, int64_t bits, int halves, int kind) {
    float *exact = numbers(out * in);
    uint16_t *rounded = malloc(out * in * sizeof *rounded);
    for (int64_t i = 0; i < out * in; i++) {
        uint32_t whole;
        memcpy(&whole, exact + i, sizeof whole);
        rounded[i] = kind == BFLOAT16 ? whole >> 16 : float16_of(exact[i]);
    }
    const char *first = kind == FLOAT32 ? (char *)exact : (char *)rounded;
    const int64_t ends[] = {out / 3, out}, size = kind == FLOAT32 ? 4 : 2;
    const void *parts[] = {first, first + ends[0] * in * size};
    const int64_t padded = pad(in, GROUP), panels = pad(out, LANES * PANELS) / LANES;
    const int64_t weights = panels * LANES * padded * bits / 8, groups = padded / GROUP;
    const int64_t scales = bits == 8 ? panels * groups * LANES * 2 : panels * blocks_of(padded) * (int64_t)sizeof(Block);
    Packing p = {parts, ends, malloc(weights), malloc(scales), halves ? malloc(out * 4) : NULL, in, out, bits, kind};
    pack(&p, THREADS);
    tell(p.weights, weights);
    tell(p.scales, scales);
    if (halves) tell_floats(p.spread, out);
    free(exact);
    free(rounded);
    return (Matrix){p.weights, p.scales, numbers(out), p.spread, in, out, bits};
}

static void multiply_all(void) {
    static const int64_t sizes[][2] = {{1, 1}, {32, 64}, {37, 70}, {100, 600}, {16, 257}};
    for (int form = 0; form < 3; form++)
        for (int kind = FLOAT32; kind <= FLOAT16; kind++)
            for (int s = 0; s < 5; s++) {
                const int64_t out = sizes[s][0], in = sizes[s][1];
                const Matrix w = matrix(out, in, form == 2 ? 4 : 8, form == 1, kind);
                for (int64_t rows = 1; rows < 40; rows += rows < 9 ? 1 : 4) {
                    float *x = numbers(rows * in), *y = numbers(rows * out);
                    if (rows == 9) { /* one is no number; a row of zeros; one of hardly more */
                        x[0] = NAN;
                        for (int64_t i = in; i < in * 2; i++) x[i] = 0, x[i + in] *= 1e-40f;
                    }
                    matmul(&w, x, y, rows, THREADS);
                    tell_floats(y, rows * out);
                    free(x);
                    free(y);
                }
            }
}

static void decode_all(int64_t bits) {
    enum { HIDDEN = 96, INNER = 160, HEADS = 4, KV_HEADS = 2, HEAD_DIM = 24, POSITIONS = 96, LAYERS = 2, ROWS_NOW = 40 };
    Layer layers[LAYERS];
    for (int i = 0; i < LAYERS; i++)
        layers[i] = (Layer){matrix((HEADS + 2 * KV_HEADS) * HEAD_DIM, HIDDEN, bits, 0, BFLOAT16),
                            matrix(HIDDEN, HEADS * HEAD_DIM, bits, 0, BFLOAT16),
                            matrix(2 * INNER, HIDDEN, bits, 0, BFLOAT16),
                            matrix(HIDDEN, INNER, bits, 0, BFLOAT16),
                            numbers(HIDDEN),
                            numbers(HEAD_DIM),
                            numbers(HEAD_DIM),
                            numbers(HIDDEN),
                            numbers(KV_HEADS * POSITIONS * HEAD_DIM),
                            numbers(KV_HEADS * POSITIONS * HEAD_DIM)};
    for (int i = 0; i < LAYERS; i++) layers[i].o.bias = layers[i].down.bias = NULL;
    const Decoder d = {layers, numbers(POSITIONS * HEAD_DIM), numbers(POSITIONS * HEAD_DIM),
                       LAYERS, HIDDEN, INNER, HEADS, KV_HEADS, HEAD_DIM, POSITIONS, 1e-6f};
    int64_t begins[ROWS_NOW], positions[ROWS_NOW];
    for (int i = 0; i < ROWS_NOW; i++) begins[i] = i < 3 ? 0 : 48, positions[i] = i < 3 ? 30 + i : i - 3;
    for (int64_t needed = 1; needed <= ROWS_NOW; needed += 3) {
        float *x = numbers(ROWS_NOW * HIDDEN);
        decode(&d, x, ROWS_NOW, begins, positions, needed, THREADS);
        tell_floats(x + (ROWS_NOW - needed) * HIDDEN, needed * HIDDEN);
        tell_floats(layers[1].keys, KV_HEADS * POSITIONS * HEAD_DIM);
        tell_floats(layers[1].values, KV_HEADS * POSITIONS * HEAD_DIM);
        free(x);
    }
}

static Norm norm(int64_t n) { return (Norm){numbers(n), numbers(n)}; }

static void encode_all(int64_t bits) {
    enum { WIDTH = 96, INNER = 200, HEADS = 4, TAPS = 9, LONGEST = 70, FRAMES = 67 };
    const ConformerLayer layer = {
        matrix(INNER, WIDTH, bits, 0, FLOAT32),     matrix(WIDTH, INNER, bits, 0, FLOAT32),
        matrix(WIDTH, WIDTH, bits, 0, FLOAT32),     matrix(WIDTH, WIDTH, bits, 0, FLOAT32),
        matrix(WIDTH, WIDTH, bits, 0, FLOAT32),     matrix(WIDTH, WIDTH, bits, 0, FLOAT32),
        matrix(2 * WIDTH, WIDTH, bits, 0, FLOAT32), matrix(WIDTH, WIDTH, bits, 0, FLOAT32),
        matrix(INNER, WIDTH, bits, 0, FLOAT32),     matrix(WIDTH, INNER, bits, 0, FLOAT32),
        norm(WIDTH), norm(WIDTH), norm(WIDTH), norm(WIDTH), norm(WIDTH),
        numbers(WIDTH), numbers(WIDTH), numbers(TAPS * WIDTH), numbers(WIDTH), numbers(WIDTH * (2 * LONGEST - 1)),
    };
    const Conformer c = {&layer, 1, WIDTH, INNER, HEADS, TAPS, LONGEST, 1e-5f};
    for (int64_t frames = 1; frames <= FRAMES; frames += 11) {
        float *x = numbers(frames * WIDTH);
        encode(&c, x, frames, THREADS);
        tell_floats(x, frames * WIDTH);
        free(x);
    }
}

static void *join(void *unused) {
    live_canary_join();
    return unused;
}

int main(void) {
    pthread_t member;
    if (!live_canary_can()) return 1; /* and Linux gives the tiles to those alone that ask */
    if (pthread_create(&member, NULL, join, NULL)) return 1;
    multiply_all();
    decode_all(8);
    decode_all(4);
    encode_all(8);
    encode_all(4);
    return fflush(stdout) != 0;
}
