/* Matrices in 8- or 4-bit weights, and the layers of the model around them, for x86 and ARM processors: compiled once for each
   kind.

   Weights lie as the processor multiplies them: panels of 16 outputs, of each output 4 inputs in a row, unsigned.
   Those of which only the largest output is asked for lie in halves of 4 bits: most outputs are told from the upper ones.
   Activations are rounded to 8 bits. Of every 64 inputs of an output weights and activations have a scale each; of weights
   in 4 bits 256 have one, and 32 a whole factor. Unsigned weights are 128 (or 8) too large; what this adds, 128 * sum(x), is
   taken off again. The integer sums of a group are exact; the groups are added up in one order, whatever the number of
   threads or of rows and the kind of processor.

   Knows nothing of Python, files or checkpoints; __init__.py says how each tensor is laid out. */

#if defined __aarch64__
#include "products128.h"
#define OF_THIS_KIND(name) live_canary_##name##_neon
#elif defined __AMX_INT8__
#include "products512.h"
#define OF_THIS_KIND(name) live_canary_##name##_amx
#elif defined __AVX512VNNI__
#include "products512.h"
#define OF_THIS_KIND(name) live_canary_##name##_avx512
#elif defined __AVXVNNI__
#include "products256.h"
#define OF_THIS_KIND(name) live_canary_##name##_avxvnni
#else
#include "products256.h"
#define OF_THIS_KIND(name) live_canary_##name##_avx2
#endif

#include "conformer.h"
#include "packing.h"
#include "qwen3.h"

int OF_THIS_KIND(matmul)(const Matrix *w, const float *x, float *y, int64_t rows, int threads) {
    return matmul(w, x, y, rows, threads);
}

int OF_THIS_KIND(decode)(const Decoder *d, float *x, int64_t rows, const int64_t *begins, const int64_t *positions,
                         int64_t needed, int threads) {
    return decode(d, x, rows, begins, positions, needed, threads);
}

int OF_THIS_KIND(encode)(const Conformer *c, float *x, int64_t frames, int threads) {
    return encode(c, x, frames, threads);
}

int OF_THIS_KIND(pack)(const Packing *p, int threads) { return pack(p, threads); }
